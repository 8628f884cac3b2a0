import MemoryStore
import Provisioning
import Testing

@Suite("codes in error, and codes that come late")
struct ResyncTests {
  private static func rules(retries: Int) -> SyncRules {
    var rules = SyncRules.standard
    rules.retries = retries
    return rules
  }

  private func pass(_ scene: Scene, _ rules: SyncRules, showing codes: [IssuedCode] = [])
    async throws -> SyncPassAnswer?
  {
    let store = scene.ledger.store
    let answer = try await store.takeTracked(
      Scene.worker,
      lease: .seconds(60),
      first: rules.first
    )
    guard case .reward(let tracked) = answer else { return nil }
    _ = try await store.record(codes, of: tracked.reward, worker: Scene.worker)
    let reading = ChangeReader.Reading(mark: nil, order: .unknown, position: nil)
    return try await store.finish(
      SyncPassReport(reward: tracked.reward, ending: .read(reading)),
      of: tracked,
      worker: Scene.worker,
      rules: rules
    )
  }

  private func complete(_ scene: Scene, _ codes: Int, _ show: (IssuedCode) -> IssuedCode)
    async throws -> [IssuedCode]
  {
    _ = try await scene.insert(codes)
    let claimed = try await scene.claim()
    let shown = scene.mint.make(codes, of: claimed.call.reward).map(show)
    try await scene.settle(claimed, .issued(Answer(codes: shown, nulls: 0, body: [])))
    return shown
  }

  @Test(
    "an error is answered a bounded number of times, and then given up",
    arguments: LedgerKind.allCases
  )
  func bounded(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let rules = Self.rules(retries: 2)
      _ = try await complete(scene, 3) { $0.inError([.shopify]) }
      try await scene.ledger.pass(.seconds(30))
      #expect(try await pass(scene, rules) == .tracking(resync: [.shopify]))
      // It has two minutes, in which nothing is asked again.
      try await scene.ledger.pass(.seconds(30))
      #expect(try await pass(scene, rules) == .tracking(resync: []))
      try await scene.ledger.pass(.seconds(90))
      #expect(try await pass(scene, rules) == .tracking(resync: [.shopify]))
      let job = try #require(try await scene.ledger.facts().jobs.values.first)
      #expect(job.syncDoneAt == nil)
      try await scene.ledger.pass(.seconds(480))
      #expect(try await pass(scene, rules) == .givenUp)
      let facts = try await scene.ledger.facts()
      let resync = try #require(facts.resyncs[ResyncKey(Scene.reward, .shopify)])
      #expect(resync.attempts == 2 && resync.givenUpAt != nil)
      #expect(facts.jobs.values.first?.syncDoneAt != nil)
    }
  }

  @Test("with no attempts allowed an error is final as it is", arguments: LedgerKind.allCases)
  func never(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await complete(scene, 1) { $0.inError([.stripe, .shopify]) }
      try await scene.ledger.pass(.seconds(30))
      #expect(try await pass(scene, Self.rules(retries: 0)) == .givenUp)
      let facts = try await scene.ledger.facts()
      #expect(facts.resyncs.count == 2 && facts.resyncs.values.allSatisfy { $0.attempts == 0 })
    }
  }

  @Test(
    "when all went well in the end, what fails later has all its attempts",
    arguments: LedgerKind.allCases
  )
  func anew(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let rules = Self.rules(retries: 1)
      let codes = try await complete(scene, 2) { $0.inError([.stripe]) }
      try await scene.ledger.pass(.seconds(30))
      #expect(try await pass(scene, rules) == .tracking(resync: [.stripe]))
      try await scene.ledger.pass(.seconds(30))
      #expect(try await pass(scene, rules, showing: codes.map { $0.shown(.synced) }) == .final)
      #expect(try await scene.ledger.facts().resyncs.isEmpty)
      _ = try await complete(scene, 2) { $0.inError([.stripe]) }
      try await scene.ledger.pass(.seconds(30))
      #expect(try await pass(scene, rules) == .tracking(resync: [.stripe]))
    }
  }

  @Test(
    "a request that was never sent does not count; one that was refused does",
    arguments: LedgerKind.allCases
  )
  func unsent(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let rules = Self.rules(retries: 1)
      _ = try await complete(scene, 1) { $0.inError([.shopify]) }
      for wasSent in [false, true] {
        try await scene.ledger.pass(.seconds(30))
        #expect(try await pass(scene, rules) == .tracking(resync: [.shopify]))
        try await scene.ledger.store.noteResync(
          Scene.reward,
          system: .shopify,
          failure: "no",
          wasSent: wasSent
        )
      }
      let resync = try await scene.ledger.facts().resyncs[ResyncKey(Scene.reward, .shopify)]
      #expect(resync?.attempts == 1 && resync?.errorMessage == "no")
    }
  }

  @Test(
    "unknown codes on a reward with an absent call lead to a watch, once an hour",
    arguments: LedgerKind.allCases
  )
  func late(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let store = scene.ledger.store
      _ = try await scene.insert(5)
      let doubtful = try await scene.claim()
      try await scene.settle(doubtful, .unknown(.timeout))
      let decided = try await scene.decide(scene.doubt()) { $0.absent = [doubtful.call.id] }
      #expect(decided.isDone)
      try await scene.ledger.pass(.seconds(60))
      while try await scene.listWatched() != nil { try await scene.ledger.pass(.seconds(86_400)) }
      try await scene.heartbeat()
      let again = try await scene.claim()
      try await scene.settle(again, scene.answer(again))
      try await scene.ledger.pass(.seconds(30))
      let answer = try await store.takeTracked(
        Scene.worker,
        lease: .seconds(60),
        first: .seconds(30)
      )
      guard case .reward = answer else {
        Issue.record("not tracked")
        return
      }
      let strangers = scene.mint.make(2, of: Scene.reward).map {
        $0.made(at: startOfTime + 10_000_000)
      }
      let recorded = try await store.record(strangers, of: Scene.reward, worker: Scene.worker)
      #expect(recorded.unknown == 2 && recorded.raisesWatch)
      let second = try await store.record(strangers, of: Scene.reward, worker: Scene.worker)
      #expect(second.unknown == 2 && !second.raisesWatch)
      try await scene.ledger.pass(.seconds(60))
      #expect(
        try await scene.listWatched(finding: strangers) == .done(issued: 0, surplus: 2)
      )
      #expect(try await scene.watchRow().nextListingAt == nil)
    }
  }

  @Test(
    "generate calls go first: while a job waits, a sync pass gets one slot in ten",
    arguments: LedgerKind.allCases
  )
  func precedence(kind: LedgerKind) async throws {
    let limits = Limits(requestsPerSecond: 10, burst: 1, maxInFlight: 9, maxInFlightPerReward: 9)
    try await Scene.lend(kind, limits: limits) { scene in
      let store = scene.ledger.store
      _ = try await complete(scene, 1) { $0 }
      try await scene.ledger.pass(.seconds(30))
      _ = try await store.takeTracked(Scene.worker, lease: .seconds(60), first: .seconds(30))
      func slot() async throws -> SyncSlot {
        try await store.syncSlot(Scene.reward, worker: Scene.worker, lease: .seconds(60))
      }
      #expect(try await slot() == .slot(.zero))
      try await scene.ledger.pass(.milliseconds(151))
      #expect(try await slot() == .slot(.zero))
      _ = try await scene.insert(5000)
      try await scene.ledger.pass(.milliseconds(151))
      #expect(try await slot() == .wait(.milliseconds(859)))
      try await scene.ledger.pass(.milliseconds(859))
      #expect(try await slot() == .slot(.zero))
    }
  }
}
