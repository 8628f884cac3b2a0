/// One row of `codemint.rewards`. Times are microseconds on the ledger's clock.
public struct RewardRow: Hashable, Sendable {
  /// Since when no new call is claimed, because a call is in doubt.
  public var closedAt: Int64?
  /// Calls that are sending.
  public var inFlight = 0
  /// Refusals in a row that concern this reward alone.
  public var failures = 0
  /// No call before this time.
  public var pausedUntil: Int64?
  /// Why it was refused.
  public var errorCode: String?
  /// The message that goes with it.
  public var errorMessage: String?
  /// Since when it is suspected of codes that the ledger does not know.
  public var watchedSince: Int64?

  /// A reward that is met for the first time.
  public init() {}
}
