import MemoryStore
import Provisioning

extension ShakyStore {
  func takeFollow(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> FollowAnswer
  {
    try await ask(.follow) { () throws(StoreError) in
      try await memory.takeFollow(worker, lease: lease, first: first)
    }
  }

  func followSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> FollowSlot
  {
    try await ask(.follow) { () throws(StoreError) in
      try await memory.followSlot(reward, worker: worker, lease: lease)
    }
  }

  func record(_ codes: [IssuedCode], of reward: RewardID, worker: WorkerID)
    async throws(StoreError) -> RecordedChanges
  {
    try await ask(.follow) { () throws(StoreError) in
      try await memory.record(codes, of: reward, worker: worker)
    }
  }

  func finish(
    _ look: LookReport,
    of follow: FollowCase,
    worker: WorkerID,
    rules: SyncRules
  ) async throws(StoreError) -> LookAnswer {
    try await ask(.follow) { () throws(StoreError) in
      try await memory.finish(look, of: follow, worker: worker, rules: rules)
    }
  }

  func noteResync(
    _ reward: RewardID,
    system: SyncSystem,
    failure: String,
    wasSent: Bool
  ) async throws(StoreError) {
    try await ask(.follow) { () throws(StoreError) in
      try await memory.noteResync(reward, system: system, failure: failure, wasSent: wasSent)
    }
  }
}
