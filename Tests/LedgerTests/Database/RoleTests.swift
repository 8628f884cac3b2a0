import Ledger
import Postgres
import Testing

/// Each role by a login of its own, trying what it must not do as well.
@Suite("roles")
struct RoleTests {
  @Test(
    "a policy that somebody changed or dropped is noticed by name, and put back; others are not made again"
  )
  func policies() async throws {
    try await Logins.lend { logins in
      let made: Statement =
        "SELECT polname::text AS name, oid::text AS mark FROM pg_policy ORDER BY 1"
      let before = try await logins.owner.query(made).map { try $0.text("mark") }
      #expect(try await Migrator(logins.owner).state() == .current)
      for (change, name) in [
        (
          #"DROP POLICY "the daemon works on every job" ON codemint.jobs"#,
          #"policy "the daemon works on every job""#
        ),
        (
          #"ALTER POLICY "a producer sees its own jobs" ON codemint.jobs USING (true)"#,
          #"policy "a producer sees its own jobs""#
        ),
        ("ALTER TABLE codemint.jobs DISABLE ROW LEVEL SECURITY", "row security of jobs"),
      ] {
        try await logins.owner.script(change)
        #expect(try await Migrator(logins.owner).state() == .drifted([name]))
        #expect(try await Migrator(logins.owner).migrate())
        #expect(try await Migrator(logins.owner).state() == .current)
      }
      let after = try await logins.owner.query(made).map { try $0.text("mark") }
      #expect(zip(before, after).map { $0 == $1 } == [true, false, true, false])
    }
  }

