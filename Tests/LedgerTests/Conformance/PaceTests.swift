import MemoryStore
import Provisioning
import Testing

@Suite("the pace")
struct PaceTests {
  private static let ten = Limits(
    requestsPerSecond: 10,
    burst: 1,
    maxInFlight: 100,
    maxInFlightPerReward: 100
  )

  private static func pace(_ scene: Scene) async throws -> Double? {
    let facts = try await scene.ledger.facts()
    return facts.account.currentPace(now: try await scene.now())
  }

  private static let slow = Limits(
    requestsPerSecond: 0.1,
    burst: 1,
    maxInFlight: 100,
    maxInFlightPerReward: 100
  )

  @Test(
    "at a pace of some requests a minute each page of a listing has its slot, whoever lists as well",
    arguments: LedgerKind.allCases
  )
  func slowPages(kind: LedgerKind) async throws {
    try await Scene.lend(kind, limits: Self.slow) { scene in
      let store = scene.ledger.store
      var pages: [Duration?] = []
      for _ in 1...4 { pages.append(try await store.reserveSlot()) }
      let expected = [0, 10_150, 20_250, 30_350].map { Duration.milliseconds($0) }
      #expect(pages == expected)
    }
  }

  @Test("in a longer pause no page has a slot", arguments: LedgerKind.allCases)
  func pausedPages(kind: LedgerKind) async throws {
    try await Scene.lend(kind, limits: Self.ten) { scene in
      let store = scene.ledger.store
      try await store.applyFeedback(PaceFeedback(pause: .seconds(6)), age: .zero)
      #expect(try await store.reserveSlot() == nil)
      try await scene.ledger.pass(.seconds(1))
      #expect(try await store.reserveSlot() == .seconds(5))
      #expect(try await store.reserveSlot() == .milliseconds(5101))
      try await scene.ledger.pass(.seconds(5))
      #expect(try await store.reserveSlot() == .milliseconds(202))
    }
  }

  @Test(
    "a 429 halves the pace, once for all calls that were under way",
    arguments: LedgerKind.allCases
  )
  func halves(kind: LedgerKind) async throws {
    try await Scene.lend(kind, limits: Self.ten) { scene in
      _ = try await scene.insert(50_000)
      var calls: [ClaimedCall] = []
      for _ in 0..<4 {
        calls.append(try await scene.claim())
        try await scene.ledger.pass(.milliseconds(101))
      }
      for claimed in calls {
        try await scene.settle(claimed, Scene.refusal(.pace(pause: .seconds(2)), 429))
      }
      let account = try await scene.ledger.facts().account
      #expect(account.pace?.rate == 5 && account.pace?.reason == .throttled)
      #expect(account.failures == 0 && account.breaker == nil)
      try await scene.ledger.pass(.seconds(2))
      #expect(try await scene.claim().spacing == .microseconds(199_343))
    }
  }

  @Test("a lowered pace has a floor, and comes back in minutes", arguments: LedgerKind.allCases)
  func comesBack(kind: LedgerKind) async throws {
    try await Scene.lend(kind, limits: Self.ten) { scene in
      _ = try await scene.insert(50_000)
      for _ in 0..<8 {
        let claimed = try await scene.claim()
        try await scene.ledger.pass(claimed.slotDelay + .microseconds(1))
        try await scene.settle(claimed, Scene.refusal(.pace(pause: .zero), 429))
        try await scene.ledger.pass(.milliseconds(200))
      }
      let lowest = try #require(try await Self.pace(scene))
      #expect(lowest >= 0.5 && lowest < 0.6)
      try await scene.ledger.pass(.seconds(60))
      #expect(abs(try #require(try await Self.pace(scene)) - lowest - 2) < 0.001)
      try await scene.ledger.pass(.seconds(240))
      #expect(try await Self.pace(scene) == 10)
    }
  }

  @Test("what an answer says of the pace slows everybody down", arguments: LedgerKind.allCases)
  func feedback(kind: LedgerKind) async throws {
    try await Scene.lend(kind, limits: Self.ten) { scene in
      _ = try await scene.insert(50_000)
      let store = scene.ledger.store
      try await store.applyFeedback(PaceFeedback(ceiling: 20), age: .zero)
      #expect(try await scene.ledger.facts().account.pace == nil)
      try await store.applyFeedback(PaceFeedback(ceiling: 4), age: .zero)
      let announced = try await scene.ledger.facts().account.pace
      #expect(announced == Pace(rate: 4, at: startOfTime, reason: .announced))
      try await store.applyFeedback(PaceFeedback(pause: .seconds(9)), age: .zero)
      guard case .nothing(let wait?, _) = try await scene.ask() else {
        Issue.record("claimed during the pause")
        return
      }
      #expect(wait == .seconds(9) - .microseconds(252_500))
      try await store.applyFeedback(PaceFeedback(isRefusal: true), age: .seconds(1))
      #expect(try await scene.ledger.facts().account.pace?.rate == 2)
      try await store.applyFeedback(PaceFeedback(isRefusal: true), age: .seconds(1))
      #expect(try await scene.ledger.facts().account.pace?.rate == 2)
    }
  }

