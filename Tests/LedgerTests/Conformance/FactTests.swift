import MemoryStore
import Provisioning
import Testing

@Suite("facts: what clean answers show")
struct FactTests {
  @Test(
    "rule 10: a fresh listing shows all codes of the newest clean answer, so its call is kept",
    arguments: LedgerKind.allCases
  )
  func newest(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      let calls = [try await scene.claim(), try await scene.claim(), try await scene.claim()]
      let first = scene.codes(500)
      try await scene.settle(calls[0], first)
      #expect(try await scene.reward().newestCall == calls[0].call.id)
      try await scene.settle(calls[1], scene.codes(500))
      #expect(try await scene.reward().newestCall == calls[1].call.id)
      // One that is repeated is not newer, and one that is short is not clean.
      try await scene.settle(calls[0], first)
      try await scene.settle(calls[2], scene.codes(3))
      let reward = try await scene.reward()
      #expect(reward.newestCall == calls[1].call.id && reward.newestJob == calls[1].call.job)
      #expect(try await scene.ledger.facts().account.provenReward == Scene.reward)
    }
  }

  @Test(
    "rule 11: what clean answers show of a prefix holds for that very prefix",
    arguments: LedgerKind.allCases
  )
  func literal(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(500, prefix: "SUMMER")
      _ = try await scene.insert(500, prefix: "BLACK-FRIDAY")
      let (summer, black) = (try await scene.claim(), try await scene.claim())
      try await scene.settle(summer, scene.codes(500, prefix: "SUMMER"))
      try await scene.settle(black, scene.codes(500, prefix: "BLACKFRIDAY"))
      let facts = try await scene.ledger.facts().apiFacts
      let literal = APIFact("prefix", of: "\(Scene.reward) SUMMER", "literal")
      let altered = APIFact("prefix", of: "\(Scene.reward) BLACK-FRIDAY", "altered")
      #expect(facts.filter { $0.key.fact == "prefix" }.count == 2)
      #expect(facts[literal]?.witnesses == 500 && facts[altered]?.witnesses == 500)
    }
  }

  @Test(
    "a fact is written when it is new, and at most once an hour",
    arguments: LedgerKind.allCases
  )
  func once(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1500, prefix: "SUMMER")
      let fact = APIFact("prefix", of: "\(Scene.reward) SUMMER", "literal")
      for (hours, witnesses) in [(0, 500), (0, 500), (1, 1000)] {
        try await scene.ledger.pass(.seconds(3600 * hours))
        let claimed = try await scene.claim()
        try await scene.settle(claimed, scene.codes(500, prefix: "SUMMER"))
        #expect(try await scene.ledger.facts().apiFacts[fact]?.witnesses == witnesses)
      }
    }
  }

  @Test(
    "rule 10: a createdAt in whole seconds contradicts nothing, and its resolution is a fact",
    arguments: LedgerKind.allCases
  )
  func wholeSeconds(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      for _ in 0..<6 {
        try await scene.ledger.pass(.milliseconds(730))
        let claimed = try await scene.claim()
        let second = (try await scene.now() - startOfTime) / 1_000_000
        try await scene.settle(claimed, scene.codes(500, createdAt: .seconds(second)))
      }
      let facts = try await scene.ledger.facts()
      #expect(facts.apiClock.distrustedUntil == nil)
      let (low, high) = (facts.apiClock.aheadAtLeast, facts.apiClock.aheadAtMost)
      #expect(try #require(low) <= 0 && #require(high) >= 0)
      #expect(Set(facts.apiFacts.keys) == [APIFact("answer_resolution", "second")])
    }
  }

  @Test(
    "the first clean answer of the account lets held calls be judged anew at once",
    arguments: LedgerKind.allCases
  )
  func firstEvidence(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.insert(1000, of: Scene.otherReward)
      let held = try await scene.doubtfulCall()
      let doubt = try await scene.doubt()
      try await scene.decide(doubt) { decision in
        decision.held = [held.call.id]
        decision.holdReason = .unlistable
      }
      let due = try await scene.watchRow(held.call.reward).nextListingAt
      #expect(due == startOfTime + 60_000_000)
      let clean = try await scene.claim()
      try await scene.settle(clean, scene.answer(clean))
      #expect(try await scene.watchRow(held.call.reward).nextListingAt == startOfTime)
      #expect(try await scene.ledger.facts().account.provenReward == clean.call.reward)
    }
  }

  @Test(
    "rule 10: how far the API's clock is ahead follows from when a call was sent and answered",
    arguments: LedgerKind.allCases
  )
  func offset(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      let calls = [try await scene.claim(), try await scene.claim()]
      try await scene.ledger.pass(.seconds(4))
      // Its clock said 7 s later than this one when this one stood between 0 s and 4 s.
      // It tells milliseconds, cut off or rounded.
      try await scene.settle(calls[0], scene.codes(500, createdAt: .milliseconds(7001)))
      var clock = try await scene.ledger.facts().apiClock
      #expect(clock.aheadAtLeast == 3_000_000 && clock.aheadAtMost == 7_002_000)
      try await scene.ledger.pass(.seconds(2))
      try await scene.settle(calls[1], scene.codes(500, createdAt: .milliseconds(5001)))
      clock = try await scene.ledger.facts().apiClock
      // Clocks drift apart: by a thousandth of the two seconds, and a millisecond.
      #expect(clock.aheadAtLeast == 2_997_000 && clock.aheadAtMost == 5_002_000)
      #expect(clock.distrustedUntil == nil)
    }
  }

  @Test(
    "rule 10: a call can have made codes since its claim: its request may leave before its slot",
    arguments: LedgerKind.allCases
  )
  func beforeSlot(kind: LedgerKind) async throws {
    let slow = Limits(requestsPerSecond: 0.5, burst: 1, maxInFlight: 9, maxInFlightPerReward: 9)
    try await Scene.lend(kind, limits: slow) { scene in
      _ = try await scene.insert(1010)
      let first = try await scene.claim()
      try await scene.settle(first, scene.codes(500, createdAt: .milliseconds(1)))
      try await scene.ledger.pass(.milliseconds(100))
      let early = try await scene.claim()
      #expect(early.slotDelay > .seconds(1))
      try await scene.ledger.pass(.seconds(1))
      try await scene.settle(early, scene.codes(500, createdAt: .milliseconds(601)))
      #expect(try await scene.ledger.facts().apiClock.distrustedUntil == nil)
      try await scene.ledger.pass(.seconds(2))
      let doubtful = try await scene.claim()
      #expect(doubtful.slotDelay > .milliseconds(500))
      try await scene.settle(doubtful, .unknown(.timeout))
      try await scene.ledger.pass(.seconds(60))
      let earliest = try await scene.doubt().calls.map(\.earliest.microseconds)
      #expect(earliest == [startOfTime + 3_100_000])
    }
  }

  @Test(
    "rule 10: createdAt is not believed for a day after an answer that contradicts or lacks it",
    arguments: LedgerKind.allCases
  )
  func distrust(kind: LedgerKind) async throws {
    let bad: [Duration?] = [nil, .seconds(900)]
    for createdAt in bad {
      try await Scene.lend(kind) { scene in
        _ = try await scene.insert(1100)
        let calls = [try await scene.claim(), try await scene.claim()]
        try await scene.settle(calls[0], scene.codes(500, createdAt: .zero))
        try await scene.settle(calls[1], scene.codes(500, createdAt: createdAt))
        let clock = try await scene.ledger.facts().apiClock
        #expect(clock.distrustedUntil == startOfTime + 86_400_000_000)
        _ = try await scene.doubtfulCall()
        let doubt = try await scene.doubt()
        #expect(doubt.offset == nil && doubt.isClockDistrusted)
      }
    }
  }
}

