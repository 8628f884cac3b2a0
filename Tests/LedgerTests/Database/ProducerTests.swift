import Ledger
import Postgres
import Testing

/// Producers share a ledger, and each is alone in it.
@Suite("producers among each other")
struct ProducerTests {
  @Test("a key is unique among the jobs of one producer, so nobody takes a key in advance")
  func dedupe() async throws {
    try await Logins.lend { logins in
      let squatter = try await logins.login(.producer)
      let shop = try await logins.login(.producer)
      let insert: Statement = """
        INSERT INTO codemint.jobs (reward_id, count, dedupe_key) VALUES (gen_random_uuid(), 1, 'order-1')
        ON CONFLICT DO NOTHING RETURNING id
        """
      let taken = try await squatter.query(insert).one().int64("id")
      let own = try await shop.query(insert).one().int64("id")
      #expect(try await shop.query(insert).isEmpty && taken != own)
      try await logins.owner.script(
        "SELECT codemint.cancel_job(id) FROM codemint.jobs; SELECT codemint.purge_job(\(taken));"
      )
      #expect(await squatter.refusal(of: insert) == "23505")
      #expect(try await shop.query(insert).isEmpty)
    }
  }

  /// A producer whose rows are worth knowing, with a reward and a prefix that statistics know, and a spy
  /// with a few jobs.
  private static let scenery = """
    INSERT INTO codemint.jobs (reward_id, count, prefix, priority, dedupe_key, metadata, run_at)
    SELECT 'aaaaaaaa-0000-4000-8000-000000000000', 77, 'SECRET', 7, 'order-' || n, '{"a": "b"}',
           '2033-03-03'
    FROM generate_series(1, 3000) n;
    """

