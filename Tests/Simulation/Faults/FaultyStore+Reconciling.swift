import MemoryStore
import Provisioning

extension FaultyStore {
  func takeDoubt(_ worker: WorkerID, lease: Duration, linger: Duration)
    async throws(StoreError) -> DoubtCase?
  {
    var doubt: DoubtCase?
    try await request("take doubt") { () throws(StoreError) in
      doubt = try await base.takeDoubt(worker, lease: lease, linger: linger)
    }
    return doubt
  }

  func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError) -> WatchCase? {
    try await request("take watch") { () throws(StoreError) in
      try await base.takeWatch(worker, lease: lease)
    }
  }

  func keep(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Bool
  {
    try await request("keep") { () throws(StoreError) in
      try await base.keep(reward, worker: worker, lease: lease)
    }
  }

  func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, listingFailed: Bool)
    async throws(StoreError)
  {
    try await request("leave") { () throws(StoreError) in
      try await base.leave(reward, worker: worker, pause: pause, listingFailed: listingFailed)
    }
  }

  func putOff(_ reward: RewardID, worker: WorkerID, pause: Duration?, error: String)
    async throws(StoreError)
  {
    try await request("put off") { () throws(StoreError) in
      try await base.putOff(reward, worker: worker, pause: pause, error: error)
    }
  }

  func reserveSlot() async throws(StoreError) -> Duration? {
    try await request("slot") { () throws(StoreError) in try await base.reserveSlot() }
  }

  func known(_ codes: [CodeID]) async throws(StoreError) -> Set<CodeID> {
    try await request("known") { () throws(StoreError) in try await base.known(codes) }
  }

  func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try await request("decide") { () throws(StoreError) in
      let answer = try await base.decide(decision, worker: worker)
      stage.decided(decision, answer, host)
      return answer
    }
  }

  func conclude(_ watch: WatchFinding, worker: WorkerID) async throws(StoreError) -> WatchAnswer {
    try await request("conclude") { () throws(StoreError) in
      let answer = try await base.conclude(watch, worker: worker)
      stage.concluded(watch, answer, host)
      return answer
    }
  }
}
