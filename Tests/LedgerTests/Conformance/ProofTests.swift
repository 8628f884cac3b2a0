import MemoryStore
import Provisioning
import Testing

@Suite("rule 7: an answer proves what it brought that was new")
struct ProofTests {
  @Test(
    "rule 7: the answer of another call proves nothing, and the call is in doubt for all of its codes",
    arguments: LedgerKind.allCases
  )
  func repeatedAnswer(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1000)
      let (first, second) = (try await scene.claim(), try await scene.claim())
      let answer = scene.answer(first)
      try await scene.settle(first, answer)
      let effectiveUntil = try await scene.call(second).effectiveUntil
      try await scene.ledger.pass(.seconds(1))
      let receipt = try await scene.settle(second, answer)
      #expect(receipt.issued == 0 && receipt.surplus == 0 && receipt.call == .inDoubt)
      let call = try await scene.call(second)
      #expect(call.errorCode == "answer_repeated" && call.outstanding == 500 && !call.isShort)
      // Its own request may still take effect.
      #expect(call.effectiveUntil == effectiveUntil)
      let job = try await scene.job(id)
      #expect(job.issued == 500 && job.outstanding == 500 && job.answersWithoutProgress == 1)
      #expect(try await scene.reward().closedAt != nil)
      #expect(try await scene.reward().newestCall == first.call.id)
    }
  }

  @Test(
    "rule 7: an otherwise exact 201 with 100 codes that are known is short by 100",
    arguments: LedgerKind.allCases
  )
  func partlyKnown(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1000)
      let (first, second) = (try await scene.claim(), try await scene.claim())
      let known = scene.mint.make(500, of: Scene.reward)
      try await scene.settle(first, .issued(Answer(codes: known, nulls: 0, body: [])))
      let codes = Array(known.prefix(100)) + scene.mint.make(400, of: Scene.reward)
      let receipt = try await scene.settle(
        second,
        .issued(Answer(codes: codes, nulls: 0, body: []))
      )
      #expect(receipt.issued == 400 && receipt.call == .inDoubt)
      let call = try await scene.call(second)
      #expect(call.outstanding == 100 && call.isShort && call.errorCode == nil)
      #expect(try await scene.job(id).issued == 900)
      #expect(try await scene.reward().newestCall == first.call.id)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
    }
  }

  @Test(
    "rule 7: what an answer with nulls lacks stays outstanding until the listing gap has passed",
    arguments: LedgerKind.allCases
  )
  func nulls(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.ledger.pass(.seconds(2))
      let receipt = try await scene.settle(claimed, scene.answer(claimed, codes: 8, nulls: 2))
      #expect(receipt.issued == 8 && receipt.call == .inDoubt)
      let call = try await scene.call(claimed)
      #expect(call.outstanding == 2 && call.isShort && call.received == 10)
      #expect(call.effectiveUntil == startOfTime + 12_000_000)
      let job = try await scene.job(id)
      #expect(job.issued == 8 && job.outstanding == 2 && job.state == .running)
      #expect(try await scene.reward().closedAt != nil)
      #expect(try await scene.ledger.facts().watches.isEmpty)
    }
  }

  @Test(
    "rule 7: an empty 201 leaves all of its codes in doubt, any number of them",
    arguments: LedgerKind.allCases
  )
  func empty(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let claimed = try await scene.claim()
      #expect(try await scene.settle(claimed, scene.answer(claimed, codes: 0)).call == .inDoubt)
      let call = try await scene.call(claimed)
      #expect(call.outstanding == 10 && call.isShort && call.errorCode == nil)
    }
  }

  @Test(
    "rule 7: codes that a listing had shown before the call was sent are no proof for it",
    arguments: LedgerKind.allCases
  )
  func listedBefore(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let lost = try await scene.doubtfulCall()
      let codes = scene.mint.make(10, of: Scene.reward)
      try await scene.decide(scene.doubt(), finding: codes) {
        $0.adopted = [Adoption(call: lost.call, codes: codes.ids)]
      }
      try await scene.ledger.pass(.seconds(1))
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      let receipt = try await scene.settle(
        claimed,
        .issued(Answer(codes: codes, nulls: 0, body: []))
      )
      #expect(receipt.issued == 0 && receipt.call == .inDoubt)
      let call = try await scene.call(claimed)
      #expect(call.errorCode == "answer_repeated" && call.outstanding == 10)
      let job = try await scene.job(id)
      #expect(job.issued == 0 && job.outstanding == 10)
    }
  }

  @Test(
    "rule 7: an answer takes back no surplus that a listing had shown before the call was sent",
    arguments: LedgerKind.allCases
  )
  func surplusBefore(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let absent = try await scene.doubtfulCall()
      try await scene.decide(scene.doubt()) { $0.absent = [absent.call.id] }
      try await scene.ledger.pass(.seconds(60))
      let codes = scene.mint.make(10, of: Scene.reward)
      #expect(try await scene.listWatched(finding: codes) == .done(issued: 0, surplus: 10))
      try await scene.ledger.pass(.seconds(1))
      let claimed = try await scene.claim()
      let receipt = try await scene.settle(
        claimed,
        .issued(Answer(codes: codes, nulls: 0, body: []))
      )
      #expect(receipt.issued == 0 && receipt.call == .inDoubt)
      let job = try await scene.job(id)
      #expect(job.issued == 0 && job.outstanding == 10 && job.surplus == 10)
    }
  }

  @Test(
    "rule 6: what one answer has shown of a code stays, whatever another answer shows of it",
    arguments: LedgerKind.allCases
  )
  func shownOtherwise(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1000)
      let (first, second) = (try await scene.claim(), try await scene.claim())
      let codes = scene.mint.make(500, of: Scene.reward).map { $0.made(at: startOfTime) }
      try await scene.settle(first, .issued(Answer(codes: codes, nulls: 0, body: [])))
      let later = codes.map { $0.made(at: startOfTime + 1_000_000) }
      try await scene.settle(second, .issued(Answer(codes: later, nulls: 0, body: [])))
      let times = try await scene.ledger.facts().codes.values.map {
        $0.code.createdAt?.microseconds
      }
      #expect(Set(times) == [startOfTime])
    }
  }

  @Test(
    "rule 7: a settlement that is repeated is known as the call's own, and changes nothing",
    arguments: LedgerKind.allCases
  )
  func again(kind: LedgerKind) async throws {
    let answers: [@Sendable (Scene, ClaimedCall) -> CallOutcome] = [
      { scene, claimed in scene.answer(claimed, codes: 7, nulls: 3) },
      { scene, claimed in scene.answer(claimed, codes: 0) },
      { scene, _ in
        let foreign = scene.mint.make(1, of: Scene.otherReward)
        return .issued(Answer(codes: foreign, nulls: 0, body: []))
      },
    ]
    for answer in answers {
      try await Scene.lend(kind) { scene in
        _ = try await scene.insert(10)
        let claimed = try await scene.claim()
        let settlement = scene.settlement(claimed, answer(scene, claimed))
        try await scene.settle(settlement)
        let before = try await scene.ledger.facts()
        try await scene.ledger.pass(.seconds(1))
        let receipt = try await scene.settle(settlement)
        #expect(receipt.issued == 0 && receipt.surplus == 0 && receipt.call == .inDoubt)
        #expect(try await scene.ledger.facts().differences(from: before) == [])
      }
    }
  }

  @Test(
    "rule 7: a later answer brings what the first one lacked, and the call is issued",
    arguments: LedgerKind.allCases
  )
  func completed(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      let codes = scene.mint.make(10, of: Scene.reward)
      try await scene.settle(claimed, scene.short(claimed, of: codes, shown: 6))
      #expect(
        try await scene.settle(claimed, scene.short(claimed, of: codes, shown: 10)).issued == 4
      )
      let call = try await scene.call(claimed)
      #expect(call.state == .issued && call.outstanding == 0 && !call.isShort)
      #expect(try await scene.job(id).state == .completed)
      #expect(try await scene.reward().closedAt == nil)
    }
  }

  @Test(
    "rule 7: new evidence voids a listing that was begun without it",
    arguments: LedgerKind.allCases
  )
  func voidsListing(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let claimed = try await scene.doubtfulCall()
      _ = try await scene.doubt()
      try await scene.settle(claimed, scene.answer(claimed, codes: 4))
      #expect(try await scene.reward().reconciler == nil)
      #expect(try await scene.doubt().calls.map(\.call.id) == [claimed.call.id])
    }
  }

  @Test(
    "rule 7: a call that has its outcome keeps it, and its reward is watched",
    arguments: LedgerKind.allCases
  )
  func decided(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1000)
      let (first, second) = (try await scene.claim(), try await scene.claim())
      let answer = scene.answer(first)
      try await scene.settle(first, answer)
      try await scene.settle(second, .unsent(.leaseLost))
      let late = scene.settlement(second, answer)
      #expect(try await scene.settle(late).call == .unsent)
      #expect(try await scene.watchRow().reason == .repeatedAnswer)
      let before = try await scene.ledger.facts()
      try await scene.ledger.pass(.seconds(1))
      try await scene.settle(late)
      #expect(try await scene.ledger.facts().differences(from: before) == [])
    }
  }

  @Test(
    "rule 7: a late answer that lacks codes leaves its reward watched, because nothing is in doubt",
    arguments: LedgerKind.allCases
  )
  func lateAndShort(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, .unsent(.leaseLost))
      #expect(try await scene.settle(claimed, scene.answer(claimed, codes: 4)).issued == 4)
      let call = try await scene.call(claimed)
      #expect(call.state == .issued && call.isShort && call.outstanding == 0)
      #expect(try await scene.watchRow().reason == .partialCall)
    }
  }

  @Test(
    "rule 7: an answer that is repeated for ever fails the job, which ends when its call is decided",
    arguments: LedgerKind.allCases
  )
  func everRepeated(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let other = try await scene.insert(10)
      let first = try await scene.claim()
      let answer = scene.answer(first)
      try await scene.settle(first, answer)
      #expect(try await scene.job(other).state == .completed)
      let id = try await scene.insert(10)
      for turn in 1...5 {
        let claimed = try await scene.claim()
        try await scene.settle(claimed, answer)
        #expect(try await scene.job(id).answersWithoutProgress == turn)
        #expect(try await scene.job(id).state == (turn < 5 ? .running : .ending))
        _ = try await scene.ledger.edit(.absent(claimed.call.id))
        try await scene.heartbeat()
      }
      let job = try await scene.job(id)
      #expect(job.state == .failed && job.errorCode == "no_progress")
    }
  }
}