  /// Guesses at what is in the other producer's rows: right ones, and wrong ones of the same length.
  private static let guesses = [
    (
      "reward_id = '%s'", "aaaaaaaa-0000-4000-8000-000000000000",
      "bbbbbbbb-0000-4000-8000-000000000000"
    ),
    (
      "reward_id > '%s'", "aaaaaaaa-0000-4000-8000-000000000000",
      "9aaaaaaa-0000-4000-8000-000000000000"
    ),
    ("count = %s", "77", "78"), ("prefix = '%s'", "SECRET", "PUBLIC"),
    ("prefix < '%s'", "SECREU", "SECRES"),
    ("priority = %s", "7", "3"), ("dedupe_key >= '%s'", "order-1", "order-z"),
    ("dedupe_key = '%s'", "order-12", "order-zz"),
    ("metadata = '%s'", #"{"a": "b"}"#, #"{"a": "c"}"#),
    ("run_at > '%s'", "2033-03-02 00:00:00+00", "2033-03-04 00:00:00+00"),
    ("created_by <> '%s'", "codemint", "postgres"),
  ]

  @Test("whatever a producer measures, right and wrong guesses at the jobs of others look the same")
  func measuring() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let spy = try await logins.login(.producer)
      try await shop.script(Self.scenery)
      try await spy.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) SELECT 'ffffffff-0000-4000-8000-000000000000'::uuid, 5 FROM generate_series(1, 3);
        """
      )
      try await logins.owner.script("ANALYZE")
      for (condition, right, wrong) in Self.guesses {
        for scans in ["on", "off"] {
          var plans: [String] = []
          for guess in [right, wrong] {
            let plan = try await spy.script(
              "SET timezone = 'UTC'; SET enable_seqscan = \(scans); SET enable_sort = \(scans)"
            )
            #expect(plan.isEmpty)
            let lines = try await spy.query(
              Statement(
                """
                EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, SUMMARY OFF)
                SELECT id FROM codemint.my_jobs WHERE \(condition.replacing("%s", with: guess))
                """
              )
            ).map { try $0.text(0) }
            plans.append(
              lines.joined(separator: "\n").replacing("= \(guess)", with: "= ?")
                .replacing("'\(guess)'", with: "'?'")
            )
          }
          #expect(plans[0] == plans[1], "\(condition)")
        }
        let bare = Statement(
          "SELECT id FROM codemint.jobs WHERE \(condition.replacing("%s", with: right))"
        )
        #expect(await spy.refusal(of: bare) == Logins.denied, "\(condition)")
      }
      #expect(try await spy.query("SELECT FROM pg_stats WHERE schemaname = 'codemint'").isEmpty)
    }
  }

  @Test(
    "a producer reads the codes of its own jobs, without surplus, and measures none of the others"
  )
  func codes() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let spy = try await logins.login(.producer)
      for login in [shop, spy] {
        try await login.script(
          "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10)"
        )
      }
      try await logins.owner.script(
        """
        INSERT INTO codemint.codes
          (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, surplus)
        SELECT gen_random_uuid(), j.id, gen_random_uuid(), j.reward_id, 'CODE-' || j.id || '-' || n,
               'available', 'none', '{}', n > 2
        FROM codemint.jobs j, generate_series(1, 3) n;
        ANALYZE;
        """
      )
      let codes = try await shop.query("SELECT code FROM codemint.my_codes ORDER BY code")
      #expect(try codes.map { try $0.text(0) } == ["CODE-1-1", "CODE-1-2"])
      var plans: [String] = []
      for guess in ["CODE-1-1", "CODE-9-9"] {
        let lines = try await spy.query(
          Statement(
            """
            EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, SUMMARY OFF)
            SELECT job_id FROM codemint.my_codes WHERE code = '\(guess)'
            """
          )
        ).map { try $0.text(0) }
        plans.append(lines.joined(separator: "\n").replacing(guess, with: "?"))
      }
      #expect(plans[0] == plans[1])
    }
  }

  private static func insert(_ count: Int, priority: Int = 5) -> Statement {
    Statement(
      """
      INSERT INTO codemint.jobs (reward_id, count, priority)
      SELECT gen_random_uuid(), 1, \(priority) FROM generate_series(1, \(count))
      """
    )
  }

  @Test("a producer with a quota gets no better priority, and has no more open jobs")
  func quota() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let other = try await logins.login(.producer)
      let desk = try await logins.login(.operator)
      let name = try await shop.query("SELECT session_user::text").one().text(0)
      let words = try await desk.query(
        "SELECT codemint.set_quota($1, 3, 5, 'they flood us')",
        [.text(name)]
      ).one().text(0)
      #expect(
        words
          == "jobs that \(name) inserts from now on: priority 3 at best, at most 5 open at a time; for all its jobs "
          + "any number of codes a day"
      )
      _ = try await shop.query(Self.insert(2, priority: 0))
      _ = try await shop.query(Self.insert(2, priority: 7))
      #expect(await shop.refusal(of: Self.insert(2)) == "23514")
      _ = try await other.query(Self.insert(9, priority: 0))
      let priorities = try await logins.owner.query(
        """
        SELECT (SELECT array_agg(j.priority ORDER BY j.id)::text FROM codemint.jobs j WHERE j.created_by = $1)
               || (SELECT array_agg(p.priority ORDER BY p.job_id)::text FROM codemint.pending_placements p
                   JOIN codemint.jobs j ON j.id = p.job_id WHERE j.created_by = $1) AS both
        """,
        [.text(name)]
      ).one()
      #expect(try priorities.text("both") == "{3,3,7,7}{3,3,7,7}")
      // What has ended counts no more.
      _ = try await desk.query(
        "SELECT codemint.cancel_job(min(id)) FROM codemint.jobs WHERE created_by = $1",
        [.text(name)]
      )
      _ = try await shop.query(Self.insert(2))
      #expect(await shop.refusal(of: Self.insert(1)) == "23514")
      _ = try await desk.query("SELECT codemint.set_quota($1, NULL, NULL)", [.text(name)])
      _ = try await shop.query(Self.insert(50, priority: 0))
      for statement: Statement in [
        "SELECT codemint.set_quota('postgres', 9)", "UPDATE codemint.quotas SET open_jobs = NULL",
        "DELETE FROM codemint.quotas", "SELECT open_jobs FROM codemint.quotas",
      ] {
        #expect(await shop.refusal(of: statement) == Logins.denied, "\(statement.sql)")
      }
    }
  }

  /// What is said of a role that nobody logs in as.
  private static let rolesOnly =
    "; logins that have this role are limited only while they SET ROLE"

  @Test(
    "a limit that a quota does not name stays, null takes it back, and who sets one waits for another"
  )
  func otherLimits() async throws {
    try await Logins.lend { logins in
      let desks = [try await logins.login(.operator), try await logins.login(.operator)]
      func set(_ desk: Connection, _ limits: String) async throws -> String {
        try await desk.query(Statement("SELECT codemint.set_quota('codemint_producer', \(limits))"))
          .one().text(0)
      }
      func words(_ limits: String) -> String {
        "jobs that codemint_producer inserts from now on: \(limits)\(Self.rolesOnly)"
      }
      try await desks[0].script("BEGIN")
      _ = try await set(desks[0], "3, p_codes_per_day => 70")
      let second: Statement = "SELECT codemint.set_quota('codemint_producer', p_open_jobs => 5)"
      #expect(await desks[1].refusal(of: second) == "55P03")
      try await desks[0].script("COMMIT")
      #expect(
        try await set(desks[1], "p_open_jobs => 5")
          == words(
            "priority 3 at best, at most 5 open at a time; for all its jobs at most 70 codes a day"
          )
      )
      #expect(
        try await set(desks[0], "p_best_priority => NULL, p_note => 'all the same'")
          == words(
            "any priority, at most 5 open at a time; for all its jobs at most 70 codes a day"
          )
      )
      #expect(
        try await set(desks[0], "NULL, NULL, p_codes_per_day => NULL")
          == words("any priority, any number; for all its jobs any number of codes a day")
      )
      #expect(
        try await set(desks[0], "p_share => 2.5").hasSuffix(
          "any number of codes a day, and 2.5 turns where others have 1\(Self.rolesOnly)"
        )
      )
      // Who names nothing asks.
      let rows: Statement = "SELECT count(*) FROM codemint.quotas"
      let before = try await logins.owner.query(rows).one().int64(0)
      #expect(try await set(desks[0], "p_note => 'why?'").contains("and 2.5 turns"))
      #expect(try await logins.owner.query(rows).one().int64(0) == before)
      for limits in [
        "10", "-2", "p_share => 0", "p_share => 101", "p_share => 'NaN'", "p_open_jobs => -2",
        "p_codes_per_day => -2",
      ] {
        let statement = Statement("SELECT codemint.set_quota('codemint_producer', \(limits))")
        #expect(await desks[0].refusal(of: statement) == "23514", "\(limits)")
      }
    }
  }

  @Test("a login that has a quota does not get past it under the name of a role")
  func otherName() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let other = try await logins.login(.producer)
      let name = try await shop.query("SELECT session_user::text").one().text(0)
      _ = try await logins.owner.query("SELECT codemint.set_quota($1, NULL, 2)", [.text(name)])
      for login in [shop, other] { try await login.script("SET ROLE codemint_producer") }
      #expect(await shop.refusal(of: Self.insert(1)) == Logins.denied)
      _ = try await other.query(Self.insert(3))
      try await shop.script("RESET ROLE")
      _ = try await shop.query(Self.insert(2))
      _ = try await shop.query(Self.insert(0))
      #expect(await shop.refusal(of: Self.insert(1)) == "23514")
      _ = try await logins.owner.query(
        "SELECT codemint.set_quota($1, p_open_jobs => NULL, p_codes_per_day => 7)",
        [.text(name)]
      )
      try await shop.script("SET ROLE codemint_producer")
      #expect(await shop.refusal(of: Self.insert(1)) == Logins.denied)
      for share in [0.5, 2] {
        _ = try await logins.owner.query(
          Statement("SELECT codemint.set_quota($1, p_codes_per_day => NULL, p_share => \(share))"),
          [.text(name)]
        )
        if share < 1 { #expect(await shop.refusal(of: Self.insert(1)) == Logins.denied) }
      }
      _ = try await shop.query(Self.insert(1))
    }
  }

  @Test(
    "no number of connections gets past a quota, whatever isolation they choose",
    arguments: ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
  )
  func manyConnections(isolation: String) async throws {
    try await Logins.lend { logins in
      let first = try await logins.login(.producer)
      let name = try await first.query("SELECT session_user::text").one().text(0)
      let second = try await Connection.open(logins.owner.settings(as: name))
      _ = try await logins.owner.query("SELECT codemint.set_quota($1, NULL, 5)", [.text(name)])
      for login in [first, second] {
        // The snapshot is taken here.
        try await login.script("BEGIN ISOLATION LEVEL \(isolation); SELECT FROM codemint.my_jobs;")
      }
      _ = try await first.query(Self.insert(5))
      async let refused = second.refusal(of: Self.insert(5))
      // Nobody but the same producer waits, not for a new quota either.
      _ = try await logins.owner.query("SELECT codemint.set_quota('postgres', 1, 1)")
      try await first.script("COMMIT")
      #expect(await refused == (isolation == "READ COMMITTED" ? "23514" : "40001"))
      try await second.script("ROLLBACK")
      let open = try await logins.owner.query("SELECT count(*) FROM codemint.jobs")
      #expect(try open.one().int64(0) == 5)
      await second.close()
    }
  }
}
