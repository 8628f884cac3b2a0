import MemoryStore
import Provisioning

extension ShakyStore {
  func takeDoubt(_ worker: WorkerID, lease: Duration, linger: Duration)
    async throws(StoreError) -> DoubtCase?
  {
    try await ask(.reconcile) { () throws(StoreError) in
      try await memory.takeDoubt(worker, lease: lease, linger: linger)
    }
  }

  func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError) -> WatchCase? {
    try await ask(.reconcile) { () throws(StoreError) in
      try await memory.takeWatch(worker, lease: lease)
    }
  }

  func keep(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Bool
  {
    try await ask(.reconcile) { () throws(StoreError) in
      try await memory.keep(reward, worker: worker, lease: lease)
    }
  }

  func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, listingFailed: Bool)
    async throws(StoreError)
  {
    try await ask(.reconcile) { () throws(StoreError) in
      try await memory.leave(reward, worker: worker, pause: pause, listingFailed: listingFailed)
    }
  }

  func putOff(_ reward: RewardID, worker: WorkerID, pause: Duration?, error: String)
    async throws(StoreError)
  {
    try await ask(.reconcile) { () throws(StoreError) in
      try await memory.putOff(reward, worker: worker, pause: pause, error: error)
    }
  }

  func reserveSlot() async throws(StoreError) -> Duration? {
    try await ask(.reconcile) { () throws(StoreError) in try await memory.reserveSlot() }
  }

  func known(_ codes: [CodeID]) async throws(StoreError) -> Set<CodeID> {
    try await ask(.reconcile) { () throws(StoreError) in try await memory.known(codes) }
  }

  func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try await ask(.reconcile) { () throws(StoreError) in
      try await memory.decide(decision, worker: worker)
    }
  }

  func conclude(_ watch: WatchFinding, worker: WorkerID) async throws(StoreError) -> WatchAnswer {
    try await ask(.reconcile) { () throws(StoreError) in
      try await memory.conclude(watch, worker: worker)
    }
  }
}
