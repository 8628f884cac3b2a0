import MemoryStore
import Provisioning
import Testing

@Suite("claiming")
struct ClaimTests {
  @Test(
    "a claim commits the call as sending, with the planned size",
    arguments: LedgerKind.allCases
  )
  func commits(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1201)
      for (size, isFirst) in [(500, true), (500, false), (201, false)] {
        let claimed = try await scene.claim()
        #expect(claimed.call.size == size)
        #expect(claimed.startsJob == isFirst)
        #expect(claimed.call.job == id && claimed.call.reward == Scene.reward)
        let row = try await scene.call(claimed)
        #expect(row.state == .sending && row.worker == Scene.worker)
        #expect(row.leaseExpiresAt == startOfTime + 10_000_000 && row.outstanding == size)
      }
      let job = try await scene.job(id)
      #expect(job.state == .running && job.outstanding == 1201 && job.isQueued == false)
      #expect(try await scene.reward().inFlight == 3)
      #expect(try await scene.ledger.facts().account.inFlight == 3)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
    }
  }

  @Test("rule 1: a claim that is repeated finds itself", arguments: LedgerKind.allCases)
  func repeats(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(700)
      let request = scene.request()
      let first = try await scene.ledger.store.claim(request)
      let before = try await scene.ledger.facts()
      #expect(try await scene.ledger.store.claim(request) == first)
      #expect(try await scene.ledger.facts().differences(from: before) == [])
    }
  }

  @Test("a claim repeated after its call has ended claims nothing", arguments: LedgerKind.allCases)
  func repeatsTooLate(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(700)
      let claimed = try await scene.claim()
      let stranger = scene.request(claimed.call.id, worker: Scene.otherWorker)
      #expect(try await scene.ledger.store.claim(stranger) == .nothing(wait: .zero, due: nil))
      try await scene.settle(claimed, .unknown(.timeout))
      let again = scene.request(claimed.call.id)
      #expect(try await scene.ledger.store.claim(again) == .nothing(wait: .zero, due: nil))
    }
  }

  @Test(
    "rule 4: each call keeps the lengths of its own worker, and the last moment moves with its lease",
    arguments: LedgerKind.allCases
  )
  func lengths(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1000)
      let slow = Samples.lengths(lease: .seconds(5), apiTimeout: .seconds(60))
      let fast = Samples.lengths(
        lease: .seconds(5),
        apiTimeout: .seconds(3),
        listingGap: .seconds(2)
      )
      for (worker, lengths) in [(Scene.worker, slow), (Scene.otherWorker, fast)] {
        let request = ClaimRequest(call: scene.newCall(), worker: worker, lengths: lengths)
        _ = try await scene.ledger.store.claim(request)
      }
      var calls = try await scene.ledger.facts().calls
      let own = try #require(calls.values.first { $0.worker == Scene.worker })
      let other = try #require(calls.values.first { $0.worker == Scene.otherWorker })
      #expect(own.lengths == slow && own.effectiveUntil == startOfTime + 75_000_000)
      #expect(other.lengths == fast && other.effectiveUntil == startOfTime + 10_000_000)
      try await scene.ledger.pass(.seconds(3))
      let renewed = try await scene.ledger.store.renew(
        [own.call.id],
        worker: Scene.worker,
        lease: .seconds(5)
      )
      #expect(renewed == [own.call.id])
      try await scene.ledger.pass(.seconds(6))
      try await scene.heartbeat(worker: Scene.otherWorker)
      calls = try await scene.ledger.facts().calls
      #expect(calls[own.call.id]?.state == .inDoubt)
      #expect(calls[own.call.id]?.effectiveUntil == startOfTime + 78_000_000)
      #expect(calls[other.call.id]?.effectiveUntil == startOfTime + 10_000_000)
    }
  }

  @Test("nothing is claimed before a worker has announced limits", arguments: LedgerKind.allCases)
  func needsLimits(kind: LedgerKind) async throws {
    try await withLedger(kind) { ledger in
      let order = JobOrder(reward: Scene.reward, count: 5)
      _ = try await ledger.insert([order])
      let request = ClaimRequest(
        call: Samples.call(1),
        worker: Scene.worker,
        lengths: Samples.lengths(lease: .seconds(10))
      )
      #expect(try await ledger.store.claim(request) == .nothing(wait: nil, due: .zero))
    }
  }

  @Test(
    "no reward and no account gets more calls in flight than allowed",
    arguments: LedgerKind.allCases
  )
  func keepsToLimits(kind: LedgerKind) async throws {
    let limits = Limits(
      requestsPerSecond: 1000,
      burst: 1000,
      maxInFlight: 3,
      maxInFlightPerReward: 2
    )
    try await Scene.lend(kind, limits: limits) { scene in
      _ = try await scene.insert(5000)
      let last = try await scene.insert(5000, of: Scene.otherReward)
      let claimed = [try await scene.claim(), try await scene.claim(), try await scene.claim()]
      #expect(Set(claimed.map(\.call.job)).count == 2)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      try await scene.settle(claimed[0], scene.answer(claimed[0]))
      try await scene.settle(claimed[2], scene.answer(claimed[2]))
      let next = [try await scene.claim(), try await scene.claim()]
      #expect(next.filter { $0.call.job == last }.count == 1)
    }
  }

  @Test(
    "rule 2: a closed reward claims nothing, another one proceeds",
    arguments: LedgerKind.allCases
  )
  func closed(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      let other = try await scene.insert(5000, of: Scene.otherReward)
      let doubtful = try await scene.claim()
      try await scene.settle(doubtful, .unknown(.timeout))
      try await scene.ledger.pass(.seconds(5))
      let first = try await scene.claim()
      #expect(first.call.job == other)
      try await scene.settle(first, scene.answer(first))
      for _ in 0..<3 {
        #expect(try await scene.claim().call.job == other)
      }
    }
  }
}
