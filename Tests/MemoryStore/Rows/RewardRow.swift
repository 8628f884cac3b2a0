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
  /// When the lease of that worker runs out.
  public var reconcilerUntil: Int64?
  /// Nobody takes it again before this time.
  public var reconcileAt: Int64?
  /// When listing it first failed or disagreed in this doubt.
  public var undecidedSince: Int64?
  /// How long that has lasted, in microseconds, without the time in which nobody could ask.
  public var undecidedFor: Int64 = 0
  /// The job of its newest clean answer.
  public var newestJob: JobID?
  /// The call of its newest clean answer.
  public var newestCall: CallID?
  /// Whether no call of it is made before it has been listed.
  public var awaitsListing = false

  /// A reward that is met for the first time.
  public init() {}
}

/// One row of `codemint.reward_watches`: a reward is to be listed again, because the ledger may lack
/// codes of it. Times are microseconds on the ledger's clock.
public struct WatchRow: Hashable, Sendable {
  /// Why a reward is watched.
  public enum Reason: String, Hashable, Sendable, CaseIterable {
    /// A call was judged absent.
    case absentCall = "absent_call"
    /// A call was adopted with fewer codes than it asked for.
    case partialCall = "partial_call"
    /// A call is held for a person, and its codes may be upstream and unknown.
    case heldCall = "held_call"
    /// A call that was decided got an answer without a new code.
    case repeatedAnswer = "repeated_answer"
    /// A call that was judged absent turned out to be in doubt.
    case lateDoubt = "late_doubt"
    /// A sync pass showed codes that the ledger does not know.
    case lateCodes = "late_codes"
    /// The database failed over. Here nothing does.
    case failover
    /// The database was restored.
    case restore

    /// Whether calls wait for the listing.
    public var awaitsListing: Bool {
      switch self {
      case .failover, .restore: true
      case .absentCall, .partialCall, .heldCall, .repeatedAnswer, .lateDoubt, .lateCodes: false
      }
    }
  }

  /// The reason of the latest call.
  public var reason: Reason
  /// The latest call because of which it is watched.
  public var call: CallID?
  /// Since when it is suspected of codes that the ledger does not know; nil once it is listed to the
  /// end.
  public var since: Int64?
  /// How many listings are left, without those that calls wait for.
  public var listingsLeft = 4
  /// When it is listed next.
  public var nextListingAt: Int64?
  /// How often in a row it could not be listed.
  public var failures = 0
  /// Since when.
  public var failingSince: Int64?
  /// Why.
  public var errorMessage: String?
  /// How the watch ended: listed or unlistable.
  public var ended: String?

  /// A watch that has just begun.
  public init(reason: Reason, call: CallID?) {
    self.reason = reason
    self.call = call
  }
}
