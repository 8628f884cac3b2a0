import MemoryStore
import Provisioning
import Testing

@Suite("held calls")
struct HeldTests {
  @Test(
    "rule 15: a call held for lack of evidence holds only itself, and is judged with the next doubt",
    arguments: LedgerKind.allCases,
    HoldReason.allCases.filter { !$0.hasSeenAll }
  )
  func judgedAgain(kind: LedgerKind, reason: HoldReason) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(510)
      let held = try await heldCall(scene, reason)
      #expect(try await !scene.job(job).held)
      #expect(try await scene.job(job).outstanding == 500)
      let doubtful = try await scene.claim()
      #expect(doubtful.call.job == job)
      try await scene.settle(doubtful, .unknown(.timeout))
      let doubt = try await scene.doubt()
      #expect(doubt.calls.map(\.call.id) == [held.call.id, doubtful.call.id])
      let codes = scene.mint.make(510, of: Scene.reward)
      let answer = try await scene.decide(doubt, finding: codes) {
        $0.adopted = [
          Adoption(call: held.call, codes: codes.prefix(500).map(\.id)),
          Adoption(call: doubtful.call, codes: codes.suffix(10).map(\.id)),
        ]
      }
      #expect(answer.isDone)
      let row = try await scene.job(job)
      #expect(row.state == .completed && row.issued == 510)
      #expect(try await scene.call(held).heldAt == nil)
    }
  }

  @Test(
    "rule 15: a call that was held after whole listings is not judged again, and its job waits",
    arguments: LedgerKind.allCases,
    HoldReason.allCases.filter(\.hasSeenAll)
  )
  func notJudgedAgain(kind: LedgerKind, reason: HoldReason) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      _ = try await heldCall(scene, reason)
      #expect(try await scene.job(job).held)
      _ = try await scene.insert(20)
      let doubtful = try await scene.claim()
      try await scene.settle(doubtful, .unknown(.timeout))
      #expect(try await scene.doubt().calls.map(\.call.id) == [doubtful.call.id])
    }
  }

  @Test(
    "rule 15: each listing of the watch judges a call anew that was held for lack of evidence",
    arguments: LedgerKind.allCases
  )
  func judgedByWatch(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      let held = try await heldCall(scene, .unwitnessed)
      for pause in [9 * 60, 50 * 60, 23 * 3600] {
        #expect(try await scene.ledger.store.takeWatch(Scene.worker, lease: .seconds(1)) == nil)
        let doubt = try await scene.doubt()
        #expect(doubt.calls.map(\.call.id) == [held.call.id])
        #expect(try await scene.reward().closedAt != nil)
        let answer = try await scene.decide(doubt) {
          $0.held = [held.call.id]
          $0.holdReason = .unwitnessed
        }
        #expect(answer.isDone)
        #expect(try await scene.reward().closedAt == nil)
        #expect(try await scene.takeDoubt() == nil)
        try await scene.ledger.pass(.seconds(pause))
        try await scene.heartbeat()
      }
      let codes = scene.mint.make(10, of: Scene.reward)
      try await scene.decide(scene.doubt(), finding: codes) {
        $0.adopted = [Adoption(call: held.call, codes: codes.ids)]
      }
      #expect(try await scene.job(job).state == .completed)
    }
  }

  @Test(
    "rule 15: a list that fails keeps nobody waiting for a held call that is to be judged anew",
    arguments: LedgerKind.allCases
  )
  func reopened(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let held = try await heldCall(scene, .unlistable)
      let doubt = try await scene.doubt()
      try await scene.ledger.store.leave(
        doubt.reward,
        worker: Scene.worker,
        pause: .seconds(2),
        counts: .zero
      )
      #expect(try await scene.reward().closedAt == nil)
      try await scene.ledger.pass(.seconds(59))
      #expect(try await scene.takeDoubt() == nil)
      try await scene.ledger.pass(.seconds(1))
      try await scene.heartbeat()
      #expect(try await scene.doubt().calls.map(\.call.id) == [held.call.id])
      #expect(try await scene.reward().undecidedFor == 2_000_000)
    }
  }

  @Test(
    "rule 14: what a watch finds while a call is held is set aside for it, and not surplus",
    arguments: LedgerKind.allCases
  )
  func setAside(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let held = try await scene.insert(10)
      let call = try await heldCall(scene, .unexplained)
      _ = try await scene.insert(10)
      let absent = try await scene.claim()
      try await scene.settle(absent, .unknown(.timeout))
      try await scene.decide(scene.doubt()) { $0.absent = [absent.call.id] }
      try await scene.ledger.pass(.seconds(60))
      try await scene.heartbeat()
      let found = scene.mint.make(12, of: Scene.reward)
      #expect(try await scene.listWatched(finding: found) == .done(issued: 0, surplus: 0))
      let facts = try await scene.ledger.facts()
      #expect(Set(facts.unattributed.keys) == Set(found.ids))
      #expect(facts.unattributed.values.allSatisfy { $0 == call.call.id })
      #expect(try facts.job(held).outstanding == 10 && facts.job(held).surplus == 0)
    }
  }

  @Test(
    "rule 11: codes that a swapped answer brought are news of the call that they belong to",
    arguments: LedgerKind.allCases
  )
  func swapped(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      for prefix in ["ONE-", "TWO-"] {
        _ = try await scene.insert(10, prefix: prefix)
        let clean = try await scene.claim()
        let codes = scene.mint.make(10, of: Scene.reward, prefix: prefix)
        try await scene.settle(clean, .issued(Answer(codes: codes, nulls: 0, body: [])))
      }
      let one = try await scene.insert(10, prefix: "ONE-")
      let two = try await scene.insert(10, prefix: "TWO-")
      let first = try await scene.claim()
      let second = try await scene.claim()
      let ones = scene.mint.make(10, of: Scene.reward, prefix: "ONE-")
      let twos = scene.mint.make(10, of: Scene.reward, prefix: "TWO-")
      try await scene.settle(first, .issued(Answer(codes: twos, nulls: 0, body: [])))
      try await scene.settle(second, .issued(Answer(codes: ones, nulls: 0, body: [])))
      let doubt = try await scene.doubt()
      #expect(doubt.calls.map(\.setAside) == [twos.ids.sorted(), ones.ids.sorted()])
      #expect(try await scene.list(ones + twos).page.unknown == ones.ids + twos.ids)
      try await scene.decide(doubt, finding: ones + twos) {
        $0.adopted = [
          Adoption(call: first.call, codes: ones.ids), Adoption(call: second.call, codes: twos.ids),
        ]
      }
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(one).state == .completed && facts.job(two).state == .completed)
      for code in twos { #expect(facts.codes[code.id]?.job == two) }
      #expect(facts.unattributed.isEmpty)
    }
  }

  /// A call that fell in doubt and waits for a person for this reason. Its watch is due.
  private func heldCall(_ scene: Scene, _ reason: HoldReason) async throws -> ClaimedCall {
    let claimed = try await scene.claim()
    try await scene.settle(claimed, .unknown(.timeout))
    let doubt = try await scene.doubt()
    let answer = try await scene.decide(doubt) {
      $0.held = doubt.calls.map(\.call.id)
      $0.holdReason = reason
    }
    #expect(answer.isDone)
    try await scene.ledger.pass(.seconds(60))
    try await scene.heartbeat()
    return claimed
  }
}