extension Scene {
  /// New codes, created at this time after the start by the API's clock, or at an unknown one.
  fileprivate func codes(
    _ number: Int,
    prefix: String = "CODE-",
    createdAt: Duration? = .zero
  ) -> [IssuedCode] {
    mint.make(number, of: Self.reward, prefix: prefix).map { code in
      IssuedCode(
        id: code.id,
        reward: code.reward,
        code: code.code,
        status: code.status,
        createdAt: createdAt.map { Timestamp(microseconds: startOfTime + $0.microseconds) },
        expiresAt: nil,
        updatedAt: nil,
        externalIDs: code.externalIDs,
        syncStatus: code.syncStatus
      )
    }
  }

  fileprivate func settle(_ claimed: ClaimedCall, _ codes: [IssuedCode]) async throws {
    try await settle(claimed, .issued(Answer(codes: codes, nulls: 0, body: [])))
  }
}

@Suite("the API's clock")
struct ClockTests {
  @Test(
    "what is known of it grows vaguer with time, as clocks drift apart by one in a thousand",
    arguments: LedgerKind.allCases
  )
  func drift(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1)
      let clean = try await scene.claim()
      try await scene.settle(clean, scene.answer(clean))
      let known = try #require(try await doubt(scene).offset)
      try await scene.ledger.pass(.seconds(10_000))
      let later = try #require(try await doubt(scene).offset)
      #expect(later.low <= known.low - 10_000_000 && later.high >= known.high + 10_000_000)
      #expect(later.high - later.low < known.high - known.low + 21_000_000)
    }
  }

  /// Takes the reward with a call in doubt.
  private func doubt(_ scene: Scene) async throws -> DoubtCase {
    _ = try await scene.insert(10)
    try await scene.heartbeat()
    if try await scene.reward().closedAt == nil {
      let claimed = try await scene.claim()
      try await scene.settle(claimed, .unknown(.connectionLost("reset")))
    }
    try await scene.ledger.pass(.seconds(40))
    return try await scene.doubt()
  }
}