@Suite("rule 7: swapped answers")
struct SwappedAnswerTests {
  @Test(
    "rule 7: codes that lack a prefix seen literal are set aside and not counted",
    arguments: LedgerKind.allCases
  )
  func swapped(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let jobs = try await scene.literal(["SUMMER-", "WINTER-"])
      let summer = try await scene.claim()
      let winter = try await scene.claim()
      let codes = scene.mint.make(5, of: Scene.reward, prefix: winter.call.prefix ?? "")
      let receipt = try await scene.settle(
        summer,
        .issued(Answer(codes: codes, nulls: 0, body: []))
      )
      #expect(receipt.issued == 0 && receipt.call == .inDoubt)
      let facts = try await scene.ledger.facts()
      #expect(Set(facts.unattributed.keys) == Set(codes.map(\.id)))
      #expect(facts.unattributed.values.allSatisfy { $0 == summer.call.id })
      #expect(try facts.call(summer.call.id).outstanding == 5)
      #expect(try facts.job(jobs[0]).issued == 0 && facts.job(jobs[1]).issued == 0)
    }
  }

  @Test(
    "rule 7: of a mixed answer the call gets what has its prefix, and is short by the rest",
    arguments: LedgerKind.allCases
  )
  func mixed(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.literal(["SUMMER-"])
      let claimed = try await scene.claim()
      let codes =
        scene.mint.make(3, of: Scene.reward, prefix: "SUMMER-")
        + scene.mint.make(2, of: Scene.reward, prefix: "summer-")
      let settlement = scene.settlement(
        claimed,
        .issued(Answer(codes: codes, nulls: 0, body: []))
      )
      #expect(try await scene.settle(settlement).issued == 3)
      let call = try await scene.call(claimed)
      #expect(call.state == .inDoubt && call.outstanding == 2 && call.isShort)
      let before = try await scene.ledger.facts()
      try await scene.settle(settlement)
      #expect(try await scene.ledger.facts().differences(from: before) == [])
    }
  }

  @Test(
    "rule 7: a prefix that was never seen, or seen altered, sets nothing aside",
    arguments: LedgerKind.allCases
  )
  func unseen(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(20, prefix: "SUMMER-")
      let first = try await scene.claim()
      let codes = scene.mint.make(20, of: Scene.reward, prefix: "summer")
      #expect(
        try await scene.settle(first, .issued(Answer(codes: codes, nulls: 0, body: []))).issued
          == 20
      )
      _ = try await scene.literal(["SUMMER-"])
      let second = try await scene.claim()
      let more = scene.mint.make(5, of: Scene.reward, prefix: "summer")
      #expect(
        try await scene.settle(second, .issued(Answer(codes: more, nulls: 0, body: []))).issued == 5
      )
    }
  }
}

extension Scene {
  /// A job of five codes for each prefix, which the API is known to take literally. The next claims are
  /// for these jobs.
  fileprivate func literal(_ prefixes: [String]) async throws -> [JobID] {
    for prefix in prefixes {
      _ = try await insert(5, prefix: prefix)
      let claimed = try await claim()
      let codes = mint.make(5, of: Self.reward, prefix: prefix)
      try await settle(claimed, .issued(Answer(codes: codes, nulls: 0, body: [])))
    }
    var jobs: [JobID] = []
    for prefix in prefixes { jobs.append(try await insert(5, prefix: prefix)) }
    return jobs
  }
}
