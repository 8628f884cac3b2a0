import MemoryStore
import Provisioning
import Testing

@Suite("facts: what clean answers show")
struct FactTests {
  @Test(
    "rule 10: a fresh listing shows the first and the last code of the newest clean answer",
    arguments: LedgerKind.allCases
  )
  func newest(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      let calls = [try await scene.claim(), try await scene.claim(), try await scene.claim()]
      let first = scene.codes(500)
      try await scene.settle(calls[0], first)
      #expect(try await scene.reward().newestKnown == [first[0].id, first[499].id])
      let second = scene.codes(500)
      try await scene.settle(calls[1], second)
      let newest = [second[0].id, second[499].id]
      #expect(try await scene.reward().newestKnown == newest)
      // One that is repeated is not newer, and one that is short is not clean.
      try await scene.settle(calls[0], first)
      try await scene.settle(calls[2], scene.codes(3))
      #expect(try await scene.reward().newestKnown == newest)
    }
  }

  @Test(
    "rule 11: a prefix is literal once an answer has shown it, and never after one to the contrary",
    arguments: LedgerKind.allCases
  )
  func literal(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000, prefix: "SUMMER")
      var calls: [ClaimedCall] = []
      for _ in 0..<3 { calls.append(try await scene.claim()) }
      #expect(try await scene.reward().prefixLiteral == nil)
      try await scene.settle(calls[0], scene.codes(500, prefix: "SUMMER"))
      #expect(try await scene.reward().prefixLiteral == true)
      let mixed = scene.codes(499, prefix: "SUMMER") + scene.codes(1, prefix: "summer")
      try await scene.settle(calls[1], mixed)
      #expect(try await scene.reward().prefixLiteral == false)
      try await scene.settle(calls[2], scene.codes(500, prefix: "SUMMER"))
      #expect(try await scene.reward().prefixLiteral == false)
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
      try await scene.settle(calls[0], scene.codes(500, createdAt: .seconds(7)))
      var clock = try await scene.ledger.facts().apiClock
      #expect(clock.aheadAtLeast == 3_000_000 && clock.aheadAtMost == 7_000_000)
      try await scene.ledger.pass(.seconds(2))
      try await scene.settle(calls[1], scene.codes(500, createdAt: .seconds(5)))
      clock = try await scene.ledger.facts().apiClock
      // Clocks drift apart: by a thousandth of the two seconds, and a millisecond.
      #expect(clock.aheadAtLeast == 2_997_000 && clock.aheadAtMost == 5_000_000)
      #expect(clock.distrustedUntil == nil)
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
        #expect(doubt.offset == nil && doubt.window == nil)
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
    let taken = try await scene.ledger.store.takeDoubt(
      Scene.worker,
      lease: .seconds(30),
      effectiveFor: .seconds(40)
    )
    return try #require(taken)
  }
}
