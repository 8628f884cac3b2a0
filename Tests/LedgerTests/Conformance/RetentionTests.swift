import MemoryStore
import Provisioning
import Testing

@Suite("forgetting old calls")
struct RetentionTests {
  private static let day: Duration = .seconds(86_400)

  @Test(
    "calls of jobs that ended long ago are forgotten in batches; their codes and jobs stay",
    arguments: LedgerKind.allCases
  )
  func batches(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let old = try await scene.insert(1200)
      for _ in 0..<3 { try await answered(scene) }
      try await scene.ledger.pass(Self.day * 2)
      let young = try await scene.insert(700)
      try await answered(scene)
      try await scene.ledger.pass(Self.day)

      #expect(try await prune(scene, limit: 2) == PrunedCalls(number: 2, isLast: false))
      #expect(try await prune(scene, limit: 2) == PrunedCalls(number: 1, isLast: true))
      #expect(try await prune(scene, limit: 2) == PrunedCalls(number: 0, isLast: true))
      let facts = try await scene.ledger.facts()
      #expect(facts.calls.count == 1 && facts.codes.count == 1700)
      #expect(try facts.job(old).state == .completed && facts.job(young).state == .running)
      // What is not old yet, or of a job that has not ended, stays until it is.
      try await answered(scene)
      try await scene.ledger.pass(Self.day * 3)
      #expect(try await prune(scene) == PrunedCalls(number: 2, isLast: true))
    }
  }

  @Test(
    "what was judged, what a watch needs and what was kept of an answer stay for ever",
    arguments: LedgerKind.allCases
  )
  func kept(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      let absent = try await scene.doubtfulCall()
      let doubt = try await scene.doubt()
      try await scene.decide(doubt) { $0.absent = [absent.call.id] }
      let unsent = try await scene.claim()
      try await scene.settle(unsent, .unsent(.leaseLost))
      // Eight of ten, and the other two are judged not to exist.
      let short = try await scene.claim()
      try await scene.settle(short, scene.answer(short, codes: 8))
      _ = try await scene.ledger.edit(.absent(short.call.id))
      try await scene.heartbeat()
      let last = try await answered(scene)
      #expect(try await scene.job(job).state == .completed)
      try await scene.ledger.pass(Self.day * 9)

      #expect(try await prune(scene) == PrunedCalls(number: 2, isLast: true))
      let facts = try await scene.ledger.facts()
      #expect(Set(facts.calls.keys) == [absent.call.id, short.call.id])
      #expect(facts.calls[last.call.id] == nil && facts.calls[unsent.call.id] == nil)
      #expect(facts.answers[absent.call.id] != nil)
    }
  }

  @Test(
    "rule 6: a settlement that is repeated after its call was forgotten counts nothing twice",
    arguments: LedgerKind.allCases
  )
  func repeated(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      let claimed = try await scene.claim()
      let settlement = scene.settlement(claimed, scene.answer(claimed))
      #expect(try await scene.settle(settlement).issued == 10)
      try await scene.ledger.pass(Self.day * 3)
      #expect(try await prune(scene).number == 1)
      let before = try await scene.ledger.facts()
      let receipt = try await scene.settle(settlement)
      #expect(receipt.issued == 0 && receipt.surplus == 0)
      let after = try await scene.ledger.facts()
      #expect(try after.job(job).issued == 10 && after.job(job).surplus == 0)
      #expect(after.codes == before.codes && after.account.inFlight == 0)
    }
  }

  @Test(
    "a job that was tried again is pruned once more when it ends again",
    arguments: LedgerKind.allCases
  )
  func retried(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      try await scene.settle(try await scene.claim(), Scene.refusal(.request, 422))
      #expect(try await scene.job(job).state == .failed)
      try await scene.ledger.pass(Self.day * 3)
      #expect(try await prune(scene) == PrunedCalls(number: 1, isLast: true))
      #expect(try await scene.ledger.edit(.retry(job)))
      try await answered(scene)
      #expect(try await prune(scene) == PrunedCalls(number: 0, isLast: true))
      try await scene.ledger.pass(Self.day * 3)
      #expect(try await prune(scene) == PrunedCalls(number: 1, isLast: true))
      #expect(try await scene.job(job).issued == 10)
    }
  }

  @discardableResult
  private func answered(_ scene: Scene) async throws -> ClaimedCall {
    let claimed = try await scene.claim()
    try await scene.settle(claimed, scene.answer(claimed))
    return claimed
  }

  /// What is older than two days is old.
  private func prune(_ scene: Scene, limit: Int = 100) async throws -> PrunedCalls {
    try await scene.ledger.store.pruneCalls(olderThan: Self.day * 2, atMost: limit)
  }
}
