import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("rule 15: what a person decides")
struct ResolveTests {
  @Test("'adopt' takes the codes that were set aside; who, when and why are kept")
  func adopt() async throws {
    try await Held.lend { held in
      let words = try await held.resolve(held.calls[0], "adopt", "the vendor's log shows it")
      #expect(words.contains("is adopted") && words.contains("3 of 10 codes"))
      let facts = try await held.connection.facts()
      #expect(try facts.call(held.calls[0]).state == .adopted)
      let job = try facts.job(held.job)
      #expect(job.issued == 3 && job.outstanding == 0 && !job.held && job.errorCode == nil)
      #expect(facts.unattributed.isEmpty && facts.codes.count == 3)
      let kept = try await held.connection.query(
        """
        SELECT resolution, resolution_note, resolved_by = session_user AS own,
               resolved_at = clock_timestamp() AS now
        FROM codemint.calls
        """
      ).one()
      #expect(try kept.text("resolution") == "adopt")
      #expect(try kept.text("resolution_note") == "the vendor's log shows it")
      #expect(try kept.bool("own") && kept.bool("now"))
    }
  }

  @Test("codes set aside are nobody's and not tracked; adopted, they are until their sync is final")
  func tracked() async throws {
    let pending = #"{"shopify": {"syncStatus": "pending"}}"#
    let unattributed = CodeMint().make(10, of: Scene.reward)
      .map { $0.shown(.pending, externalIDs: pending) }
    try await Held.lend(unattributed: unattributed) { held in
      #expect(try await held.connection.facts().tracked.isEmpty)
      _ = try await held.resolve(held.calls[0], "adopt", "the vendor's log shows it")
      let adopted = try await held.connection.facts()
      #expect(try adopted.job(held.job).state == .completed)
      #expect(try adopted.job(held.job).syncDoneAt == nil)
      try await held.scene.ledger.pass(.seconds(31))
      let answer = try await held.scene.ledger.store.takeTracked(
        Scene.worker,
        lease: .seconds(60),
        first: .seconds(30)
      )
      guard case .reward(let tracked) = answer else {
        Issue.record("adopted codes are not tracked")
        return
      }
      let synced = unattributed.map { $0.shown(.synced, status: "reserved") }
      let recorded = try await held.scene.ledger.store.record(
        synced,
        of: tracked.reward,
        worker: Scene.worker
      )
      #expect(recorded.changed == 10 && recorded.unknown == 0)
      let report = SyncPassReport(
        reward: tracked.reward,
        ending: .read(.init(mark: nil, order: .unknown, position: nil))
      )
      let ended = try await held.scene.ledger.store.finish(
        report,
        of: tracked,
        worker: Scene.worker,
        rules: .standard
      )
      #expect(ended == .final)
      let facts = try await held.connection.facts()
      #expect(facts.codes.values.allSatisfy { $0.code.syncStatus == .synced && $0.syncedAt != nil })
      #expect(try facts.job(held.job).syncDoneAt != nil)
    }
  }

  @Test("'absent' frees the room, and the reward is watched")
  func absent() async throws {
    try await Held.lend { held in
      _ = try await held.resolve(held.calls[0], "absent", "nothing was charged")
      let facts = try await held.connection.facts()
      #expect(try facts.call(held.calls[0]).state == .absent)
      let job = try facts.job(held.job)
      #expect(job.outstanding == 0 && job.issued == 0 && job.isQueued && !job.held)
      #expect(try facts.watch(Scene.reward).nextListingAt != nil)
      #expect(facts.unattributed.count == 3)
    }
  }

