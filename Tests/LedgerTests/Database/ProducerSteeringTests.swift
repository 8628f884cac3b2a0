import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What producers do with their own jobs, as logins of their own, and that nothing of others shows.
@Suite("producers and their own jobs")
struct ProducerSteeringTests {
  private static let reward = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
  static let insert: Statement = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES ('3c90c3cc-0d44-4b50-8888-8dd25736052a', 100)
    RETURNING id
    """

  /// What a function of this name answers for a job.
  static func steer(_ function: String, _ job: Int64, _ login: Connection)
    async throws -> String
  {
    try await login.query(Statement("SELECT codemint.\(function)(\(job), 'why') AS outcome")).one()
      .text("outcome")
  }

  /// The SQLSTATE and the words of a refusal.
  private func refusal(_ function: String, _ job: Int64, _ login: Connection) async -> String {
    let error = await failure { () throws(PostgresError) in
      try await login.query(Statement("SELECT codemint.\(function)(\(job), 'why')"))
    }
    return "\(error?.sqlState ?? "") \(error?.message ?? "")"
  }

  @Test("a producer pauses, resumes and cancels its own jobs; who, when and why is kept")
  func own() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let job = try await shop.query(Self.insert).one().int64("id")
      #expect(
        try await Self.steer("pause_job", job, shop)
          == "job \(job) is queued, paused with 0 of 100 codes"
      )
      let waits = try await shop.query("SELECT job_id, reason, why FROM codemint.my_waits").one()
      #expect(try waits.int64("job_id") == job && waits.text("reason") == "paused")
      #expect(try waits.text("why").hasPrefix("you have paused it"))
      #expect(
        try await Self.steer("resume_job", job, shop) == "job \(job) is queued with 0 of 100 codes"
      )
      #expect(try await Self.steer("cancel_job", job, shop).hasPrefix("job \(job) is cancelled"))
      let kept = try await logins.owner.query(
        "SELECT action FROM codemint.job_actions WHERE by_producer AND note = 'why' AND done_by LIKE 'login%' ORDER BY id"
      )
      #expect(try kept.map { try $0.text("action") } == ["pause", "resume", "cancel"])
      #expect(await refusal("retry_job", job, shop).hasPrefix("42501"))
    }
  }

  @Test("with SET ROLE a login steers the jobs of that role, and not its own")
  func roles() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let name = try await shop.query("SELECT current_user::text AS name").one().text("name")
      let role = "\(name)_shared"
      try await logins.owner.script(
        "CREATE ROLE \(role) NOLOGIN IN ROLE codemint_producer; GRANT \(role) TO \(name)"
      )
      let own = try await shop.query(Self.insert).one().int64("id")
      try await shop.script("SET ROLE \(role)")
      let shared = try await shop.query(Self.insert).one().int64("id")
      #expect(await refusal("pause_job", own, shop) == "P0002 there is no job \(own)")
      #expect(try await Self.steer("pause_job", shared, shop).contains("paused"))
      #expect(
        try await shop.query("SELECT job_id FROM codemint.my_waits").one().int64("job_id") == shared
      )
      try await shop.script("RESET ROLE")
      #expect(await refusal("resume_job", shared, shop) == "P0002 there is no job \(shared)")
      #expect(
        try await shop.query("SELECT job_id FROM codemint.my_waits").one().int64("job_id") == own
      )
    }
  }

  @Test(
    "a session that works as a role does not get the jobs of whoever gets the role's name later"
  )
  func renamedRole() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let name = try await shop.query("SELECT current_user::text AS name").one().text("name")
      let (role, old) = ("\(name)_shared", "\(name)_old")
      let create = "CREATE ROLE \(role) NOLOGIN IN ROLE codemint_producer"
      try await logins.owner.script("\(create); GRANT \(role) TO \(name)")
      try await shop.script("SET ROLE \(role)")
      try await logins.owner.script(
        "ALTER ROLE \(role) RENAME TO \(old); \(create); SET ROLE \(role)"
      )
      let job = try await logins.owner.query(Self.insert).one().int64("id")
      try await logins.owner.script("RESET ROLE")
      for function in ["pause_job", "resume_job", "cancel_job"] {
        #expect(await refusal(function, job, shop) == "P0002 there is no job \(job)")
      }
      #expect(try await shop.query("SELECT FROM codemint.my_waits").isEmpty)
      #expect(try await shop.query("SELECT FROM codemint.my_jobs").isEmpty)
    }
  }

  @Test("a job of somebody else is as one that does not exist, also while it is locked")
  func others() async throws {
    try await Logins.lend { logins in
      let (shop, spy) = (try await logins.login(.producer), try await logins.login(.producer))
      let job = try await shop.query(Self.insert).one().int64("id")
      try await logins.owner.script("BEGIN; SELECT FROM codemint.jobs FOR UPDATE")
      for function in ["pause_job", "resume_job", "cancel_job"] {
        let start = ContinuousClock.now
        #expect(await refusal(function, job, spy) == "P0002 there is no job \(job)")
        #expect(ContinuousClock.now - start < .seconds(1), "it waited for the lock")
        #expect(await refusal(function, 4711, spy) == "P0002 there is no job 4711")
      }
      #expect(
        await refusal("pause_job", job, shop).hasPrefix("55P03 job \(job) is locked by another")
      )
      try await logins.owner.script("ROLLBACK")
      #expect(try await spy.query("SELECT FROM codemint.my_waits").isEmpty)
      #expect(await refusal("pause_job", job, try await logins.login(nil)).hasPrefix("42501"))
    }
  }

  @Test("what an operator has paused its producer does not resume, whoever paused it first")
  func operators() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let person = try await logins.login(.operator)
      for pausedBefore in [false, true] {
        let job = try await shop.query(Self.insert).one().int64("id")
        if pausedBefore { _ = try await Self.steer("pause_job", job, shop) }
        _ = try await Self.steer("pause_job", job, person)
        #expect(
          await refusal("resume_job", job, shop).hasPrefix("55000 job \(job) is queued, paused")
        )
        let why = try await shop.query(
          "SELECT why FROM codemint.my_waits WHERE job_id = $1",
          [.int8(job)]
        ).one().text("why")
        #expect(why == "an operator has paused it")
        _ = try await Self.steer("resume_job", job, person)
        _ = try await Self.steer("pause_job", job, shop)
        #expect(try await !Self.steer("resume_job", job, shop).contains("paused"))
      }
    }
  }

  @Test("a producer that does not commit keeps no job of others waiting, of the same reward either")
  func openTransaction() async throws {
    try await RealLedger.lend { ledger in
      _ = try await RoleSetup(ledger.bystander).apply()
      try await ledger.announce(Scene.fast)
      let name = "producer_\(UInt32.random(in: 0 ..< .max))"
      try await ledger.bystander.script("CREATE ROLE \(name) LOGIN IN ROLE codemint_producer")
      let shop = try await Connection.open(ledger.bystander.settings(as: name))
      let own = try await shop.query(
        Statement(
          "INSERT INTO codemint.jobs (reward_id, count) VALUES ('\(Scene.reward)', 10) RETURNING id"
        )
      ).one().int64("id")
      let other = try await ledger.insert(10, of: Scene.reward)
      try await shop.script("BEGIN; SELECT codemint.pause_job(\(own))")
      guard case .call(let call) = try await ledger.claim() else {
        Issue.record("nothing is claimed")
        return
      }
      #expect(call.call.job == other)
      try await shop.script("ROLLBACK")
      _ = try await ledger.bystander.query("SELECT pg_sleep(0.06)")
      guard case .call(let next) = try await ledger.claim() else {
        Issue.record("the producer's job is forgotten")
        return
      }
      #expect(next.call.job.number == own)
      await shop.close()
      try await ledger.bystander.script("DROP OWNED BY \(name); DROP ROLE \(name)")
    }
  }

  /// A job that is asked about, and what the answer says.
  private struct Question {
    let arguments: String
    var setup = ""
    let verdict: String
    let finding: String
  }

  private static let questions = [
    Question(
      arguments: "'\(reward)', 0",
      verdict: "refused",
      finding: "count must be from 1 to 1000000"
    ),
    Question(
      arguments: "'\(reward)', 1, ''",
      verdict: "refused",
      finding: "prefix must have 1 to 32"
    ),
    Question(
      arguments: "'\(reward)', 1, NULL, 12",
      verdict: "refused",
      finding: "priority must be"
    ),
    Question(arguments: "NULL, 1", verdict: "refused", finding: "reward_id is missing"),
    Question(
      arguments: "'\(reward)', 1, 'SUM_ER'",
      verdict: "waits",
      finding: "Stripe takes only letters"
    ),
    Question(
      arguments: "'\(reward)', 30000",
      setup: "SELECT codemint.set_approve_above(25000)",
      verdict: "waits",
      finding: "a job of more than 25000 codes waits"
    ),
    Question(
      arguments: "'\(reward)', 100",
      setup: "SELECT codemint.set_quota('%s', p_codes_per_day => 60)",
      verdict: "waits",
      finding: "60 of the codes of today are left"
    ),
    Question(
      arguments: "'\(reward)', 100",
      setup: "SELECT codemint.set_quota('%s', p_open_jobs => 0)",
      verdict: "refused",
      finding: "you may have at most 0 open jobs"
    ),
    Question(
      arguments: "'\(reward)', 100, NULL, 0",
      setup: "SELECT codemint.set_quota('%s', p_best_priority => 3)",
      verdict: "waits",
      finding: "it would get priority 3"
    ),
    Question(
      arguments: "'\(reward)', 100, NULL, 0, repeat('k', 256)",
      verdict: "refused",
      finding: "dedupe_key must have 1 to 255 characters"
    ),
    Question(
      arguments: "'\(reward)', 100, p_run_at => 'infinity'",
      verdict: "refused",
      finding: "run_at must be a time in the years 1970 to 9999"
    ),
    Question(
      arguments: "'\(reward)', 100, p_run_at => now() + interval '1 day'",
      verdict: "waits",
      finding: "its run_at has not come"
    ),
    Question(
      arguments: "'\(reward)', 100, p_metadata => '[]'",
      verdict: "refused",
      finding: "metadata must be a JSON object"
    ),
    Question(
      arguments: "'\(reward)', 100, p_metadata => jsonb_build_object('a', repeat('b', 16384))",
      verdict: "refused",
      finding: "metadata must have at most 16384 bytes as text"
    ),
    Question(arguments: "'\(reward)', 100", verdict: "waits", finding: "no daemon is at work"),
    Question(arguments: "'\(reward)', 100", verdict: "waits", finding: "no job of yours"),
  ]

  @Test("check_job says beforehand what would refuse a job or have it wait, and changes nothing")
  func checked() async throws {
    for question in Self.questions {
      try await Logins.lend { logins in
        let shop = try await logins.login(.producer)
        let name = try await shop.query("SELECT current_user::text AS name").one().text("name")
        if !question.setup.isEmpty {
          try await logins.owner.script(question.setup.replacing("%s", with: name))
        }
        let rows = try await shop.query(
          Statement("SELECT verdict, about, finding FROM codemint.check_job(\(question.arguments))")
        )
        #expect(
          try rows.first?.text("about") == "job" && rows.first?.text("verdict") == question.verdict
        )
        let findings = try rows.map { try $0.text("finding") }
        #expect(findings.contains { $0.hasPrefix(question.finding) }, "\(findings)")
        #expect(try await logins.owner.query("SELECT FROM codemint.jobs").isEmpty)
      }
    }
  }

  @Test("check_job knows the keys of the producer's own jobs, of purged ones too, and of no others")
  func keys() async throws {
    try await Logins.lend { logins in
      let (shop, spy) = (try await logins.login(.producer), try await logins.login(.producer))
      let question: Statement = """
        SELECT verdict, finding FROM codemint.check_job(gen_random_uuid(), 10, p_dedupe_key => 'may-1')
        WHERE about IN ('job', 'dedupe_key') ORDER BY about
        """
      let job = try await shop.query(
        """
        INSERT INTO codemint.jobs (reward_id, count, dedupe_key) VALUES (gen_random_uuid(), 10, 'may-1')
        RETURNING id
        """
      ).one().int64("id")
      let known = try await shop.query(question).map { try $0.text("finding") }
      #expect(known.first == "dedupe_key must be unique: job \(job) was inserted with it before")
      #expect(known.last == "it would be refused")
      #expect(try await spy.query(question).one().text("verdict") != "refused")
      try await logins.owner.script(
        "SELECT codemint.cancel_job(\(job)); SELECT codemint.purge_job(\(job), 'old')"
      )
      let purged = try await shop.query(question).map { try $0.text("finding") }
      #expect(
        purged.first
          == "dedupe_key must be unique: job \(job) was inserted with it before, and purged"
      )
      #expect(try await spy.query(question).one().text("verdict") != "refused")
    }
  }

  @Test(
    "check_job tells a producer what its own jobs have met at a reward, and nothing that others have"
  )
  func reward() async throws {
    try await Logins.lend { logins in
      let (shop, spy) = (try await logins.login(.producer), try await logins.login(.producer))
      let question: Statement = """
        SELECT string_agg(finding, '; ') AS found FROM codemint.check_job('3c90c3cc-0d44-4b50-8888-8dd25736052a', 5)
        WHERE about IN ('reward', 'prefix')
        """
      let before = try await spy.query(question).one().text("found")
      let job = try await shop.query(Self.insert).one().int64("id")
      try await logins.owner.script(
        """
        INSERT INTO codemint.rewards (reward_id, paused_until, closed_at) VALUES ('\(Self.reward)', now() + '1 h', now());
        INSERT INTO codemint.calls
          (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap, effective_until,
           http_status, settled_at)
        VALUES (gen_random_uuid(), \(job), '\(Self.reward)', 10, 'rejected', 0, gen_random_uuid(), '1 s', '1 s', '1 s',
                now(), 404, now());
        UPDATE codemint.jobs
        SET held = true, is_new = false, queue_position = NULL, next_call_at = NULL, error_code = 'codes_unproven';
        """
      )
      let own = try await shop.query(question).one().text("found")
      for words in [
        "the API did not know this reward at ", "is held: codes_unproven", "is asked again at ",
        "finding out what a call",
      ] { #expect(own.contains(words), "\(own)") }
      #expect(try await spy.query(question).one().text("found") == before)
      let person = try await logins.login(.operator)
      #expect(try await person.query(question).one().text("found") == own)
    }
  }

  @Test("check_job tells nothing of a reward or a prefix that only calls of others have shown")
  func shownByOthers() async throws {
    try await Logins.lend { logins in
      let spy = try await logins.login(.producer)
      let question: Statement = """
        SELECT string_agg(finding, '; ') AS found
        FROM codemint.check_job('3c90c3cc-0d44-4b50-8888-8dd25736052a', 5, 'SUMMER')
        WHERE about IN ('reward', 'prefix')
        """
      let job = try await spy.query(Self.insert).one().int64("id")
      _ = try await Self.steer("pause_job", job, spy)
      let before = try await spy.query(question).one().optionalText("found")
      try await logins.owner.script(
        """
        INSERT INTO codemint.rewards (reward_id, paused_until, closed_at, awaits_listing)
        VALUES ('\(Self.reward)', now() + '1 h', now(), true);
        INSERT INTO codemint.observed_facts (fact, subject, value)
        VALUES ('prefix', codemint.prefix_subject('\(Self.reward)', 'SUMMER'), 'altered');
        """
      )
      #expect(try await spy.query(question).one().optionalText("found") == before)
      _ = try await Self.steer("resume_job", job, spy)
      // Its own job waits for these now, as my_waits says.
      let own = try await spy.query(question).one().text("found")
      #expect(own.contains("finding out what a call") && !own.contains("prefix"), "\(own)")
      let person = try await logins.login(.operator)
      #expect(
        try await person.query(question).one().text("found").contains(
          "did not begin with this prefix"
        )
      )
    }
  }
}