  @Test("a producer inserts and sees its own jobs, and nothing else")
  func producer() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let other = try await logins.login(.producer)
      let id = try await shop.query(Self.insert).one().int64("id")
      let foreign = try await other.query(Self.insert).one().int64("id")
      #expect(
        try await shop.query("SELECT id FROM codemint.jobs").map { try $0.int64("id") } == [id]
      )
      let seen = try await shop.query("SELECT id, state FROM codemint.my_jobs")
      #expect(try seen.map { try $0.int64("id") } == [id])
      #expect(
        try await other.query("SELECT id FROM codemint.my_jobs").one().int64("id") == foreign
      )
      for statement: Statement in [
        "INSERT INTO codemint.jobs (reward_id, count, state) VALUES (gen_random_uuid(), 1, 'completed')",
        "INSERT INTO codemint.jobs (reward_id, count, created_by) VALUES (gen_random_uuid(), 1, 'postgres')",
        "INSERT INTO codemint.jobs (reward_id, count, issued) VALUES (gen_random_uuid(), 1, 1)",
        "UPDATE codemint.jobs SET count = 5", "UPDATE codemint.jobs SET state = 'cancelled'",
        "DELETE FROM codemint.jobs", "SELECT id FROM codemint.codes",
        "SELECT id FROM codemint.calls", "SELECT id FROM codemint.call_log",
        "SELECT id FROM codemint.job_status", "SELECT codemint.retry_job(1)",
        "SELECT call_id FROM codemint.doubts", "SELECT id FROM codemint.unattributed_codes",
        "SELECT codemint.accept_cluster('mine')", "TRUNCATE codemint.jobs",
        "SELECT codemint.place_due_jobs()", "SELECT codemint.next_turn('shop', 5::smallint, true)",
        "CREATE TABLE codemint.mine ()",
      ] {
        #expect(await shop.refusal(of: statement) == Logins.denied, "\(statement.sql)")
      }
    }
  }

  @Test("an operator sees everything but the value of a code, and writes nothing by hand")
  func `operator`() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.oneCode)
      let person = try await logins.login(.operator)
      #expect(try await person.query("SELECT * FROM codemint.job_status").count == 1)
      #expect(try await person.query("SELECT * FROM codemint.call_log").count == 1)
      #expect(try await person.query("SELECT id, sync_status FROM codemint.codes").count == 1)
      #expect(try await person.query("SELECT call_id FROM codemint.answers").count == 1)
      let outcome = try await person.query("SELECT codemint.cancel_job(id) FROM codemint.jobs")
      #expect(try outcome.one().text(0) == "job 1 is cancelled with 0 of 10 codes")
      for statement: Statement in [
        "SELECT code FROM codemint.codes", "SELECT * FROM codemint.codes",
        "SELECT code FROM codemint.unattributed_codes", "SELECT external_ids FROM codemint.codes",
        "SELECT status FROM codemint.codes", "SELECT status FROM codemint.unattributed_codes",
        "SELECT status FROM codemint.my_codes", "SELECT status FROM codemint.listed_codes",
        "SELECT external_ids FROM codemint.unattributed_codes", "SELECT body FROM codemint.answers",
        "SELECT c FROM codemint.codes c", "UPDATE codemint.codes SET surplus = true",
        "UPDATE codemint.jobs SET priority = 1", "UPDATE codemint.calls SET state = 'absent'",
        "DELETE FROM codemint.calls", "UPDATE codemint.account SET requests_per_second = 1000",
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1)",
        "SELECT codemint.place_due_jobs()",
      ] {
        #expect(await person.refusal(of: statement) == Logins.denied, "\(statement.sql)")
      }
    }
  }

  @Test("a reader reads codes, and changes nothing")
  func reader() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.oneCode)
      let program = try await logins.login(.reader)
      #expect(
        try await program.query("SELECT code FROM codemint.codes").one().text("code") == "C-1"
      )
      #expect(try await program.query("SELECT id FROM codemint.job_status").count == 1)
      for statement: Statement in [
        "UPDATE codemint.codes SET status = 'redeemed'", "DELETE FROM codemint.codes",
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1)",
        "SELECT id FROM codemint.calls", "SELECT codemint.accept_cluster('mine')",
      ] {
        #expect(await program.refusal(of: statement) == Logins.denied, "\(statement.sql)")
      }
    }
  }

  @Test("rule 19: the daemon's role deletes no job and no code, and steers nothing as operators do")
  func worker() async throws {
    try await Logins.lend { logins in
      let daemon = try await logins.login(.worker)
      #expect(try await PrivilegeCheck(daemon).complaint() == nil)
      for statement: Statement in [
        "DELETE FROM codemint.codes", "DELETE FROM codemint.jobs", "DELETE FROM codemint.rewards",
        "UPDATE codemint.migrations SET checksum = 'x'", "SELECT codemint.accept_cluster('mine')",
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1)",
        "DELETE FROM codemint.calls", "DELETE FROM codemint.unattributed_codes",
        "DELETE FROM codemint.answers", "DELETE FROM codemint.raw_codes",
        "INSERT INTO codemint.calls (id, resolved_by) VALUES (gen_random_uuid(), 'somebody')",
        "INSERT INTO codemint.calls (id, resolution) VALUES (gen_random_uuid(), 'absent')",
        "INSERT INTO codemint.calls (id, resolved_at) VALUES (gen_random_uuid(), now())",
        "INSERT INTO codemint.calls (id, resolution_note) VALUES (gen_random_uuid(), 'why')",
      ] {
        #expect(await daemon.refusal(of: statement) == Logins.denied, "\(statement.sql)")
      }
    }
  }

  @Test(
    "nor does it make away with calls that are young, in doubt or decided, or with codes set aside"
  )
  func nothingForgotten() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(
        Self.oneCode + """
          UPDATE codemint.jobs
          SET state = 'failed', is_new = false, queue_position = NULL, next_call_at = NULL,
            finished_at = now() - interval '9 days';
          INSERT INTO codemint.unattributed_codes (id, reward_id, code, status, sync_status, external_ids)
          VALUES (gen_random_uuid(), gen_random_uuid(), 'C-3', 'available', 'none', '{}');
          DELETE FROM codemint.answers;
          """
      )
      let daemon = try await logins.login(.worker)
      func left(_ change: String) async throws -> Int64 {
        try await logins.owner.script("UPDATE codemint.calls SET \(change)")
        _ = try await daemon.query(
          """
          SELECT codemint.forget_calls(1, 'infinity', 100),
                 codemint.forget_set_aside(ARRAY(SELECT id FROM codemint.unattributed_codes))
          """
        )
        return try await logins.owner.query(
          """
          SELECT (SELECT count(*) FROM codemint.calls)
                 + (SELECT count(*) FROM codemint.unattributed_codes)
          """
        ).one().int64(0)
      }
      // The daemon's role can write when a call was settled and a job ended, and not when they were made.
      #expect(try await left("settled_at = now() - interval '8 days'") == 2)
      try await logins.owner.script(
        "UPDATE codemint.jobs SET created_at = now() - interval '9 days'"
      )
      #expect(try await left("settled_at = now() - interval '8 days'") == 2)
      #expect(try await left("created_at = now() - interval '9 days', settled_at = now()") == 2)
      #expect(try await left("settled_at = now() - interval '8 days', resolution = 'adopt'") == 2)
      #expect(try await left("resolution = NULL, state = 'absent'") == 2)
      // What is old and proven goes: the function is not one that never does anything.
      #expect(try await left("state = 'issued'") == 1)
    }
  }

  @Test("nor does it change what producers asked for, what a code is, and what operators decided")
  func othersColumns() async throws {
    try await Logins.lend { logins in
      let daemon = try await logins.login(.worker)
      for statement: Statement in [
        "UPDATE codemint.cluster_identity SET accepted_by = 'me'",
        "UPDATE codemint.cluster_identity SET accepted_at = now()",
        "UPDATE codemint.cluster_identity SET accepted_note = 'mine'",
        "UPDATE codemint.operator_limits SET requests_per_second = 1000",
        "UPDATE codemint.operator_limits SET burst = 1000",
        "UPDATE codemint.operator_limits SET max_in_flight = 1000",
        "UPDATE codemint.operator_limits SET max_in_flight_per_reward = 1000",
        "UPDATE codemint.operator_limits SET set_by = 'me'",
        "UPDATE codemint.operator_limits SET set_at = now()",
        "UPDATE codemint.jobs SET count = 1000000", "UPDATE codemint.jobs SET prefix = 'X'",
        "UPDATE codemint.jobs SET reward_id = gen_random_uuid()",
        "UPDATE codemint.jobs SET created_by = 'me'", "UPDATE codemint.jobs SET metadata = NULL",
        "UPDATE codemint.jobs SET dedupe_key = NULL", "UPDATE codemint.jobs SET run_at = now()",
        "UPDATE codemint.jobs SET priority = 0", "UPDATE codemint.jobs SET paused = true",
        "INSERT INTO codemint.operator_limits (burst) VALUES (1000)", "DELETE FROM codemint.quotas",
        "UPDATE codemint.calls SET size = 500", "UPDATE codemint.calls SET resolved_by = 'me'",
        "UPDATE codemint.calls SET resolution = 'absent'",
        "UPDATE codemint.calls SET resolution_note = 'x'",
        "UPDATE codemint.calls SET api_timeout = '0'",
        "UPDATE codemint.codes SET id = gen_random_uuid()",
        "UPDATE codemint.codes SET stored_at = now()",
        "UPDATE codemint.codes SET reward_id = gen_random_uuid()",
        "UPDATE codemint.codes SET purged_at = now()",
        "UPDATE codemint.unattributed_codes SET code = 'X'",
        "UPDATE codemint.answers SET body = ''", "UPDATE codemint.raw_codes SET code = ''",
        "UPDATE codemint.purges SET note = ''", "UPDATE codemint.job_actions SET done_by = 'me'",
        "INSERT INTO codemint.account DEFAULT VALUES",
        "INSERT INTO codemint.job_actions (job_id, action) VALUES (1, 'x')",
      ] {
        #expect(await daemon.refusal(of: statement) == Logins.denied, "\(statement.sql)")
      }
    }
  }

  @Test(
    "the planner knows nothing of a column that a role may not read: its estimates can be printed"
  )
  func statistics() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(
        """
        \(Self.oneCode)
        INSERT INTO codemint.jobs (reward_id, count, prefix, dedupe_key, metadata)
        SELECT gen_random_uuid(), 10, 'P' || n, 'key-' || n, '{}' FROM generate_series(1, 500) n;
        ANALYZE;
        """
      )
      let known = try await logins.owner.query(
        """
        SELECT tablename || '.' || attname AS name FROM pg_stats
        WHERE schemaname = 'codemint'
          AND (attname IN ('code', 'status', 'body', 'external_ids', 'prefix', 'dedupe_key', 'metadata',
                           'note', 'done_by', 'error_message')
               OR tablename = 'jobs' AND attname = 'reward_id')
        """
      )
      #expect(try known.map { try $0.text("name") } == [])
      let sizes = try await logins.owner.query(
        "SELECT FROM pg_stats WHERE schemaname = 'codemint' AND tablename = 'jobs' AND attname = 'count'"
      )
      #expect(sizes.count == 1)
    }
  }

  @Test("the commands show every job to operators and readers, and to a producer its own")
  func commands() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(Self.oneCode)
      for (role, number) in [(Role.operator, 1), (.reader, 1), (.producer, 0)] {
        let login = try await logins.login(role)
        let name = try await login.query("SELECT session_user::text").one().text(0)
        let pool = Pool(try await logins.owner.settings(as: name), limit: 1)
        let queries = JobQueries(pool: pool)
        #expect(try await queries.recent(limit: 5).count == number, "\(role)")
        _ = try await queries.account()
        await pool.close()
      }
    }
  }

  @Test("a login that lacks the daemon's role is told which grant helps")
  func complaint() async throws {
    try await Logins.lend { logins in
      let stranger = try await logins.login(nil)
      let producer = try await logins.login(.producer)
      let words = "GRANT codemint_worker TO"
      #expect(try await PrivilegeCheck(stranger).complaint()?.contains(words) == true)
      #expect(try await PrivilegeCheck(producer).complaint()?.contains(words) == true)
    }
  }

  @Test("setting the roles up again takes away what they were given beside")
  func again() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(
        """
        GRANT ALL ON ALL TABLES IN SCHEMA codemint TO codemint_worker, codemint_operator;
        GRANT SELECT (code) ON codemint.codes TO codemint_producer;
        GRANT ALL ON ALL FUNCTIONS IN SCHEMA codemint TO codemint_reader;
        """
      )
      #expect(try await RoleSetup(logins.owner).apply() == .done)
      for (role, statement): (Role, Statement) in [
        (.worker, "UPDATE codemint.operator_limits SET set_by = 'me'"),
        (.operator, "SELECT code FROM codemint.codes"),
        (.producer, "SELECT code FROM codemint.codes"),
        (.reader, "SELECT codemint.place_due_jobs()"),
      ] {
        let login = try await logins.login(role)
        #expect(await login.refusal(of: statement) == Logins.denied, "\(statement.sql)")
      }
    }
  }

  @Test("who may not make roles is told which are missing; who does not own the schema, that")
  func weakLogins() async throws {
    try await Logins.lend { logins in
      let stranger = try await logins.login(nil)
      #expect(try await RoleSetup(stranger).apply() == .notOwner)
      #expect(try await RoleSetup(logins.owner).apply() == .done)
    }
  }

  private static let insert: Statement = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10) RETURNING id
    """

  private static let oneCode = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
    INSERT INTO codemint.calls
      (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
       effective_until)
      SELECT gen_random_uuid(), j.id, j.reward_id, 10, 'issued', 0, gen_random_uuid(), '1 min',
             '1 min', '10 s', now()
      FROM codemint.jobs j;
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids)
      SELECT gen_random_uuid(), c.job_id, c.id, c.reward_id, 'C-1', 'available', 'none', '{}'
      FROM codemint.calls c;
    INSERT INTO codemint.answers (call_id, body) SELECT c.id, 'C-2' FROM codemint.calls c;
    """
}
