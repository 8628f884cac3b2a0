import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

/// Triggers and rules that keep rows out without an error, and numbers that have run out.
@Suite("what is not written is not taken for written")
struct SilenceTests {
  private static let nothing = """
    CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER nothing
    """

  /// What keeps codes, or the row of a call or a job, from being written.
  private static let silences = [
    (
      "\(nothing) BEFORE INSERT ON codemint.codes FOR EACH ROW EXECUTE FUNCTION public.nothing()",
      "codes"
    ),
    (
      "\(nothing) BEFORE UPDATE ON codemint.calls FOR EACH ROW EXECUTE FUNCTION public.nothing()",
      "calls"
    ),
    (
      "\(nothing) BEFORE UPDATE ON codemint.jobs FOR EACH ROW EXECUTE FUNCTION public.nothing()",
      "jobs"
    ),
  ]

  @Test(
    "rule 8: an answer whose codes are kept out in silence is not recorded, and is when nobody keeps them out"
  )
  func codes() async throws {
    for (sql, table) in Self.silences {
      for size in [5, 500] {
        try await PostgresUnderTest.lend { ledger in
          guard let ledger = ledger as? PostgresUnderTest else { return }
          try await Scene.over(ledger) { scene in
            _ = try await scene.insert(size)
            let claimed = try await scene.claim()
            let answer = scene.answer(claimed)
            try await ledger.bystander.script(sql)
            let refused = await #expect(throws: StoreError.self) {
              try await scene.settle(claimed, answer)
            }
            #expect(
              refused?.description.contains("a row of codemint.\(table) was not written") == true
            )
            #expect(try await scene.ledger.facts().codes.isEmpty)
            try await ledger.bystander.script("DROP FUNCTION public.nothing() CASCADE")
            #expect(try await scene.settle(claimed, answer).issued == size)
            #expect(try await scene.ledger.facts().codes.count == size)
          }
        }
      }
    }
  }

  @Test(
    "rule 13: codes of a listing that are kept out in silence stay staged, and the decision is repeated"
  )
  func listed() async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let ledger = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        let store = scene.ledger.store
        _ = try await scene.insert(10)
        let claimed = try await scene.doubtfulCall()
        let doubt = try await scene.doubt()
        let made = scene.mint.make(10, of: claimed.call.reward)
        let listing = try await scene.list(made).id
        var decision = DoubtDecision(
          reward: doubt.reward,
          listing: listing,
          judged: [claimed.call.id]
        )
        decision.adopted = [Adoption(call: claimed.call, codes: made.map(\.id))]
        try await ledger.bystander.script(Self.silences[0].0)
        await #expect(throws: StoreError.self) {
          try await store.decide(decision, worker: Scene.worker)
        }
        try await ledger.bystander.script("DROP FUNCTION public.nothing() CASCADE")
        guard case .done = try await store.decide(decision, worker: Scene.worker) else {
          Issue.record("the decision was void")
          return
        }
        #expect(try await scene.ledger.facts().job(claimed.call.job).issued == 10)
      }
    }
  }

  @Test(
    "rule 21: a sequence that has no number left fails no job; claims say what is wrong, and go on afterwards"
  )
  func sequence() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      let job = try await ledger.insert(1000, of: Scene.reward)
      try await ledger.bystander.script(
        "SELECT setval('codemint.unnumbered_events_place_seq', 9223372036854775807)"
      )
      let refused = await #expect(throws: StoreError.self) { try await ledger.claim() }
      #expect(refused?.description.contains("unnumbered_events_place_seq") == true)
      #expect(try await ledger.bystander.facts().job(job).state == .queued)
      try await ledger.bystander.script("SELECT setval('codemint.unnumbered_events_place_seq', 1)")
      guard case .call = try await ledger.claim() else {
        Issue.record("nothing is claimed")
        return
      }
    }
  }

  @Test(
    "rule 21: while row security hides rows nothing is mended, and everybody is told what hides them"
  )
  func hidden() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script("ALTER TABLE codemint.calls ENABLE ROW LEVEL SECURITY")
      let refused = await #expect(throws: StoreError.self) { try await ledger.heartbeat() }
      #expect(refused?.description.contains("row security is on for codemint.calls") == true)
      let waits = try await ledger.bystander.query(
        "SELECT reason, why, what_to_do FROM codemint.waits"
      ).one()
      #expect(try waits.text("reason") == "locked")
      #expect(try waits.text("why").hasPrefix("the table calls is locked by row security"))
      #expect(
        try waits.text("what_to_do") == "ALTER TABLE codemint.calls DISABLE ROW LEVEL SECURITY;"
      )
      let verdict = try await ledger.bystander.query("SELECT level, words FROM codemint.verdict")
        .one()
      #expect(try verdict.text("level") == "stopped")
      #expect(try verdict.text("words").hasPrefix("ROWS ARE HIDDEN FROM THE DAEMONS"))
      try await ledger.bystander.script("ALTER TABLE codemint.calls DISABLE ROW LEVEL SECURITY")
      #expect(try await ledger.heartbeat().mended.isEmpty)
    }
  }

  @Test(
    "rule 21: a job that ended while triggers were disabled is told to be synced by a heartbeat"
  )
  func disabled() async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let ledger = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        try await ledger.bystander.script("ALTER TABLE codemint.jobs DISABLE TRIGGER USER")
        try await ledger.bystander.script(
          "INSERT INTO codemint.jobs (reward_id, count) VALUES ('\(Scene.reward)', 5)"
        )
        try await ledger.bystander.script(
          "UPDATE codemint.healing SET checked_at = NULL, next_job = 0"
        )
        _ = try await scene.heartbeat()
        let claimed = try await scene.claim()
        _ = try await scene.settle(claimed, scene.answer(claimed))
        try await ledger.bystander.script(
          """
          UPDATE codemint.codes SET sync_status = 'none';
          UPDATE codemint.tracked_rewards SET next_pass_at = NULL;
          ALTER TABLE codemint.jobs ENABLE TRIGGER USER;
          """
        )
        let isTold = "SELECT sync_done_at IS NOT NULL AS told FROM codemint.jobs"
        #expect(try await ledger.bystander.query(Statement(isTold)).one().bool("told") == false)
        try await ledger.bystander.script(
          "UPDATE codemint.healing SET checked_at = NULL, next_job = 0"
        )
        _ = try await scene.heartbeat()
        #expect(try await ledger.bystander.query(Statement(isTold)).one().bool("told"))
      }
    }
  }

  /// What keeps the row of the account from being written, and its name.
  private static let hushedAccounts = [
    (
      "\(nothing) BEFORE UPDATE ON codemint.account FOR EACH ROW EXECUTE FUNCTION public.nothing()",
      "the trigger nothing on codemint.account", "DROP FUNCTION public.nothing() CASCADE"
    ),
    (
      "CREATE RULE hush AS ON UPDATE TO codemint.account DO INSTEAD NOTHING",
      "the rule hush on codemint.account", "DROP RULE hush ON codemint.account"
    ),
  ]

  @Test(
    "rule 8: while the account cannot be written nothing is claimed or settled, and no job fails for it"
  )
  func account() async throws {
    for (sql, name, end) in Self.hushedAccounts {
      try await PostgresUnderTest.lend { ledger in
        guard let ledger = ledger as? PostgresUnderTest else { return }
        try await Scene.over(ledger) { scene in
          let first = try await scene.insert(5)
          let second = try await scene.insert(5, of: Scene.otherReward)
          let claimed = try await scene.claim()
          try await ledger.bystander.script(sql)
          for attempt in 1...2 {
            let claim = await #expect(throws: StoreError.self) { try await scene.claim() }
            #expect(claim?.description.contains(name) == true, "\(attempt)")
            let refused = await #expect(throws: StoreError.self) {
              try await scene.settle(claimed, scene.answer(claimed))
            }
            #expect(refused?.description.contains(name) == true, "\(attempt)")
          }
          #expect(try await scene.job(first).state == .running)
          #expect(try await scene.job(second).state == .queued)
          try await ledger.bystander.script(end)
          #expect(try await scene.settle(claimed, scene.answer(claimed)).issued == 5)
          let slot = "SELECT next_slot_at::text FROM codemint.account"
          let before = try await ledger.bystander.query(Statement(slot)).one().text(0)
          _ = try await scene.claim()
          #expect(try await ledger.bystander.query(Statement(slot)).one().text(0) > before)
        }
      }
    }
  }

  /// Other rows that are written alone, who finds that they were not, and how to let them be.
  private static let hushedRows = [
    ("BEFORE UPDATE ON codemint.rewards", "codemint.rewards"),
    ("BEFORE INSERT ON codemint.calls", "codemint.calls"),
    ("BEFORE INSERT ON codemint.rewards", "codemint.rewards"),
  ]

  @Test(
    "rule 8: a claim whose rows are kept out in silence is not made, and the reason has the name"
  )
  func claims() async throws {
    for (occasion, table) in Self.hushedRows {
      try await PostgresUnderTest.lend { ledger in
        guard let ledger = ledger as? PostgresUnderTest else { return }
        try await Scene.over(ledger) { scene in
          let job = try await scene.insert(5)
          try await ledger.bystander.script(
            "\(Self.nothing) \(occasion) FOR EACH ROW EXECUTE FUNCTION public.nothing()"
          )
          var said = ""
          do {
            _ = try await scene.ask()
            said = try await ledger.bystander.query(
              "SELECT coalesce(error_message, '') FROM codemint.jobs"
            ).one().text(0)
          } catch {
            said = "\(error)"
          }
          #expect(said.contains("the trigger nothing on \(table) keeps rows out"), "\(said)")
          #expect(try await scene.ledger.facts().calls.isEmpty)
          #expect(try await scene.job(job).outstanding == 0)
          try await ledger.bystander.script("DROP FUNCTION public.nothing() CASCADE")
        }
      }
    }
  }

  @Test(
    "rule 8: a worker whose sign of life is kept out in silence says so, and lives when nobody keeps it out"
  )
  func signOfLife() async throws {
    let occasion =
      "BEFORE UPDATE ON codemint.workers FOR EACH ROW EXECUTE FUNCTION public.nothing()"
    for (sql, end) in [
      ("\(Self.nothing) \(occasion)", "DROP FUNCTION public.nothing() CASCADE"),
      (
        "CREATE RULE hush AS ON UPDATE TO codemint.workers DO INSTEAD NOTHING",
        "DROP RULE hush ON codemint.workers"
      ),
    ] {
      try await RealLedger.lend { ledger in
        try await ledger.announce(Scene.fast)
        try await ledger.bystander.script(sql)
        for _ in 1...2 {
          let refused = await #expect(throws: StoreError.self) { try await ledger.heartbeat() }
          #expect(refused?.description.contains("on codemint.workers keeps rows out") == true)
        }
        try await ledger.bystander.script(end)
        let seen = "SELECT seen_at::text FROM codemint.workers"
        let before = try await ledger.bystander.query(Statement(seen)).one().text(0)
        _ = try await ledger.heartbeat()
        #expect(try await ledger.bystander.query(Statement(seen)).one().text(0) > before)
      }
    }
  }

  @Test(
    "rule 8: a rule on any table of the ledger is named by everybody while it is there, and by nobody afterwards"
  )
  func rule() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script(
        "CREATE RULE hush AS ON UPDATE TO codemint.reward_watches DO INSTEAD NOTHING"
      )
      let name = "the rule hush on codemint.reward_watches"
      let refused = await #expect(throws: StoreError.self) { try await ledger.heartbeat() }
      #expect(refused?.description.contains("\(name) keeps rows out in silence") == true)
      let waits = try await ledger.bystander.query(
        "SELECT reason, why, what_to_do FROM codemint.waits"
      ).one()
      #expect(try waits.text("reason") == "locked")
      #expect(try waits.text("why").contains(name))
      #expect(try waits.text("what_to_do") == "DROP RULE hush ON codemint.reward_watches;")
      let verdict = try await ledger.bystander.query("SELECT level, words FROM codemint.verdict")
        .one()
      #expect(try verdict.text("level") == "stopped")
      #expect(try verdict.text("words").hasPrefix("ROWS ARE KEPT OUT OF THE LEDGER"))
      #expect(try await DoctorQueries(ledger.bystander).silencers().map(\.what) == [name])
      try await ledger.bystander.script(try waits.text("what_to_do"))
      #expect(try await ledger.heartbeat().mended.isEmpty)
      #expect(try await DoctorQueries(ledger.bystander).silencers().isEmpty)
      #expect(
        try await ledger.bystander.query("SELECT reason FROM codemint.waits").one().text(0)
          != "locked"
      )
    }
  }

  @Test(
    "rule 21: a call that was given up, and that a trigger keeps from being in doubt, is named with the trigger"
  )
  func expiry() async throws {
    for result in ["NULL", "(SELECT 1 / 0)::text::codemint.calls"] {
      try await PostgresUnderTest.lend { ledger in
        guard let ledger = ledger as? PostgresUnderTest else { return }
        try await Scene.over(ledger) { scene in
          _ = try await scene.insert(5)
          _ = try await scene.claim()
          try await ledger.bystander.script(
            """
            CREATE FUNCTION public.hush() RETURNS trigger LANGUAGE plpgsql
              AS 'BEGIN RETURN \(result); END';
            CREATE TRIGGER hush BEFORE UPDATE ON codemint.calls
              FOR EACH ROW EXECUTE FUNCTION public.hush();
            """
          )
          try await ledger.pass(.seconds(30))
          #expect(try await scene.heartbeat().expired.isEmpty)
          let waits = try await ledger.bystander.query(
            "SELECT reason, why FROM codemint.waits"
          ).one()
          #expect(try waits.text("reason") == "unsettled")
          #expect(try waits.text("why").contains("trigger hush on codemint.calls"))
          try await ledger.bystander.script("DROP FUNCTION public.hush() CASCADE")
          #expect(try await scene.heartbeat().expired.count == 1)
        }
      }
    }
  }

  @Test(
    "rule 21: a restrictive policy that hides jobs from the daemons is named, and nothing is mended meanwhile"
  )
  func policy() async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let ledger = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        _ = try await scene.insert(5)
        try await ledger.bystander.script(
          "CREATE POLICY few ON codemint.jobs AS RESTRICTIVE USING (count < 3)"
        )
        let refused = await #expect(throws: StoreError.self) { try await scene.heartbeat() }
        #expect(
          refused?.description.contains("the policy few on codemint.jobs keeps rows out") == true
        )
        let waits = try await ledger.bystander.query(
          "SELECT reason, why, what_to_do FROM codemint.waits"
        ).one()
        #expect(try waits.text("reason") == "locked")
        #expect(try waits.text("why").contains("the policy few on codemint.jobs"))
        try await ledger.bystander.script(try waits.text("what_to_do"))
        try await scene.heartbeat()
        _ = try await scene.claim()
      }
    }
  }
}