  @Test(
    "limits that an operator sets win over the settings, one by one, until they are taken back",
    arguments: LedgerKind.allCases
  )
  func setLimits(kind: LedgerKind) async throws {
    try await Scene.lend(kind, limits: Self.ten) { scene in
      _ = try await scene.ledger.signals()
      try await scene.ledger.edit(.limits(SetLimits(requestsPerSecond: 50, maxInFlight: 2)))
      // An operator's transaction leaves a note; the next heartbeat puts it in force.
      try await scene.heartbeat(limits: Self.ten)
      var limits = try await scene.ledger.facts().account.limits
      #expect(
        limits
          == Limits(
            requestsPerSecond: 50,
            burst: 1,
            maxInFlight: 2,
            maxInFlightPerReward: 100
          )
      )
      _ = try await scene.insert(50_000)
      #expect(try await scene.claim().spacing == .microseconds(20_200))
      #expect(try await scene.heartbeat(limits: Self.ten).maxInFlight == 2)
      limits = try await scene.ledger.facts().account.limits
      #expect(limits?.requestsPerSecond == 50)
      try await scene.ledger.edit(.limits(SetLimits(burst: 3)))
      try await scene.heartbeat(limits: Self.ten)
      limits = try await scene.ledger.facts().account.limits
      #expect(limits?.requestsPerSecond == 10 && limits?.burst == 3)
      try await scene.ledger.edit(.limits(SetLimits()))
      try await scene.heartbeat(limits: Self.ten)
      #expect(try await scene.ledger.facts().account.limits == Self.ten)
    }
  }

  @Test(
    "after a limit of a request in a thousand seconds was raised, the next request waits for its own pace",
    arguments: LedgerKind.allCases
  )
  func raised(kind: LedgerKind) async throws {
    try await Scene.lend(kind, limits: Self.ten) { scene in
      _ = try await scene.insert(50_000)
      try await scene.ledger.edit(.limits(SetLimits(requestsPerSecond: 0.001)))
      try await scene.heartbeat(limits: Self.ten)
      _ = try await scene.claim()
      let far = try await scene.ledger.facts().account.nextSlot
      #expect(far == startOfTime + 1_010_050_000)
      try await scene.ledger.edit(.limits(SetLimits()))
      try await scene.heartbeat(limits: Self.ten)
      let near = try await scene.ledger.facts().account.nextSlot
      #expect(near == startOfTime + 101_005)
      try await scene.ledger.pass(.milliseconds(1))
      #expect(try await scene.claim().slotDelay == .microseconds(100_005))
    }
  }

  @Test("limits can be set before any worker lives", arguments: LedgerKind.allCases)
  func setFirst(kind: LedgerKind) async throws {
    try await withLedger(kind) { ledger in
      try await ledger.edit(.limits(SetLimits(burst: 7)))
      #expect(try await ledger.facts().account.limits == nil)
      _ = try await ledger.store.heartbeat(Samples.presence(Scene.worker, limits: Self.ten))
      #expect(try await ledger.facts().account.limits?.burst == 7)
    }
  }

  @Test(
    "a call that missed its slot gets the next one, and keeps its row",
    arguments: LedgerKind.allCases
  )
  func movesSlot(kind: LedgerKind) async throws {
    try await Scene.lend(kind, limits: Self.ten) { scene in
      _ = try await scene.insert(50_000)
      let late = try await scene.claim()
      try await scene.ledger.pass(.milliseconds(50))
      let next = try await scene.claim()
      #expect(next.slotDelay == .milliseconds(101))
      try await scene.ledger.pass(.milliseconds(10))
      let store = scene.ledger.store
      #expect(try await store.moveSlot(late.call.id, worker: Scene.worker) == .milliseconds(192))
      let row = try await scene.call(late)
      #expect(row.state == .sending && row.sendAt == startOfTime + 252_000)
      let nextSlot = try await scene.ledger.facts().account.nextSlot
      #expect(nextSlot == startOfTime + 403_000)
      #expect(row.leaseExpiresAt == startOfTime + 10_000_000)
      #expect(try await store.moveSlot(late.call.id, worker: Scene.otherWorker) == nil)
      try await scene.settle(next, Scene.refusal(.pace(pause: .seconds(60)), 429))
      #expect(try await store.moveSlot(late.call.id, worker: Scene.worker) == nil)
      try await scene.settle(late, .unsent(.slotMissed))
      #expect(try await scene.call(late).errorCode == "slot_missed")
      #expect(try await store.moveSlot(late.call.id, worker: Scene.worker) == nil)
    }
  }

  @Test(
    "room that a stopping worker gives back is told to the others",
    arguments: LedgerKind.allCases
  )
  func tells(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let claimed = try await scene.claim()
      _ = try await scene.ledger.signals()
      try await scene.settle(claimed, .unsent(.draining))
      #expect(try await scene.ledger.signals() == [.jobs])
      try await scene.settle(claimed, .unsent(.draining))
      #expect(try await scene.ledger.signals() == [])
      try await scene.ledger.store.retire(Scene.worker)
      #expect(try await scene.ledger.signals() == [.jobs])
    }
  }
}
