import MemoryStore
import Provisioning
import Testing

@Suite("the codes of a day")
struct DayLimitTests {
  /// A scene in which so many codes may be asked for in a day.
  private static func lend(
    _ kind: LedgerKind,
    codes: Int,
    _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.lend(kind) { scene in
      try await scene.ledger.edit(.codesPerDay(codes))
      try await scene.heartbeat()
      try await body(scene)
    }
  }

  @Test(
    "no more codes are asked for in a day than may be, and the rest is asked for on the next day",
    arguments: LedgerKind.allCases
  )
  func rest(kind: LedgerKind) async throws {
    try await Self.lend(kind, codes: 1200) { scene in
      let job = try await scene.insert(2000)
      for size in [500, 500, 200] {
        let claimed = try await scene.claim()
        #expect(claimed.call.size == size)
        try await scene.settle(claimed, scene.answer(claimed))
      }
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      #expect(try await scene.job(job).state == .running)
      try await scene.ledger.pass(.seconds(86_400))
      try await scene.heartbeat()
      #expect(try await scene.claim().call.size == 500)
      #expect(try await scene.ledger.facts().account.dayCodes == 500)
    }
  }

  @Test(
    "what was never sent or was refused may be asked for again, and what is in doubt or absent may not",
    arguments: LedgerKind.allCases
  )
  func givenBack(kind: LedgerKind) async throws {
    try await Self.lend(kind, codes: 1000) { scene in
      _ = try await scene.insert(1500)
      let unsent = try await scene.claim()
      try await scene.settle(unsent, .unsent(.leaseLost))
      #expect(try await scene.ledger.facts().account.dayCodes == 0)
      let refused = try await scene.claim()
      try await scene.settle(refused, Scene.refusal(.pace(pause: .zero), 429))
      #expect(try await scene.ledger.facts().account.dayCodes == 0)
      try await scene.ledger.pass(.seconds(120))
      let lost = try await scene.claim()
      try await scene.settle(lost, .unknown(.timeout))
      try await scene.ledger.edit(.absent(lost.call.id))
      #expect(try await scene.ledger.facts().account.dayCodes == 500)
    }
  }

  @Test(
    "a limit that is raised or taken back lets claims go on at once",
    arguments: LedgerKind.allCases
  )
  func raised(kind: LedgerKind) async throws {
    try await Self.lend(kind, codes: 0) { scene in
      _ = try await scene.insert(700)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      try await scene.ledger.edit(.codesPerDay(30))
      try await scene.heartbeat()
      #expect(try await scene.claim().call.size == 30)
      try await scene.ledger.edit(.codesPerDay(nil))
      try await scene.heartbeat()
      #expect(try await scene.claim().call.size == 500)
    }
  }
}
