/// The ledger's part in following codes until other systems have them. Each request is one
/// transaction.
public protocol SyncingStore: Sendable {
  /// Takes the reward whose look is due for the longest time, and that no other worker has.
  ///
  /// - Parameters:
  ///   - lease: How long the worker has it without a word.
  ///   - first: From the moment that an unsettled code was stored to the first look.
  func takeFollow(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> FollowAnswer

  /// A slot for a page of a followed reward, whose hold it extends. Generate calls go first: while
  /// a job waits, at most one slot in ten is given.
  func followSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> FollowSlot

  /// Records how codes of a followed reward were shown, and touches only what differs.
  ///
  /// - Throws: `contentRefused` for what the database does not take.
  func record(_ codes: [IssuedCode], of reward: RewardID, worker: WorkerID)
    async throws(StoreError) -> RecordedChanges

  /// Ends a look. Gives the reward back, and decides whether it is looked at again.
  func finish(_ look: LookReport, of follow: FollowCase, worker: WorkerID, rules: SyncRules)
    async throws(StoreError) -> LookAnswer

  /// Notes that the API could not be asked to copy a reward once more, or refused it.
  /// - Parameter wasSent: False if nothing was asked, so that it does not count.
  func noteResync(_ reward: RewardID, system: SyncSystem, failure: String, wasSent: Bool)
    async throws(StoreError)
}

/// What asking for a reward to look at gave.
public enum FollowAnswer: Hashable, Sendable {
  /// A reward whose look is due.
  case follow(FollowCase)
  /// None is due. After `wait` one may be; nil if none is followed.
  case nothing(wait: Duration?)
}

/// What asking for a slot for a page gave.
public enum FollowSlot: Hashable, Sendable {
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
  /// Codes that were not as shown.
  public let changed: Int
  /// Codes that the ledger does not know.
  public let unknown: Int
  /// Whether such a code may be a late one of a call that was judged absent, and the reward is
  /// watched because of that from now on.
  public let raisesWatch: Bool

  /// A record with these parts.
  public init(kept: Bool, changed: Int, unknown: Int, raisesWatch: Bool) {
    self.kept = kept
    self.changed = changed
    self.unknown = unknown
    self.raisesWatch = raisesWatch
  }
}
