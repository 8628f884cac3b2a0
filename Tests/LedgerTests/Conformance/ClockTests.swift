import MemoryStore
import Provisioning
import Testing

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
