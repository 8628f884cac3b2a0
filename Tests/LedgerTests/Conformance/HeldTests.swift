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
    "rule 15: each listing of the watch judges a call held for lack of evidence anew, and it stays held since then",
    arguments: LedgerKind.allCases
  )
  func judgedByWatch(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let job = try await scene.insert(10)
      let held = try await heldCall(scene, .unwitnessed)
      let since = try #require(try await scene.call(held).heldAt)
      var left = 4
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
        // A call that is held again is no new reason to watch: the listings come to an end.
        left -= 1
        #expect(try await scene.watchRow().listingsLeft == left)
        #expect(try await scene.call(held).heldAt == since)
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

  @Test(
    "rule 14: a watch whose last listing could not be had has not ended as one that was listed",
    arguments: LedgerKind.allCases
  )
  func neverListed(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let held = try await heldCall(scene, .unlistable)
      for pause in [9 * 60, 50 * 60, 23 * 3600, 0] {
        try await scene.decide(scene.doubt()) {
          $0.held = [held.call.id]
          $0.holdReason = .unlistable
        }
        try await scene.ledger.pass(.seconds(pause))
        try await scene.heartbeat()
      }
      #expect(try await scene.watchRow().ended == "unlistable")
    }
  }

  @Test(
    "rule 15: a job is held until the last of its held calls has got its answer",
    arguments: LedgerKind.allCases
  )
  func lastHeldCall(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1010)
      let calls = [try await scene.claim(), try await scene.claim()]
      for call in calls { try await scene.doubt(call) }
      try await hold(scene, .unexplained)
      try await scene.settle(calls[0], scene.answer(calls[0]))
      let held = try await scene.job(id)
      #expect(held.held && held.errorCode == "number_unexplained" && held.issued == 500)
      try await scene.settle(calls[1], scene.answer(calls[1]))
      let free = try await scene.job(id)
      #expect(!free.held && free.errorCode == nil && free.errorMessage == nil)
      #expect(try await scene.claim().call.size == 10)
    }
  }

  @Test(
    "rule 15: calls of one job that are held for different reasons hold it until the last is decided",
    arguments: LedgerKind.allCases
  )
  func differentReasons(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1000)
      let calls = [try await scene.claim(), try await scene.claim()]
      for call in calls { try await scene.doubt(call) }
      try await hold(scene, .unexplained)
      let codes = scene.mint.make(500, of: Scene.reward)
      try await scene.settle(calls[0], scene.short(calls[0], of: codes, shown: 400))
      try await hold(scene, .outOfTime)
      #expect(try await scene.job(id).errorCode == "codes_out_of_time")
      try await scene.settle(calls[0], scene.short(calls[0], of: codes, shown: 500))
      #expect(try await scene.job(id).held)
      try await scene.settle(calls[1], .unsent(.leaseLost))
      let job = try await scene.job(id)
      #expect(!job.held && job.errorCode == nil && job.isQueued)
    }
  }

  @Test(
    "rule 15: what a late answer to a held call does not bring is judged anew, and its job is free",
    arguments: LedgerKind.allCases
  )
  func lateAndShort(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let held = try await heldCall(scene, .unexplained)
      try await scene.settle(held, scene.answer(held, codes: 4))
      #expect(try await scene.call(held).heldAt == nil)
      #expect(try await !scene.job(id).held)
      #expect(try await scene.doubt().calls.map(\.lacks) == [6])
    }
  }

  @Test(
    "rule 15: an ending that says nothing new leaves a held call and its job to a person",
    arguments: LedgerKind.allCases
  )
  func stillHeld(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let held = try await heldCall(scene, .unexplained)
      let heldAt = try await scene.call(held).heldAt
      try await scene.settle(held, .unknown(.timeout))
      #expect(try await scene.call(held).heldAt == heldAt && heldAt != nil)
      let job = try await scene.job(id)
      #expect(job.held && job.errorCode == "number_unexplained")
    }
  }

  @Test(
    "rule 15: a held call keeps no reward closed when the other calls have got their answers",
    arguments: LedgerKind.allCases
  )
  func reopenedByAnswer(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      _ = try await scene.doubtfulCall()
      try await hold(scene, .unexplained)
      _ = try await scene.insert(20)
      let doubtful = try await scene.doubtfulCall()
      try await scene.settle(doubtful, scene.answer(doubtful))
      #expect(try await scene.reward().closedAt == nil)
    }
  }

  @Test(
    "rule 15: the outcome of a call does not free its job that is held for something else meanwhile",
    arguments: LedgerKind.allCases
  )
  func heldOtherwise(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let doubtful = try await scene.doubtfulCall()
      try await hold(scene, .unexplained)
      _ = try await scene.insert(500 * Bounds.rewardRefusals)
      var others: [ClaimedCall] = []
      for _ in 1...Bounds.rewardRefusals { others.append(try await scene.claim()) }
      try await scene.settle(doubtful, scene.answer(doubtful, codes: 4))
      for other in others {
        try await scene.settle(
          scene.settlement(other, Scene.refusal(.forbidden, 403), team: .accepted)
        )
      }
      #expect(try await scene.job(id).errorCode == "c403")
      try await scene.decide(scene.doubt()) { $0.absent = [doubtful.call.id] }
      let job = try await scene.job(id)
      #expect(job.held && job.errorCode == "c403" && !job.isQueued)
    }
  }

  @Test(
    "rule 16: a job that is ending keeps its reason when one of its calls is held",
    arguments: LedgerKind.allCases
  )
  func heldAtTheEnd(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(510)
      let (doubtful, refused) = (try await scene.claim(), try await scene.claim())
      try await scene.doubt(doubtful)
      try await scene.settle(refused, Scene.refusal(.request, 404))
      try await hold(scene, .unexplained)
      let job = try await scene.job(id)
      #expect(job.state == .ending && job.held && job.errorCode == "c404")
    }
  }

  @Test(
    "rule 8: codes kept as bytes for a held call are news when it is judged anew",
    arguments: LedgerKind.allCases
  )
  func bytes(kind: LedgerKind) async throws {
    for reason: HoldReason in [.unwitnessed, .unexplained] {
      try await Scene.lend(kind) { scene in
        _ = try await scene.insert(10)
        _ = try await scene.doubtfulCall()
        let bad = scene.badCode()
        try await scene.decide(scene.doubt(), finding: [bad]) { decision in
          decision.held = decision.judged
          decision.holdReason = reason
        }
        #expect(try await scene.ledger.facts().rawCodes.keys.map { $0 } == [bad.id])
        #expect(try await scene.list([bad]).page.unknown == (reason.hasSeenAll ? [] : [bad.id]))
      }
    }
  }

  @Test(
    "rule 15: codes that were set aside for a call are its own when its answer shows them",
    arguments: LedgerKind.allCases
  )
  func ownAfterAll(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let held = try await scene.doubtfulCall()
      let codes = scene.mint.make(10, of: Scene.reward)
      try await scene.decide(scene.doubt(), finding: codes) { decision in
        decision.held = decision.judged
        decision.holdReason = .unexplained
        decision.unattributed = codes.ids
      }
      #expect(try await scene.ledger.facts().unattributed.count == 10)
      try await scene.settle(held, .issued(Answer(codes: codes, nulls: 0, body: [])))
      #expect(try await scene.ledger.facts().unattributed.isEmpty)
      #expect(try await scene.job(id).state == .completed)
    }
  }

  /// Holds all calls in doubt for this reason.
  private func hold(_ scene: Scene, _ reason: HoldReason) async throws {
    let answer = try await scene.decide(scene.doubt()) { decision in
      decision.held = decision.judged
      decision.holdReason = reason
    }
    #expect(answer.isDone)
  }

  /// A call that fell in doubt and waits for a person for this reason. Its watch is due.
  private func heldCall(_ scene: Scene, _ reason: HoldReason) async throws -> ClaimedCall {
    let claimed = try await scene.claim()
    try await scene.settle(claimed, .unknown(.timeout))
    try await hold(scene, reason)
    try await scene.ledger.pass(.seconds(60))
    try await scene.heartbeat()
    return claimed
  }
}
