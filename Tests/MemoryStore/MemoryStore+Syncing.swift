public import Provisioning

extension MemoryStore {
  /// See `SyncingStore.takeTracked`.
  public func takeTracked(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> TrackingAnswer
  {
    try request { ledger, now throws(StoreError) in
      ledger.takeTracked(worker, lease: lease, first: first, now: now)
    }
  }

  /// See `SyncingStore.syncSlot`.
  public func syncSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> SyncSlot
  {
    try request { ledger, now throws(StoreError) in
      ledger.syncSlot(reward, worker: worker, lease: lease, now: now)
    }
  }

  /// See `SyncingStore.record`.
  public func record(_ codes: [IssuedCode], of reward: RewardID, worker: WorkerID)
    async throws(StoreError) -> RecordedChanges
  {
    try request { ledger, now throws(StoreError) in
      try ledger.record(codes, of: reward, worker: worker, now: now)
    }
  }

  /// See `SyncingStore.finish`.
  public func finish(
    _ report: SyncPassReport,
    of reward: TrackedReward,
    worker: WorkerID,
    rules: SyncRules
  ) async throws(StoreError) -> SyncPassAnswer {
    try request { ledger, now throws(StoreError) in
      ledger.finish(report, of: reward, worker: worker, rules: rules, now: now)
    }
  }

  /// See `SyncingStore.noteResync`.
  public func noteResync(
    _ reward: RewardID,
    system: SyncSystem,
    failure: String,
    wasSent: Bool
  ) async throws(StoreError) {
    try request { ledger, now throws(StoreError) in
      ledger.noteResync(reward, system: system, failure: failure, wasSent: wasSent, now: now)
    }
  }

  /// See `RetentionStore.pruneCalls`.
  public func pruneCalls(olderThan age: Duration, atMost limit: Int)
    async throws(StoreError) -> PrunedCalls
  {
    try request { ledger, now throws(StoreError) in
      ledger.pruneCalls(olderThan: age, atMost: limit, now: now)
    }
  }
}
