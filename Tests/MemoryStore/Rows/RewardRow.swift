public import Provisioning

/// One row of `codemint.rewards`. Times are microseconds on the ledger's clock.
public struct RewardRow: Hashable, Sendable {
  /// Since when no new call is claimed, because a call is in doubt.
  public var closedAt: Int64?
  /// Calls that are sending.
  public var inFlight = 0
  /// Refusals (403) and failures (5xx) of its calls in a row.
  public var failures = 0
  /// When the first failure (5xx) of the row was.
  public var failingSince: Int64?
  /// No call before this time.
  public var pausedUntil: Int64?
  /// Why it was refused.
  public var errorCode: String?
  /// The message that goes with it.
  public var errorMessage: String?
  /// The worker that has it to reconcile it or to list it.
  public var reconciler: WorkerID?
  /// Until when that worker has it without a word.
  public var reconcilerUntil: Int64?
  /// Nobody takes it again before this time.
  public var reconcileAt: Int64?
  /// Since when listing it has failed without a break.
  public var listingFailingSince: Int64?
  /// First and last code of its newest clean answer.
  public var newestKnown: [CodeID] = []
  /// Whether codes begin with the prefix that is asked for; nil until an answer has shown it.
  public var prefixLiteral: Bool?
  /// The latest call because of which it is watched.
  public var watchCall: CallID?
  /// How many listings of the watch are done; -1 if calls wait for one that comes first.
  public var watchStep = 0
  /// When it is listed next.
  public var watchAt: Int64?
  /// Since when it is suspected of codes that the ledger does not know.
  public var watchedSince: Int64?
  /// How often in a row it could not be listed when the watch was due.
  public var watchFailures = 0
  /// Since when.
  public var watchFailingSince: Int64?
  /// Why.
  public var watchError: String?
  /// How its last watch ended: listed or unlistable.
  public var watchEnded: String?

  /// Whether no call of it is made before it has been listed.
  public var awaitsListing: Bool { watchStep < 0 }

  /// A reward that is met for the first time.
  public init() {}
}