  @Test("a held call says what was seen, what to look for, and what each answer costs")
  func explained() async throws {
    try await Held.lend(prefixes: ["SUMMER"], unattributed: CodeMint().make(3, of: Scene.reward)) {
      held in
      let seen = try await held.explained("seen")
      #expect(seen.hasPrefix("10 codes were asked for at "))
      #expect(seen.contains("with the prefix SUMMER; no answer came"))
      #expect(
        seen.hasSuffix(
          "the list has a number of new codes that no choice of the calls in doubt explains"
        )
      )
      let lookFor = try await held.explained("look_for")
      #expect(
        lookFor.hasPrefix(
          "codes of reward \(Scene.reward.description.lowercased()) that were made between "
        )
      )
      #expect(
        lookFor.hasSuffix(
          ", asked for with the prefix SUMMER, which the API may change or leave out, "
            + "and that codemint.codes does not have: any number up to 10"
        )
      )
      let adopt = "the job gets the 3 codes that were found, and codemint asks for 7 more"
      #expect(try await held.explained("adopt_means").hasPrefix(adopt))
      let absent =
        "codemint asks for 10 codes again. If the call did make them, they are paid for twice"
      #expect(try await held.explained("absent_means") == absent)
    }
  }

  @Test("what to look for says whether the codes can be known by their prefix")
  func lookFor() async throws {
    let words = [
      ("altered", ", asked for with the prefix SUMMER, which the API changes or leaves out, and"),
      ("literal", ", asked for with the prefix SUMMER and"),
    ]
    for (fact, words) in words {
      try await Held.lend(prefixes: ["SUMMER"], unattributed: []) { held in
        try await held.connection.script(
          """
          SELECT codemint.record_fact('prefix', codemint.prefix_subject(c.reward_id, c.prefix), '\(fact)', 10)
          FROM codemint.calls c
          """
        )
        #expect(try await held.explained("look_for").contains(words))
      }
    }
  }

  @Test(
    "a held call says that codes of its own answer are set aside, and sends nobody to pay again"
  )
  func ownAnswer() async throws {
    try await Held.lend(reason: .indistinct, unattributed: []) { held in
      let remark = "-- if the vendor has none of its codes"
      #expect(try await held.explained("what_to_do").hasSuffix(remark))
      try await held.connection.script(
        """
        INSERT INTO codemint.unattributed_codes
          (id, call_id, reward_id, code, status, sync_status, external_ids)
        SELECT gen_random_uuid(), c.id, gen_random_uuid(), 'X', 'available', 'none', '{}'
        FROM codemint.calls c, generate_series(1, 7)
        """
      )
      let words = "; 7 codes of the answer are set aside, because they name another reward"
      #expect(try await held.explained("seen").contains(words))
      let first = "-- ask the vendor first whose the codes of the answer are"
      #expect(try await held.explained("what_to_do").hasSuffix(first))
    }
  }

  @Test("a held call and its job say why the last listing failed, until one does not")
  func listingError() async throws {
    try await Held.lend(reason: .unlistable, unattributed: []) { held in
      let words = "; the last listing failed: the API does not list it: forbidden: no"
      for error in ["the API does not list it: forbidden: no", nil] {
        try await held.scene.ledger.store.note(
          ListingSight(
            reward: Scene.reward,
            largestPage: 0,
            asked: 0,
            behind: nil,
            error: error
          )
        )
        let isSaid = error != nil
        #expect(try await held.explained("seen").hasSuffix(words) == isSaid)
        let why = try await held.connection.query("SELECT why FROM codemint.waits").one().text(0)
        #expect(why.hasSuffix(words) == isSaid, "\(why)")
      }
    }
  }

  @Test("every reason to hold a call has its words, and only of these is adopting nothing refused")
  func reasons() async throws {
    for reason in HoldReason.allCases {
      try await Held.lend(reason: reason, unattributed: []) { held in
        #expect(try await held.explained("seen").contains("the list "), "\(reason)")
        let adopt = try await held.explained("adopt_means")
        #expect(adopt.hasPrefix("nothing: ") == reason.hasSeenAll, "\(reason)")
      }
    }
  }

  @Test("a call that codemint is still finding out about asks nothing of a person")
  func undecided() async throws {
    try await Held.lend(isHeld: false) { held in
      let row = try await held.connection.query("SELECT * FROM codemint.doubts").one()
      #expect(try row.text("seen").contains("no answer came"))
      for column: Column in ["look_for", "adopt_means", "absent_means"] {
        #expect(try row.optionalText(column) == nil)
      }
    }
  }

  @Test("rule 16: resolving never resumes a paused job")
  func paused() async throws {
    for decision in ["adopt", "absent"] {
      try await Held.lend { held in
        try await held.connection.script("UPDATE codemint.jobs SET paused = true")
        _ = try await held.resolve(held.calls[0], decision, "why")
        let job = try await held.connection.facts().job(held.job)
        #expect(job.paused && !job.held && job.isQueued == false && job.nextCallAt == nil)
      }
    }
  }

  @Test("what cannot be meant is refused in words, and changes nothing")
  func refused() async throws {
    try await Held.lend { held in
      let before = try await held.connection.facts()
      let call = held.calls[0]
      let unknown = Samples.call(99)
      try await held.refuses(call, "perhaps", "why", "22023", "\"adopt\" or \"absent\"")
      try await held.refuses(call, "adopt", "  ", "22023", "a note says why")
      try await held.refuses(unknown, "absent", "why", "P0002", "there is no call \(unknown)")
      #expect(try await held.connection.facts().differences(from: before) == [])
      _ = try await held.resolve(call, "absent", "why")
      try await held.refuses(call, "absent", "again", "55000", "is absent and not held")
    }
  }

  @Test("a call that codemint is still working on is not a person's to decide")
  func notHeld() async throws {
    try await Held.lend(isHeld: false) { held in
      try await held.refuses(held.calls[0], "absent", "why", "55000", "codemint is working on it")
    }
  }

  @Test("'adopt' needs codes that were found")
  func nothingFound() async throws {
    try await Held.lend(unattributed: []) { held in
      try await held.refuses(held.calls[0], "adopt", "why", "55000", "no codes were found")
    }
  }

  @Test(
    "'adopt' of a call whose reward could not be listed has it listed, and judged anew"
  )
  func foundLater() async throws {
    try await Held.lend(reason: .unlistable, unattributed: []) { held in
      // The watch that the hold began was given up: the list was away for a day.
      try await held.connection.script(
        "UPDATE codemint.reward_watches SET next_listing_at = NULL, ended = 'unlistable'"
      )
      try await held.scene.ledger.pass(.seconds(3600))
      let words = try await held.resolve(held.calls[0], "adopt", "the list is back")
      #expect(words.contains("is still held") && words.contains("listed again now"))
      let codes = held.scene.mint.make(10, of: Scene.reward)
      let call = held.calls[0]
      try await held.scene.decide(held.scene.doubt(), finding: codes) { decision in
        decision.held = [call]
        decision.holdReason = .unwitnessed
        decision.unattributed = codes.ids
      }
      let doubt = try await held.connection.query("SELECT codes_found FROM codemint.doubts").one()
      #expect(try doubt.int64("codes_found") == 10)
      _ = try await held.resolve(held.calls[0], "adopt", "the list is back")
      #expect(try await held.scene.job(held.job).state == .completed)
    }
  }

  @Test("'adopt' takes what a call lacks and no more, however many codes were set aside")
  func atMostWhatItLacks() async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let postgres = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        let job = try await scene.insert(10)
        let claimed = try await scene.claim()
        try await scene.settle(claimed, scene.answer(claimed, codes: 7))
        let codes = scene.mint.make(5, of: Scene.reward)
        try await scene.decide(scene.doubt(), finding: codes) { decision in
          decision.held = [claimed.call.id]
          decision.holdReason = .unexplained
          decision.unattributed = codes.ids
        }
        let doubt = try await postgres.bystander.query("SELECT * FROM codemint.doubts").one()
        #expect(try doubt.integer("lacks") == 3 && doubt.int64("codes_found") == 3)
        _ = try await postgres.bystander.query(
          "SELECT codemint.resolve_call($1, 'adopt', 'why')",
          [.uuid(claimed.call.id.id.bits)]
        )
        let facts = try await scene.ledger.facts()
        #expect(try facts.job(job).state == .completed && facts.unattributed.count == 2)
        #expect(try facts.call(claimed.call.id).state == .issued)
      }
    }
  }

  @Test("of two calls held together the second finds what the first has left")
  func together() async throws {
    for first in ["absent", "adopt"] {
      let unattributed = CodeMint().make(12, of: Scene.reward)
      try await Held.lend(prefixes: [nil, nil], unattributed: unattributed) { held in
        _ = try await held.resolve(held.calls[0], first, "why")
        _ = try await held.resolve(held.calls[1], "adopt", "why")
        let facts = try await held.connection.facts()
        let adopted = facts.codes.values.filter { $0.call == held.calls[1] }
        #expect(adopted.count == (first == "absent" ? 10 : 2))
      }
    }
  }

  @Test("'adopt' gives a call none of the codes that begin with another held call's prefix")
  func prefixes() async throws {
    let mint = CodeMint()
    let spring = mint.make(4, of: Scene.reward, prefix: "SPRING")
    let summer = mint.make(5, of: Scene.reward, prefix: "SUMMER")
    try await Held.lend(prefixes: ["SUMMER", "SPRING"], unattributed: spring + summer) { held in
      let found = try await held.connection.query(
        "SELECT codes_found FROM codemint.doubts ORDER BY prefix DESC"
      ).map { try $0.int64("codes_found") }
      #expect(found == [5, 4])
      _ = try await held.resolve(held.calls[0], "adopt", "why")
      let codes = try await held.connection.facts().codes
      #expect(Set(codes.keys) == Set(summer.map(\.id)))
    }
  }
}
