import MemoryStore
import Provisioning
import Testing

@Suite("heartbeats")
struct HeartbeatTests {
  @Test(
    "a worker renews only its own calls that are still sending",
    arguments: LedgerKind.allCases
  )
  func renews(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      let own = try await scene.claim()
      let settled = try await scene.claim()
      let foreign = try await scene.claim(worker: Scene.otherWorker)
      try await scene.settle(settled, scene.answer(settled))
      try await scene.ledger.pass(.seconds(4))
      let renewed = try await scene.ledger.store.renew(
        [own.call.id, settled.call.id, foreign.call.id, scene.newCall()],
        worker: Scene.worker,
        lease: .seconds(20)
      )
      #expect(renewed == [own.call.id])
      let end = try await scene.call(own).leaseExpiresAt
      #expect(end == startOfTime + 24_000_000)
      #expect(try await scene.call(foreign).leaseExpiresAt == startOfTime + 10_000_000)
    }
  }

  @Test(
    "a lease that ran out is found by any worker, once, and closes the reward",
    arguments: LedgerKind.allCases
  )
  func expires(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(5000)
      let claimed = try await scene.claim()
      try await scene.ledger.pass(.seconds(10))
      #expect(try await scene.heartbeat(worker: Scene.otherWorker).expired.isEmpty)
      try await scene.ledger.pass(.microseconds(1))
      let expired = try await scene.heartbeat(worker: Scene.otherWorker).expired
      #expect(expired == [ExpiredCall(call: claimed.call.id, job: id, reward: Scene.reward)])
      #expect(try await scene.heartbeat().expired.isEmpty)
      let facts = try await scene.ledger.facts()
      let row = try facts.call(claimed.call.id)
      #expect(row.state == .inDoubt && row.errorCode == "lease_expired" && row.settledAt == nil)
      #expect(try facts.job(id).outstanding == 500 && facts.account.inFlight == 0)
      #expect(try facts.reward(Scene.reward).closedAt == startOfTime + 10_000_001)
      #expect(try facts.reward(Scene.reward).inFlight == 0)
      let renewed = try await scene.ledger.store.renew(
        [claimed.call.id],
        worker: Scene.worker,
        lease: .seconds(10)
      )
      #expect(renewed.isEmpty)
    }
  }

  @Test(
    "a heartbeat says when the next lease runs out or the next job is due",
    arguments: LedgerKind.allCases
  )
  func next(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      #expect(try await scene.heartbeat().next == nil)
      _ = try await scene.insert(5, delay: .seconds(100_000))
      #expect(try await scene.heartbeat().next == .seconds(86_400))
      _ = try await scene.insert(5, delay: .seconds(30))
      #expect(try await scene.heartbeat().next == .seconds(30))
      _ = try await scene.insert(5)
      _ = try await scene.claim()
      #expect(try await scene.heartbeat().next == .seconds(10))
    }
  }

  @Test(
    "a job waits for its run_at and joins the queue when it has come",
    arguments: LedgerKind.allCases
  )
  func runAt(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(5, delay: .seconds(30))
      #expect(try await scene.ask() == .nothing(wait: nil, due: .seconds(30)))
      try await scene.ledger.pass(.seconds(31))
      #expect(try await scene.ask() == .nothing(wait: nil, due: .zero))
      try await scene.heartbeat()
      #expect(try await scene.claim().call.job == id)
    }
  }

  @Test(
    "jobs that became due join the queue in the order of their times",
    arguments: LedgerKind.allCases
  )
  func dueOrder(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      var ids: [JobID] = []
      for delay in [30, 10, 20, 40] {
        ids.append(try await scene.insert(5, delay: .seconds(delay)))
      }
      try await scene.ledger.pass(.seconds(50))
      try await scene.heartbeat()
      var claimed: [JobID] = []
      for _ in ids { claimed.append(try await scene.claim().call.job) }
      #expect(claimed == [ids[1], ids[2], ids[0], ids[3]])
    }
  }

  @Test("the smallest limits of the living workers are in force", arguments: LedgerKind.allCases)
  func limits(kind: LedgerKind) async throws {
    try await withLedger(kind) { ledger in
      let broad = Limits(requestsPerSecond: 50, burst: 1, maxInFlight: 9, maxInFlightPerReward: 9)
      let careful = Limits(requestsPerSecond: 70, burst: 5, maxInFlight: 2, maxInFlightPerReward: 1)
      func limits(after worker: WorkerID, _ limits: Limits) async throws -> Limits? {
        let lifetime = Duration.seconds(worker == Scene.worker ? 60 : 10)
        let presence = Samples.presence(worker, limits: limits, lifetime: lifetime)
        _ = try await ledger.store.heartbeat(presence)
        return try await ledger.facts().account.limits
      }
      #expect(try await limits(after: Scene.worker, broad) == broad)
      #expect(try await limits(after: Scene.otherWorker, careful) == broad.lesser(careful))
      try await ledger.pass(.seconds(10))
      #expect(try await limits(after: Scene.worker, broad) == broad.lesser(careful))
      try await ledger.pass(.microseconds(1))
      #expect(try await limits(after: Scene.worker, broad) == broad)
      #expect(try await limits(after: Scene.otherWorker, careful) == broad.lesser(careful))
      try await ledger.store.retire(Scene.otherWorker)
      #expect(try await limits(after: Scene.worker, broad) == broad)
      #expect(try await ledger.facts().workers.count == 1)
    }
  }
}
