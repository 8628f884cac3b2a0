/// The ledger's part in tracking codes until other systems have them. Each request is one
/// transaction.
public protocol SyncingStore: Sendable {
  /// Takes the reward whose sync pass has been due for the longest time, and that no other worker has.
  ///
  /// - Parameters:
  ///   - lease: How long the worker's lease on it is.
  ///   - first: From the moment that a code was stored, not final yet, to the first pass.
  func takeTracked(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> TrackingAnswer

  /// A slot for a page of a tracked reward, whose lease it extends. Generate calls go first: while
  /// a job waits, at most one slot in ten is given.
  func syncSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> SyncSlot

  /// Records how codes of a tracked reward were shown, and touches only what differs.
  ///
  /// - Throws: `contentRefused` for what the database does not take.
  func record(_ codes: [IssuedCode], of reward: RewardID, worker: WorkerID)
    async throws(StoreError) -> RecordedChanges

  /// Ends a sync pass. Gives the reward back, and decides whether there is another pass.
  func finish(
    _ report: SyncPassReport,
    of reward: TrackedReward,
    worker: WorkerID,
    rules: SyncRules
  ) async throws(StoreError) -> SyncPassAnswer

  /// Notes that the API could not be asked to copy a reward once more, or refused it.
  /// - Parameter wasSent: False if nothing was asked, so that it does not count.
  func noteResync(_ reward: RewardID, system: SyncSystem, failure: String, wasSent: Bool)
    async throws(StoreError)
}

/// What asking for a tracked reward gave.
public enum TrackingAnswer: Hashable, Sendable {
  /// A reward whose sync pass is due.
  case reward(TrackedReward)
  /// None is due. After `wait` one may be; nil if no reward is tracked.
  case nothing(wait: Duration?)
}

/// What asking for a slot for a page gave.
public enum SyncSlot: Hashable, Sendable {
  /// The page may be asked for after this time.
  case slot(Duration)
  /// Generate calls go first: ask again after this time.
  case wait(Duration)
  /// The account may not send now.
  case closed
  /// The reward has been lost to another worker.
  case lost
}

/// What recording a page changed.
public struct RecordedChanges: Hashable, Sendable {
  /// Whether the worker had the reward; if not, nothing was recorded.
  public let kept: Bool
  /// Codes that the ledger had otherwise than they were shown.
  public let changed: Int
  /// Codes that the ledger does not know.
  public let unknown: Int
  /// Whether one of these codes may be a late code of an absent call. The reward is then watched from
  /// now on.
  public let raisesWatch: Bool

  /// What a page changed.
  public init(kept: Bool, changed: Int, unknown: Int, raisesWatch: Bool) {
    self.kept = kept
    self.changed = changed
    self.unknown = unknown
    self.raisesWatch = raisesWatch
  }
}

/// What became of a sync pass.
public enum SyncPassAnswer: Hashable, Sendable {
  /// There will be another pass. The API shall be asked to copy the reward to these systems once
  /// more.
  case tracking(resync: [SyncSystem])
  /// The sync state of every code is final.
  case final
  /// Codes whose sync state is not final now will not be waited for any longer.
  case givenUp
  /// The reward has been lost to another worker, and nothing was recorded.
  case lost
}
