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

  /// A row with these parts.
  public init(code: IssuedCode, job: JobID?, call: CallID?, isSurplus: Bool) {
    self.code = code
    self.job = job
    self.call = call
    self.isSurplus = isSurplus
  }
}
