import MemoryStore
import Provisioning
import Testing

@Suite("deciding a doubt")
struct VerdictTests {
  @Test(
    "rule 12: a call that is found whole is adopted: its codes count, the reward reopens",
    arguments: LedgerKind.allCases
  )
  func adopted(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(510)
      let call = try await scene.doubtfulCall().call
      let codes = scene.mint.make(500, of: Scene.reward)
      let doubt = try await scene.doubt()
      let answer = try await scene.decide(doubt, finding: codes) {
        $0.adopted = [Adoption(call: call, codes: codes.ids)]
      }
      #expect(answer.isDone)
      let facts = try await scene.ledger.facts()
      #expect(try facts.call(call.id).state == .adopted && facts.call(call.id).received == 500)
      #expect(facts.codes.values.allSatisfy { !$0.isFromAnswer })
      #expect(try facts.job(id).issued == 500 && facts.job(id).outstanding == 0)
      #expect(facts.codes.values.allSatisfy { $0.call == call.id && !$0.isSurplus })
      #expect(try facts.reward(Scene.reward).closedAt == nil)
      #expect(facts.watches[Scene.reward] == nil)
      #expect(try await scene.claim().call.size == 10)
    }
  }

  @Test(
    "a decision tells which jobs it brought to their end, and how",
    arguments: LedgerKind.allCases
  )
  func ended(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let ids = [
        try await scene.insert(10), try await scene.insert(20), try await scene.insert(510),
      ]
      let claimed = [try await scene.claim(), try await scene.claim(), try await scene.claim()]
      for call in claimed { try await scene.doubt(call) }
      try await scene.ledger.edit(.cancel(ids[1]))
      let doubt = try await scene.doubt()
      let codes = scene.mint.make(10, of: Scene.reward)
      let answer = try await scene.decide(doubt, finding: codes) { decision in
        decision.adopted = [Adoption(call: claimed[0].call, codes: codes.ids)]
        decision.absent = [claimed[1].call.id, claimed[2].call.id]
      }
      let ended = [
        EndedJob(job: ids[0], state: .completed), EndedJob(job: ids[1], state: .cancelled),
      ]
      #expect(answer == .done(ended: ended))
    }
  }

  @Test(
    "rules 12 and 14: what a call found in part lacks is asked for again, its reward watched",
    arguments: LedgerKind.allCases
  )
  func partly(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let call = try await scene.doubtfulCall().call
      let codes = scene.mint.make(7, of: Scene.reward)
      let doubt = try await scene.doubt()
      try await scene.decide(doubt, finding: codes) {
        $0.adopted = [Adoption(call: call, codes: codes.ids)]
      }
      #expect(try await scene.job(id).issued == 7)
      #expect(try await scene.ledger.facts().call(call.id).isShort)
      #expect(try await scene.watchRow().nextListingAt == startOfTime + 60_000_000)
      #expect(try await scene.claim().call.size == 3)
    }
  }

  @Test(
    "rules 12 and 14: an absent call frees its room, is asked for again, and its reward watched",
    arguments: LedgerKind.allCases
  )
  func absent(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let call = try await scene.doubtfulCall().call
      let doubt = try await scene.doubt()
      try await scene.decide(doubt) { $0.absent = [call.id] }
      let facts = try await scene.ledger.facts()
      #expect(try facts.call(call.id).state == .absent && facts.job(id).outstanding == 0)
      let reward = try facts.reward(Scene.reward)
      let watch = try facts.watch(Scene.reward)
      #expect(watch.reason == .absentCall && watch.call == call.id && watch.listingsLeft == 4)
      #expect(watch.nextListingAt == startOfTime + 60_000_000)
      #expect(!reward.awaitsListing && reward.closedAt == nil)
      let again = try await scene.claim()
      #expect(again.call.id != call.id && again.call.size == 10)
    }
  }

  @Test(
    "rule 15: a held call keeps its room, its codes are set aside, and others proceed",
    arguments: LedgerKind.allCases
  )
  func held(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let call = try await scene.doubtfulCall().call
      let other = try await scene.insert(5)
      let unattributed = scene.mint.make(3, of: Scene.reward)
      let doubt = try await scene.doubt()
      try await scene.decide(doubt, finding: unattributed) {
        $0.held = [call.id]
        $0.holdReason = .unexplained
        $0.unattributed = unattributed.ids
      }
      let facts = try await scene.ledger.facts()
      #expect(try facts.call(call.id).state == .inDoubt)
      #expect(try facts.call(call.id).heldAt == startOfTime)
      let job = try facts.job(id)
      #expect(job.held && job.outstanding == 10 && job.errorCode == "number_unexplained")
      #expect(Set(facts.unattributed.keys) == Set(unattributed.map(\.id)) && facts.codes.isEmpty)
      #expect(try await scene.list(unattributed).page.unknown.isEmpty)
      #expect(try facts.reward(Scene.reward).closedAt == nil)
      #expect(try await scene.claim().call.job == other)
      #expect(try await scene.takeDoubt() == nil)
    }
  }

  @Test(
    "rule 13: a decision is void if a late answer has changed what was judged",
    arguments: LedgerKind.allCases
  )
  func changedCalls(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(1000)
      let calls = [try await scene.claim(), try await scene.claim()]
      for call in calls { try await scene.doubt(call) }
      let doubt = try await scene.doubt()
      try await scene.settle(calls[0], scene.answer(calls[0]))
      let before = try await scene.ledger.facts()
      #expect(try await scene.decide(doubt) { $0.absent = calls.map(\.call.id) } == .changed)
      #expect(try await scene.ledger.facts().differences(from: before) == [])
    }
  }

  @Test(
    "rule 13: a decision is void if one of its codes has become known",
    arguments: LedgerKind.allCases
  )
  func knownCodes(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let call = try await scene.doubtfulCall()
      _ = try await scene.insert(10, of: Scene.otherReward)
      let other = try await scene.claim()
      let doubt = try await scene.doubt()
      let outcome = scene.answer(other)
      try await scene.settle(other, outcome)
      guard case .issued(let answer) = outcome else { return }
      let adoption = Adoption(call: call.call, codes: answer.codes.ids)
      let decided = try await scene.decide(doubt, finding: answer.codes) {
        $0.adopted = [adoption]
      }
      #expect(decided == .changed)
      #expect(try await scene.call(call).state == .inDoubt)
    }
  }

  @Test(
    "rule 16: a job that is ending has ended with its last doubtful call, and takes no new one",
    arguments: LedgerKind.allCases
  )
  func ending(kind: LedgerKind) async throws {
    for isFound in [true, false] {
      try await Scene.lend(kind) { scene in
        let id = try await scene.insert(510)
        let call = try await scene.doubtfulCall().call
        try await scene.ledger.edit(.cancel(id))
        #expect(try await scene.job(id).state == .ending)
        let codes = scene.mint.make(500, of: Scene.reward)
        let doubt = try await scene.doubt()
        try await scene.decide(doubt, finding: codes) { decision in
          if isFound {
            decision.adopted = [Adoption(call: call, codes: codes.ids)]
          } else {
            decision.absent = [call.id]
          }
        }
        let job = try await scene.job(id)
        #expect(job.state == .cancelled && job.issued == (isFound ? 500 : 0))
        #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      }
    }
  }

  @Test(
    "rule 8: a listed code that cannot be stored is kept as bytes, and the others are adopted",
    arguments: LedgerKind.allCases
  )
  func unstorable(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(10)
      let call = try await scene.doubtfulCall().call
      let good = scene.mint.make(8, of: Scene.reward)
      let bad = [
        scene.badCode(),
        CodeMint.code(9001, of: Scene.reward, externalIDs: #"{"a": "\u0000"}"#),
      ]
      let doubt = try await scene.doubt()
      let answer = try await scene.decide(doubt, finding: good + bad) {
        $0.adopted = [Adoption(call: call, codes: (good + bad).ids)]
      }
      #expect(answer.isDone)
      let facts = try await scene.ledger.facts()
      #expect(try facts.call(call.id).state == .adopted && facts.job(id).issued == 8)
      #expect(facts.rawCodes == [bad[0].id: call.id, bad[1].id: call.id])
      #expect(try await scene.list(bad).page.unknown.isEmpty)
      #expect(try await scene.claim().call.size == 2)
    }
  }

  @Test(
    "rule 8: codes set aside for a person are kept as bytes where they cannot be stored",
    arguments: LedgerKind.allCases
  )
  func unstorableUnattributed(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let call = try await scene.doubtfulCall().call
      let good = scene.mint.make(2, of: Scene.reward)
      let bad = scene.badCode()
      let doubt = try await scene.doubt()
      try await scene.decide(doubt, finding: good + [bad]) {
        $0.held = [call.id]
        $0.holdReason = .unexplained
        $0.unattributed = good.ids + [bad.id]
      }
      let facts = try await scene.ledger.facts()
      #expect(Set(facts.unattributed.keys) == Set(good.map(\.id)))
      #expect(facts.rawCodes == [bad.id: call.id])
    }
  }

  @Test(
    "rules 7 and 8: a job whose codes can never be stored fails, it is not asked for for ever",
    arguments: LedgerKind.allCases
  )
  func neverStorable(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(1)
      for attempt in 1...5 {
        let call = try await scene.doubtfulCall().call
        let doubt = try await scene.doubt()
        let bad = scene.badCode()
        try await scene.decide(doubt, finding: [bad]) {
          $0.adopted = [Adoption(call: call, codes: [bad.id])]
        }
        #expect(try await scene.job(id).answersWithoutProgress == attempt)
      }
      let job = try await scene.job(id)
      #expect(job.state == .failed && job.errorCode == "no_progress")
      #expect(try await scene.ledger.facts().rawCodes.count == 5)
    }
  }

  @Test(
    "rule 7: codes that are found for a call make answers without progress forgotten",
    arguments: LedgerKind.allCases
  )
  func progress(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(2)
      for (turn, found) in [scene.badCode(), scene.mint.make(1, of: Scene.reward)[0]].enumerated() {
        let call = try await scene.doubtfulCall().call
        try await scene.decide(scene.doubt(), finding: [found]) {
          $0.adopted = [Adoption(call: call, codes: [found.id])]
        }
        #expect(try await scene.job(id).answersWithoutProgress == 1 - turn)
      }
    }
  }

  @Test(
    "rule 7: a short answer's call that is decided is issued, whether its codes were found or not",
    arguments: LedgerKind.allCases
  )
  func answered(kind: LedgerKind) async throws {
    for found in [0, 2, 4] {
      try await Scene.lend(kind) { scene in
        let id = try await scene.insert(10)
        let claimed = try await scene.claim()
        try await scene.settle(claimed, scene.answer(claimed, codes: 6))
        #expect(try await scene.job(id).outstanding == 4)
        let codes = scene.mint.make(found, of: Scene.reward)
        let doubt = try await scene.doubt()
        try await scene.decide(doubt, finding: codes) { decision in
          if found > 0 {
            decision.adopted = [Adoption(call: claimed.call, codes: codes.ids)]
          } else {
            decision.absent = [claimed.call.id]
          }
        }
        let facts = try await scene.ledger.facts()
        #expect(try facts.call(claimed.call.id).state == .issued)
        #expect(try facts.call(claimed.call.id).received == 6)
        #expect(try facts.call(claimed.call.id).isShort == (found < 4))
        #expect(try facts.job(id).issued == 6 + found && facts.job(id).outstanding == 0)
        #expect(facts.codes.values.count { !$0.isFromAnswer } == found)
        #expect((facts.watches[Scene.reward] != nil) == (found < 4))
        #expect(try facts.reward(Scene.reward).closedAt == nil)
      }
    }
  }

  @Test(
    "rule 13: a decision is void if the codes that it names are not staged under its listing",
    arguments: LedgerKind.allCases
  )
  func notStaged(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let call = try await scene.doubtfulCall().call
      let doubt = try await scene.doubt()
      let codes = scene.mint.make(10, of: Scene.reward)
      try await scene.list(codes)
      let answer = try await scene.decide(doubt, finding: Array(codes.prefix(3))) {
        $0.adopted = [Adoption(call: call, codes: codes.ids)]
      }
      #expect(answer == .changed)
      #expect(try await scene.ledger.facts().codes.isEmpty)
    }
  }

  @Test(
    "rule 13: a call is never given more codes than it lacks",
    arguments: LedgerKind.allCases
  )
  func tooMany(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let claimed = try await scene.claim()
      try await scene.settle(claimed, scene.answer(claimed, codes: 6))
      let doubt = try await scene.doubt()
      let codes = scene.mint.make(5, of: Scene.reward)
      let answer = try await scene.decide(doubt, finding: codes) {
        $0.adopted = [Adoption(call: claimed.call, codes: codes.ids)]
      }
      #expect(answer == .changed)
    }
  }

  @Test(
    "rule 13: codes set aside for a decision that turns out void are as unknown as before",
    arguments: LedgerKind.allCases
  )
  func voidPiece(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      let call = try await scene.doubtfulCall().call
      let codes = scene.mint.make(10, of: Scene.reward)
      let doubt = try await scene.doubt()
      let listing = try await scene.list(codes)
      #expect(
        try await scene.ledger.store.setAside(
          codes.ids,
          in: listing.id,
          of: Scene.reward,
          for: call.id,
          worker: Scene.worker
        )
      )
      #expect(try await scene.list(codes).page.unknown == codes.ids)
      #expect(
        try await !scene.ledger.store.setAside(
          codes.ids,
          in: listing.id,
          of: Scene.reward,
          for: call.id,
          worker: Scene.otherWorker
        )
      )
      let answer = try await scene.decide(doubt, finding: codes) {
        $0.adopted = [Adoption(call: call, codes: codes.ids)]
      }
      #expect(answer.isDone)
      let facts = try await scene.ledger.facts()
      #expect(facts.unattributed.isEmpty && facts.codes.count == 10)
    }
  }
}
