public import Provisioning

/// One row of `codemint.codes`, or of `codemint.strays`.
public struct CodeRow: Hashable, Sendable {
  /// The code as the API showed it.
  public var code: IssuedCode
  /// The job that it counts for, or was made for.
  public var job: JobID?
  /// The call whose answer held it.
  public var call: CallID?
  /// Whether no job has room for it.
  public var isSurplus: Bool
  /// When it was recorded, in microseconds on the ledger's clock.
  public var storedAt: Int64 = 0
  /// When it was first seen synced.
  public var syncedAt: Int64?

  /// A row with these parts.
  public init(code: IssuedCode, job: JobID?, call: CallID?, isSurplus: Bool) {
    self.code = code
    self.job = job
    self.call = call
    self.isSurplus = isSurplus
  }
}
