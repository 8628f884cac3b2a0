public import Provisioning

extension MemoryStore {
  /// See `SyncingStore.takeFollow`.
  public func takeFollow(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> FollowAnswer
  {
    try request { ledger, now throws(StoreError) in
      ledger.takeFollow(worker, lease: lease, first: first, now: now)
    }
  }

  /// See `SyncingStore.followSlot`.
  public func followSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> FollowSlot
  {
    try request { ledger, now throws(StoreError) in
      ledger.followSlot(reward, worker: worker, lease: lease, now: now)
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
    _ look: LookReport,
    of follow: FollowCase,
    worker: WorkerID,
    rules: SyncRules
  ) async throws(StoreError) -> LookAnswer {
    try request { ledger, now throws(StoreError) in
      ledger.finish(look, of: follow, worker: worker, rules: rules, now: now)
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
}
