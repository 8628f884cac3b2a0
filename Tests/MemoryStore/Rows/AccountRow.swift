public import Provisioning

/// The row of `codemint.accounts`. Times are microseconds on the ledger's clock.
public struct AccountRow: Hashable, Sendable {
  /// The limits in force; nil until a worker announces itself.
  public var limits: Limits?
  /// Calls that are sending.
  public var inFlight = 0
  /// The limiter's one number of state; nil for a past without beginning.
  public var nextSlot: Int64?
  /// The last slot that a page of a look took; nil for none.
  public var syncSlot: Int64?
  /// Whether the last call was a newcomer's, so that the next one is the round's.
  public var newcomerLast = false
  /// Failures of the API in a row.
  public var failures = 0
  /// Nobody sends before this time.
  public var pausedUntil: Int64?
  /// Why.
  public var pauseReason: PauseReason?
  /// Since when the API refuses the key.
  public var blockedAt: Int64?
  /// The API's error code.
  public var blockedCode: String?
  /// The API's message.
  public var blockedMessage: String?
  /// When it is to be asked again.
  public var probeAt: Int64?

  /// The API's clock is at least so much ahead, in microseconds.
  public var offsetLow: Int64?
  /// The API's clock is at most so much ahead, in microseconds.
  public var offsetHigh: Int64?
  /// When that was last measured.
  public var offsetMeasuredAt: Int64?
  /// Until when the API's `createdAt` is not believed.
  public var offsetDistrustedUntil: Int64?

  /// An account that nobody has used yet.
  public init() {}
}
