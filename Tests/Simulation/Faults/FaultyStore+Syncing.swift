import MemoryStore
import Provisioning

extension FaultyStore {
  func takeFollow(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> FollowAnswer
  {
    try await request("follow") { () throws(StoreError) in
      try await base.takeFollow(worker, lease: lease, first: first)
    }
  }

  func followSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> FollowSlot
  {
    try await request("follow") { () throws(StoreError) in
      try await base.followSlot(reward, worker: worker, lease: lease)
    }
  }

  func record(_ codes: [IssuedCode], of reward: RewardID, worker: WorkerID)
    async throws(StoreError) -> RecordedChanges
  {
    try await request("follow") { () throws(StoreError) in
      try await base.record(codes, of: reward, worker: worker)
    }
  }

  func finish(
    _ look: LookReport,
    of follow: FollowCase,
    worker: WorkerID,
    rules: SyncRules
  ) async throws(StoreError) -> LookAnswer {
    try await request("follow") { () throws(StoreError) in
      try await base.finish(look, of: follow, worker: worker, rules: rules)
    }
  }

  func noteResync(
    _ reward: RewardID,
    system: SyncSystem,
    failure: String,
    wasSent: Bool
  ) async throws(StoreError) {
    try await request("follow") { () throws(StoreError) in
      try await base.noteResync(reward, system: system, failure: failure, wasSent: wasSent)
    }
  }
}
