public import Provisioning

/// One row of `codemint.workers`.
public struct WorkerRow: Hashable, Sendable {
  /// The limits that the worker brings.
  public var limits: Limits
  /// Whether it is stopping.
  public var isDraining: Bool
  /// When it no longer counts as living, in microseconds on the ledger's clock.
  public var expiresAt: Int64

  /// A row with these parts.
  public init(limits: Limits, isDraining: Bool, expiresAt: Int64) {
    self.limits = limits
    self.isDraining = isDraining
    self.expiresAt = expiresAt
  }
}
