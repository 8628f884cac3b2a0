import MemoryStore
import Provisioning
import Testing

@Suite("held calls")
struct HeldTests {
  @Test(
    "a call that was held because nothing could be listed is judged again with the next doubt",
    arguments: LedgerKind.allCases,
    [HoldReason.unlistable, .nulls]
  )
  func judgedAgain(kind: LedgerKind, reason: HoldReason) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      let held = try await heldCall(scene, reason)
      #expect(try await scene.job(job).held)
      _ = try await scene.insert(20)
      let doubtful = try await scene.claim()
      try await scene.settle(doubtful, .unknown(.timeout))
      let doubt = try #require(try await take(scene))
      #expect(doubt.calls.map(\.call.id) == [held.call.id, doubtful.call.id])
      var decision = DoubtDecision(reward: doubt.reward, judged: doubt.calls.map(\.call.id))
      let codes = scene.mint.make(10, of: doubt.reward)
      decision.adopted = [Adoption(call: held.call, codes: codes)]
      decision.absent = [doubtful.call.id]
      #expect(try await scene.ledger.store.decide(decision, worker: Scene.worker).isDone)
      let row = try await scene.job(job)
      #expect(row.state == .completed && !row.held && row.issued == 10 && row.errorCode == nil)
      #expect(try await scene.call(held).heldAt == nil)
    }
  }

  @Test(
    "a call that was held after whole listings is not judged again",
    arguments: LedgerKind.allCases
  )
  func notJudgedAgain(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await heldCall(scene, .unexplained)
      _ = try await scene.insert(20)
      let doubtful = try await scene.claim()
      try await scene.settle(doubtful, .unknown(.timeout))
      #expect(try await take(scene)?.calls.map(\.call.id) == [doubtful.call.id])
    }
  }

  @Test(
    "what a watch finds while a call is held is set aside for it, and not surplus",
    arguments: LedgerKind.allCases
  )
  func setAside(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let held = try await scene.insert(10)
      _ = try await heldCall(scene, .unlistable)
      let other = try await scene.insert(10)
      let short = try await scene.claim()
      // Eight of ten: the other two may come to light, and count as long as nothing is asked again.
      try await scene.settle(short, scene.answer(short, codes: 8))
      let found = scene.mint.make(12, of: Scene.reward)
      let ended = [EndedJob(job: other, state: .completed)]
      let answer = try await scene.listWatched(finding: found)
      #expect(answer == .done(issued: 2, surplus: 0, ended: ended))
      let facts = try await scene.ledger.facts()
      #expect(facts.unattributed.count == 10)
      #expect(try facts.job(other).state == .completed && facts.job(other).surplus == 0)
      #expect(try facts.job(held).outstanding == 10 && facts.job(held).surplus == 0)
    }
  }

  @Test(
    "a reward that could not be listed for a held call is watched, and what is found is the call's",
    arguments: LedgerKind.allCases,
    [HoldReason.unlistable, .nulls, .unexplained]
  )
  func watched(kind: LedgerKind, reason: HoldReason) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let held = try await heldCall(scene, reason)
      guard !reason.hasSeenAll else {
        #expect(try await scene.ledger.facts().watches[Scene.reward] == nil)
        return
      }
      let made = scene.mint.make(10, of: Scene.reward)
      #expect(try await scene.listWatched(finding: made) == .done(issued: 0, surplus: 0))
      let facts = try await scene.ledger.facts()
      #expect(Set(facts.unattributed.keys) == Set(made.map(\.id)))
      #expect(facts.unattributed.values.allSatisfy { $0 == held.call.id })
    }
  }

  @Test(
    "what a watch finds goes to the held call whose codes were never listed, not to an older one",
    arguments: LedgerKind.allCases
  )
  func setAsideForTheRight(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await heldCall(scene, .unexplained)
      _ = try await scene.insert(10)
      let unlisted = try await heldCall(scene, .unlistable)
      let found = scene.mint.make(10, of: Scene.reward)
      #expect(try await scene.listWatched(finding: found) == .done(issued: 0, surplus: 0))
      let unattributed = try await scene.ledger.facts().unattributed
      #expect(unattributed.count == 10 && unattributed.values.allSatisfy { $0 == unlisted.call.id })
    }
  }

  /// A call that fell in doubt and waits for a person for this reason.
  private func heldCall(_ scene: Scene, _ reason: HoldReason) async throws -> ClaimedCall {
    let claimed = try await scene.claim()
    try await scene.settle(claimed, .unknown(.timeout))
    let doubt = try #require(try await take(scene))
    var decision = DoubtDecision(reward: doubt.reward, judged: doubt.calls.map(\.call.id))
    decision.held = decision.judged
    decision.holdReason = reason
    #expect(try await scene.ledger.store.decide(decision, worker: Scene.worker).isDone)
    try await scene.ledger.pass(.seconds(60))
    try await scene.heartbeat()
    return claimed
  }

  private func take(_ scene: Scene) async throws -> DoubtCase? {
    try await scene.ledger.store.takeDoubt(
      Scene.worker,
      lease: .seconds(30),
      effectiveFor: .seconds(40)
    )
  }
}
