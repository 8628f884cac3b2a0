import MemoryStore
import Provisioning
import Testing

@Suite("answers")
struct AnswerTests {
  @Test("an exact answer counts in full and completes the job", arguments: LedgerKind.allCases)
  func exact(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(600)
      let calls = [try await scene.claim(), try await scene.claim()]
      let first = try await scene.settle(calls[0], scene.answer(calls[0]))
      #expect(
        first
          == SettleReceipt(
            issued: 500,
            surplus: 0,
            call: .issued,
            jobBefore: .running,
            job: .running
          )
      )
      let last = try await scene.settle(calls[1], scene.answer(calls[1]))
      #expect(last.issued == 100 && last.job == .completed)
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(id).issued == 600 && facts.codes.count == 600)
      #expect(try facts.job(id).finishedAt == startOfTime)
      #expect(try facts.reward(Scene.reward).inFlight == 0 && facts.account.inFlight == 0)
      #expect(facts.watches[Scene.reward] == nil)
    }
  }

  @Test("a settlement that is repeated changes nothing", arguments: LedgerKind.allCases)
  func repeated(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      let outcomes: [(ClaimedCall) -> CallOutcome] = [
        { scene.answer($0) }, { scene.answer($0, codes: 3) }, { scene.answer($0, codes: 503) },
        { _ in .unsent(.leaseLost) }, { _ in Scene.refusal(.pace(pause: .zero), 429) },
        { _ in .unknown(.timeout) },
      ]
      for outcome in outcomes {
        // A burst that one of them has ended is paid for first.
        try await scene.ledger.pass(.milliseconds(100))
        let claimed = try await scene.claim()
        let settlement = scene.settlement(claimed, outcome(claimed))
        try await scene.settle(settlement)
        let before = try await scene.ledger.facts()
        let again = try await scene.settle(settlement)
        #expect(again.issued == 0 && again.surplus == 0)
        #expect(try await scene.ledger.facts().differences(from: before) == [])
        _ = try await scene.ledger.edit(.absent(claimed.call.id))
      }
    }
  }

  @Test(
    "a clean answer that is repeated does not lift a pause that came after it",
    arguments: LedgerKind.allCases
  )
  func repeatedAfterRefusal(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(5000)
      let clean = try await scene.claim()
      let refused = try await scene.claim()
      let settlement = scene.settlement(clean, scene.answer(clean))
      try await scene.settle(settlement)
      try await scene.settle(refused, Scene.refusal(.forbidden, 403))
      let before = try await scene.ledger.facts()
      try await scene.settle(settlement)
      #expect(try await scene.ledger.facts().differences(from: before) == [])
    }
  }

  @Test(
    "what a short answer lacks is asked for again when it is decided that it is not there",
    arguments: LedgerKind.allCases
  )
  func short(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      let receipt = try await scene.settle(claimed, scene.answer(claimed, codes: 7, nulls: 3))
      #expect(receipt.issued == 7 && receipt.job == .running)
      #expect(try await scene.call(claimed).received == 10)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      _ = try await scene.ledger.edit(.absent(claimed.call.id))
      try await scene.heartbeat()
      let rest = try await scene.claim()
      #expect(rest.call.size == 3 && rest.call.job == id)
      try await scene.settle(rest, scene.answer(rest))
      #expect(try await scene.job(id).state == .completed)
    }
  }

  @Test(
    "a long answer counts as far as there is room; the rest is surplus",
    arguments: LedgerKind.allCases
  )
  func long(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let roomy = try await scene.insert(700)
      let claimed = try await scene.claim()
      #expect(try await scene.settle(claimed, scene.answer(claimed, codes: 600)).issued == 600)
      #expect(try await scene.job(roomy).surplus == 0)
      let rest = try await scene.claim()
      #expect(rest.call.size == 100)
      let receipt = try await scene.settle(rest, scene.answer(rest, codes: 103))
      #expect(receipt.issued == 100 && receipt.surplus == 3 && receipt.job == .completed)
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(roomy).surplus == 3)
      #expect(facts.codes.values.filter(\.isSurplus).count == 3)
    }
  }

  @Test("codes that an answer lists twice count once", arguments: LedgerKind.allCases)
  func doubled(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      let five = scene.mint.make(5, of: Scene.reward)
      try await scene.settle(claimed, .issued(Answer(codes: five + five, nulls: 0, body: [])))
      #expect(try await scene.job(id).issued == 5)
    }
  }

  @Test("codes that an earlier answer showed count no second time", arguments: LedgerKind.allCases)
  func shownBefore(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(510)
      let first = try await scene.claim()
      let second = try await scene.claim()
      let outcome = scene.answer(first)
      try await scene.settle(first, outcome)
      guard case .issued(let answer) = outcome else { return }
      let mixed = Answer(
        codes: Array(answer.codes.prefix(4)) + scene.mint.make(6, of: Scene.reward),
        nulls: 0,
        body: []
      )
      #expect(try await scene.settle(second, .issued(mixed)).issued == 6)
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(id).issued == 506)
      #expect(facts.codes.values.filter { $0.call == first.call.id }.count == 500)
    }
  }

  @Test(
    "rule 7: codes of another reward are kept as unattributed and never counted",
    arguments: LedgerKind.allCases
  )
  func foreign(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let claimed = try await scene.claim()
      let own = scene.mint.make(6, of: Scene.reward)
      let foreign = scene.mint.make(4, of: Scene.otherReward)
      try await scene.settle(claimed, .issued(Answer(codes: foreign + own, nulls: 0, body: [])))
      let facts = try await scene.ledger.facts()
      #expect(try facts.job(id).issued == 6)
      #expect(Set(facts.unattributed.keys) == Set(foreign.map(\.id)))
      #expect(facts.codes.count == 6)
    }
  }

  @Test(
    "rule 7: five answers in a row without a new code fail the job",
    arguments: LedgerKind.allCases
  )
  func answers_without_progress(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      for stall in 1...5 {
        let claimed = try await scene.claim()
        #expect(try await scene.job(id).answersWithoutProgress == stall - 1)
        let receipt = try await scene.settle(claimed, scene.answer(claimed, codes: 0, nulls: 10))
        #expect(receipt.job == (stall < 5 ? .running : .ending))
        _ = try await scene.ledger.edit(.absent(claimed.call.id))
        try await scene.heartbeat()
      }
      let job = try await scene.job(id)
      #expect(job.errorCode == "no_progress" && job.issued == 0 && job.outstanding == 0)
    }
  }

  @Test("one new code makes answers without any forgotten", arguments: LedgerKind.allCases)
  func stallsEnd(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let first = try await scene.claim()
      try await scene.settle(first, scene.answer(first, codes: 0))
      _ = try await scene.ledger.edit(.absent(first.call.id))
      try await scene.heartbeat()
      let second = try await scene.claim()
      try await scene.settle(second, scene.answer(second, codes: 1))
      #expect(try await scene.job(id).answersWithoutProgress == 0)
    }
  }
}
