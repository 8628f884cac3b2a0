import MemoryStore
import Provisioning
import Testing

@Suite("the queue")
struct QueueTests {
  @Test("jobs go by priority and take turns within one", arguments: LedgerKind.allCases)
  func order(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let late = try await scene.insert(1000, priority: 7)
      let one = try await scene.insert(1000, priority: 3)
      let two = try await scene.insert(1500, priority: 3)
      var order: [JobID] = []
      for _ in 0..<7 { order.append(try await scene.claim().call.job) }
      #expect(order == [one, one, two, two, two, late, late])
    }
  }

  @Test(
    "a small job waits for two calls of the big ones and no longer",
    arguments: LedgerKind.allCases
  )
  func newJob(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let big = [
        try await scene.insert(1_000_000), try await scene.insert(1_000_000, of: Scene.otherReward),
      ]
      for _ in 0..<5 { _ = try await scene.claim() }
      for _ in 0..<6 {
        let small = try await scene.insert(10)
        let next = [try await scene.claim().call.job, try await scene.claim().call.job]
        #expect(next.contains(small) && next.contains { big.contains($0) })
      }
    }
  }

  @Test(
    "a big job has half of the calls, however many small ones come, and the small ones in order",
    arguments: LedgerKind.allCases
  )
  func stream(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let big = try await scene.insert(1_000_000)
      var small: [JobID] = []
      var served: [JobID] = []
      _ = try await scene.claim()
      for _ in 0..<20 {
        small.append(try await scene.insert(10))
        small.append(try await scene.insert(10, of: Scene.otherReward))
        try await scene.ledger.pass(.milliseconds(1))
        served.append(try await scene.claim().call.job)
      }
      #expect(served.count { $0 == big } == 10)
      #expect(served.filter { $0 != big } == Array(small.prefix(10)))
    }
  }

  @Test(
    "a job that was late, resumed or given back is new among the new jobs",
    arguments: LedgerKind.allCases
  )
  func comeBack(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let big = try await scene.insert(1_000_000)
      _ = try await scene.claim()
      let paused = try await scene.insert(10)
      try await scene.ledger.edit(.pause(paused))
      let late = try await scene.insert(10, delay: .seconds(1))
      try await scene.ledger.pass(.seconds(2))
      let new = try await scene.insert(10)
      try await scene.ledger.pass(.seconds(1))
      try await scene.ledger.edit(.resume(paused))
      try await scene.heartbeat()
      var order: [JobID] = []
      for _ in 0..<6 { order.append(try await scene.claim().call.job) }
      #expect(order.filter { $0 != big } == [new, paused, late])
    }
  }

  @Test(
    "however many jobs and rewards a producer has, another producer's new job is among the next two",
    arguments: LedgerKind.allCases
  )
  func producers(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let flood = (0..<400).map {
        JobOrder(reward: Samples.reward($0 + 10), count: 5, producer: "flood")
      }
      _ = try await scene.ledger.insert(flood)
      for _ in 0..<5 { _ = try await scene.claim() }
      for _ in 0..<5 {
        let job = try await scene.insert(5, by: "shop")
        let next = [try await scene.claim().call.job, try await scene.claim().call.job]
        #expect(next.contains(job))
      }
    }
  }

  @Test(
    "a producer with many big jobs has as many calls as one with a single big job",
    arguments: LedgerKind.allCases
  )
  func bigJobs(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      for reward in 0..<20 {
        _ = try await scene.insert(1_000_000, of: Samples.reward(reward + 10), by: "flood")
      }
      // Until none of them is new.
      for _ in 0..<45 { _ = try await scene.claim() }
      let single = try await scene.insert(1_000_000, by: "shop")
      var served: [JobID] = []
      for _ in 0..<20 { served.append(try await scene.claim().call.job) }
      #expect((9...11).contains(served.count { $0 == single }), "\(served)")
    }
  }

  @Test(
    "a producer with three shares has three calls where one without has one, of new jobs and of others",
    arguments: LedgerKind.allCases
  )
  func shares(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let (large, small) = ("codemint_producer", "codemint_reader")
      try await scene.ledger.edit(.share(large, 3))
      for producer in [small, large] {
        let flood = (0..<60).map {
          JobOrder(reward: Samples.reward($0 + 10), count: 1000, producer: producer)
        }
        _ = try await scene.ledger.insert(flood)
      }
      func calls(_ number: Int) async throws -> [String: Int] {
        var calls: [String: Int] = [:]
        for _ in 0..<number {
          let job = try await scene.claim().call.job.number
          calls[job > 60 ? large : small, default: 0] += 1
        }
        return calls
      }
      // New jobs alternate with those that have had a call; to begin with, those are of the first alone.
      _ = try await calls(8)
      #expect(try await calls(80) == [large: 60, small: 20])
      // What holds for one holds for the other.
      try await scene.ledger.edit(.share(large, nil))
      try await scene.ledger.edit(.share(small, 0.5))
    }
  }

  @Test(
    "jobs that fall due together, and a job that was given another priority, stand behind their producer's",
    arguments: LedgerKind.allCases
  )
  func dueTogether(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let flood = (0..<40).map {
        JobOrder(
          reward: Samples.reward($0 + 10),
          count: 5,
          priority: $0 < 20 ? 5 : 7,
          delay: .seconds(1),
          producer: "flood"
        )
      }
      let late = try await scene.ledger.insert(flood)
      try await scene.ledger.pass(.seconds(2))
      try await scene.heartbeat()
      for job in late.suffix(20) { try await scene.ledger.edit(.priority(job, 5)) }
      _ = try await scene.claim()
      let job = try await scene.insert(5, by: "shop")
      let next = [try await scene.claim().call.job, try await scene.claim().call.job]
      #expect(next.contains(job))
    }
  }

  @Test(
    "a job behind many whose rewards cannot be served is served at once",
    arguments: LedgerKind.allCases
  )
  func blocked(kind: LedgerKind) async throws {
    let limits = Limits(
      requestsPerSecond: 1000,
      burst: 1000,
      maxInFlight: 100,
      maxInFlightPerReward: 1
    )
    try await Scene.lend(kind, limits: limits) { scene in
      _ = try await scene.insert(1000)
      let first = try await scene.claim()
      for _ in 0..<120 { _ = try await scene.insert(10, priority: 0) }
      let open = try await scene.insert(10, of: Scene.otherReward)
      var claim = try await scene.ask()
      // It may take somebody to set those aside that are in the way.
      if claim == .nothing(wait: .zero, due: nil) { claim = try await scene.ask() }
      guard case .call(let claimed) = claim else { throw MissingRow("call: \(claim)") }
      #expect(claimed.call.job == open)
      try await scene.settle(first, scene.answer(first))
      #expect(try await scene.job(try await scene.claim().call.job).priority == 0)
    }
  }

  @Test(
    "slots are those of the reference model, whenever claims come",
    arguments: LedgerKind.allCases,
    [1, 2, 3] as [UInt64]
  )
  func slots(kind: LedgerKind, seed: UInt64) async throws {
    var random = SeededRandom(seed: seed)
    let limits = Limits(
      requestsPerSecond: [3, 6, 13, 70, 900].randomElement(using: &random) ?? 1,
      burst: Int.random(in: 1...4, using: &random),
      maxInFlight: 1000,
      maxInFlightPerReward: 1000
    )
    let limiter = SlotLimiter(limits)
    try await Scene.lend(kind, limits: limits) { scene in
      _ = try await scene.insert(1_000_000)
      var now: Int64 = 0
      var nextSlot: Int64 = .min / 2
      for _ in 0..<40 {
        let pause = Int64.random(in: 0...(limiter.spacing * 2), using: &random)
        try await scene.ledger.pass(.microseconds(pause))
        now += pause
        switch (limiter.reserve(now: now, nextSlot: nextSlot), try await scene.ask()) {
        case (.slot(let slot, let next), .call(let claimed)):
          #expect(claimed.slotDelay == .microseconds(slot - now))
          nextSlot = next
        case (.tooEarly(let wait), .nothing(let told, _)):
          #expect(told == .microseconds(wait))
        case (let rule, let claim):
          Issue.record("the rule says \(rule), the ledger \(claim)")
          return
        }
      }
    }
  }

  @Test(
    "one wake for each insertion, and the job's number when it is done",
    arguments: LedgerKind.allCases
  )
  func signals(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let orders = (0..<3).map { _ in JobOrder(reward: Scene.reward, count: 5) }
      let ids = try await scene.ledger.insert(orders)
      #expect(try await scene.ledger.signals() == [.jobs])
      let first = try await scene.claim()
      #expect(try await scene.ledger.signals() == [])
      let settlement = scene.settlement(first, scene.answer(first))
      try await scene.settle(settlement)
      try await scene.settle(settlement)
      let second = try await scene.claim()
      try await scene.settle(second, Scene.refusal(.request, 404))
      #expect(try await scene.ledger.signals() == [.done(ids[0]), .done(ids[1])])
      _ = try await scene.insert(5, delay: .seconds(1))
      try await scene.ledger.pass(.seconds(2))
      try await scene.heartbeat()
      #expect(try await scene.ledger.signals() == [.jobs, .jobs])
      // What a worker gives back is for the others at once.
      try await scene.settle(scene.claim(), .unsent(.leaseLost))
      #expect(try await scene.ledger.signals() == [.jobs])
    }
  }

  @Test(
    "an answer that the database refuses is refused whole, and is kept as bytes",
    arguments: LedgerKind.allCases,
    ["text", "JSON"]
  )
  func content(kind: LedgerKind, place: String) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(5)
      let claimed = try await scene.claim()
      let bad = CodeMint.code(
        900,
        of: Scene.reward,
        text: place == "text" ? "A\u{0}B" : nil,
        externalIDs: place == "JSON" ? #"{"a": "\u0000"}"# : "{}"
      )
      let answer = Answer(
        codes: scene.mint.make(4, of: Scene.reward) + [bad],
        nulls: 0,
        body: Array("raw".utf8)
      )
      let settlement = scene.settlement(claimed, .issued(answer))
      let before = try await scene.ledger.facts()
      let refused = await scene.ledger.store.settle(settlement, thenClaim: scene.request())
      #expect(throws: StoreError.self) { try refused.settled.get() }
      if case .failure(let error) = refused.settled { #expect(error.code == .contentRefused) }
      #expect(try refused.claim?.get() == .nothing(wait: nil, due: nil))
      #expect(try await scene.ledger.facts().differences(from: before) == [])
      let raw = SettlementRule.unstorable(settlement, answer: answer, cause: "U+0000")
      #expect(try await scene.settle(raw).call == .inDoubt)
      let facts = try await scene.ledger.facts()
      #expect(facts.answers == [claimed.call.id: Array("raw".utf8)])
      #expect(facts.codes.isEmpty && facts.rewards[Scene.reward]?.closedAt != nil)
      #expect(try facts.job(id).outstanding == 5)
    }
  }

  @Test(
    "a text of the API that the database refuses is refused as content",
    arguments: LedgerKind.allCases
  )
  func message(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5)
      let claimed = try await scene.claim()
      let rejection = Rejection(scope: .request, code: "a\u{0}", message: "b")
      let settlement = scene.settlement(claimed, .rejected(rejection))
      do {
        try await scene.settle(settlement)
        Issue.record("stored")
      } catch {
        #expect((error as? StoreError)?.code == .contentRefused)
      }
      #expect(try await scene.settle(SettlementRule.plain(settlement)).job == .failed)
    }
  }
}
