public import Provisioning

/// One row of `codemint.tracked_rewards`. Times are microseconds on the ledger's clock.
public struct TrackedRow: Hashable, Sendable {
  /// When its next sync pass is due; nil if there is nothing to wait for.
  public var nextPassAt: Int64?
  /// Passes since codes were stored last that are not final.
  public var passes = 0
  /// Passes in a row that failed.
  public var failures = 0
  /// Why the last one failed.
  public var errorMessage: String?
  /// Changes up to this moment of the API's clock are known.
  public var mark: Int64?
  /// What has been seen of the order that changes are listed in.
  public var order = ListOrder.unknown
  /// Where a reading stopped.
  public var scanOffset: Int?
  /// The code that goes with it.
  public var scanAnchor: CodeID?
  /// The newest change when that reading began.
  public var scanNewest: Int64?
  /// The worker that makes a pass.
  public var worker: WorkerID?
  /// When the lease of that worker runs out.
  public var workerUntil: Int64?
  /// Since when codes that are pending are no longer waited for.
  public var givenUpAt: Int64?
  /// When unknown codes led to a watch last.
  public var lateCodesAt: Int64?

  /// A reward that is tracked for the first time.
  public init() {}
}

/// One row of `codemint.resyncs`. Times are microseconds on the ledger's clock.
public struct ResyncRow: Hashable, Sendable {
  /// How often the API was asked.
  public var attempts = 0
  /// When it was asked last.
  public var askedAt: Int64?
  /// Until then what is in error has time to be copied.
  public var nextAt: Int64
  /// Since when it is not asked any more.
  public var givenUpAt: Int64?
  /// Why the last request itself failed.
  public var errorMessage: String?

  /// A system in error that the API has not been asked about.
  public init(nextAt: Int64) {
    self.nextAt = nextAt
  }
}

/// What a row of `codemint.resyncs` is about.
public struct ResyncKey: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// The system.
  public let system: SyncSystem

  /// A reward and a system.
  public init(_ reward: RewardID, _ system: SyncSystem) {
    self.reward = reward
    self.system = system
  }
}
