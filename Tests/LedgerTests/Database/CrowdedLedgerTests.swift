import Foundation
import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What the page, the metrics and an operator ask again and again costs the same in a large ledger.
@Suite("questions to a large ledger")
struct CrowdedLedgerTests {
  /// How large the ledger is: 1 in every run of the tests, 100 for a million jobs that wait and ten million codes
  /// (`scripts/crowd`).
  private static let size =
    ProcessInfo.processInfo.environment["CODEMINT_CROWD"].flatMap(Int.init) ?? 1
  private static let codes = 100_000 * size
  private static let ended = codes / 10
  private static let waiting = max(40_000, ended)
  private static let rewards = waiting / 2

  /// Many of everything that grows: queued jobs, finished jobs with codes, calls, prefixes, and rewards
  /// whose codes a system refuses or has not taken. The rows are few enough for a test, and so many that
  /// the statistics speak for an index wherever there is one.
  private static let scenery = """
    ALTER TABLE codemint.jobs DISABLE TRIGGER USER;
    INSERT INTO codemint.rewards (reward_id, queue_priority, new_position, new_job)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 5, n, n FROM generate_series(1, \(rewards)) n;
    INSERT INTO codemint.jobs
      (reward_id, count, state, issued, started_at, finished_at, sync_done_at)
    SELECT lpad(to_hex(1 + n % \(rewards)), 32, '0')::uuid, 10, 'completed', 10, now(), now(), now()
    FROM generate_series(1, \(ended)) n;
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1 + n / 10, lpad(to_hex(1 + n / 10), 32, '0')::uuid,
           lpad(to_hex(1 + n / 10 % \(rewards)), 32, '0')::uuid, 'C' || n, 'available',
           CASE WHEN n % 50 = 0 THEN 'error' ELSE 'synced' END, '{}'
    FROM generate_series(0, \(codes - 1)) n;
    INSERT INTO codemint.jobs (reward_id, count, is_new, queue_position, next_call_at)
    SELECT lpad(to_hex(1 + n % \(rewards)), 32, '0')::uuid, 10, true, n, now() FROM generate_series(1, \(waiting)) n;
    INSERT INTO codemint.pending_placements (reward_id, priority, position, job_id)
    SELECT reward_id, 5, queue_position, id FROM codemint.jobs WHERE is_new;
    ALTER TABLE codemint.jobs ENABLE TRIGGER USER;
    INSERT INTO codemint.calls
      (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
       effective_until, settled_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, n, lpad(to_hex(1 + n % \(rewards)), 32, '0')::uuid, 10, 'issued', 0,
           gen_random_uuid(), '1 min', '1 min', '10 s', now(), now()
    FROM generate_series(1, \(ended)) n;
    INSERT INTO codemint.observed_facts (fact, subject, value)
    SELECT 'prefix', n::text, 'literal' FROM generate_series(1, \(ended * 3)) n;
    INSERT INTO codemint.tracked_rewards (reward_id, next_pass_at, passes, given_up_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, now(), 1, CASE WHEN n < 3000 THEN now() END
    FROM generate_series(1, \(rewards / 2)) n;
    INSERT INTO codemint.resyncs (reward_id, system, next_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'shopify', now() FROM generate_series(1, 3000) n;
    ANALYZE;
    """

  @Test("the page, the metrics and one job's reason to wait scan no table that grows")
  func plans() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(Self.scenery, deadline: .seconds(120 * Self.size))
      let waiting = Self.ended + 1
      for question in [
        OverviewQueries.page.sql, OverviewQueries.standstill.sql,
        "SELECT * FROM codemint.account_status", "SELECT * FROM codemint.unexplained_jobs()",
        "SELECT * FROM codemint.waits WHERE job_id = \(waiting)",
        "SELECT * FROM codemint.needs_you", "SELECT * FROM codemint.verdict",
        "SELECT * FROM codemint.job_status WHERE id = \(waiting)",
        "SELECT * FROM codemint.job_status ORDER BY id DESC LIMIT 20",
        "SELECT * FROM codemint.call_log LIMIT 20", "SELECT * FROM codemint.doubts",
      ] {
        let plan = try await plan(of: question, connection)
        for table in ["jobs", "calls", "codes", "rewards", "pending_placements", "resyncs"] {
          let scans = plan.firstMatch(of: try Regex("Seq Scan on \(table)( |$)"))
          #expect(scans == nil, "\(question): \(plan)")
        }
        #expect(try rows(plan) < 2000, "\(question): \(plan)")
        let start = ContinuousClock.now
        let read = try await rowsRead(by: question, connection)
        #expect(read < 10_000, "\(question)")
        tell(question, read, ContinuousClock.now - start)
      }
      let start = ContinuousClock.now
      let read = try await rowsRead(by: OverviewQueries.gauges.sql, connection)
      tell("the metrics", read, ContinuousClock.now - start)
      let gauges = try await plan(of: OverviewQueries.gauges.sql, connection)
      #expect(gauges.contains("Index Only Scan using jobs_open_by"), "\(gauges)")
      for table in ["calls", "codes", "observed_facts"] {
        #expect(!gauges.contains("Seq Scan on \(table)"), "\(gauges)")
      }
      await connection.close()
    }
  }

  @Test("the account is asked for as cheaply on a server that has never analysed its tables")
  func neverAnalysed() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(
        """
        ALTER TABLE codemint.observed_facts SET (autovacuum_enabled = off);
        INSERT INTO codemint.observed_facts (fact, subject, value)
        SELECT 'prefix', n::text, 'literal' FROM generate_series(1, 30000) n;
        """
      )
      let plan = try await connection.query(
        "EXPLAIN SELECT * FROM codemint.account_status"
      ).map { try $0.text(0) }
      // Not so dear that the server compiles it: jit_above_cost.
      let cost = try #require(plan.first?.firstMatch(of: /\.\.(\d+)/)?.1)
      #expect(try #require(Int(cost)) < 100_000, "\(plan)")
      #expect(!plan.contains { $0.contains("Seq Scan on observed_facts") }, "\(plan)")
      await connection.close()
    }
  }

  @Test("a daemon that lives does not look dead to who asks with an old snapshot")
  func oldSnapshot() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      let patient = try await Connection.open(ledger.settings)
      // The sign of life that the snapshot holds is over when it is asked.
      try await ledger.bystander.script(
        "UPDATE codemint.workers SET expires_at = clock_timestamp() + interval '100 milliseconds'"
      )
      try await patient.script(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM codemint.workers;"
      )
      try await ledger.bystander.script(
        """
        DO $$
        DECLARE v_end timestamptz := (SELECT max(expires_at) FROM codemint.workers);
        BEGIN
          WHILE clock_timestamp() <= v_end LOOP END LOOP;
        END $$;
        """
      )
      let old = try await patient.query("SELECT reason FROM codemint.waits").one()
      #expect(try old.text("reason") == "turn")
      try await patient.script("COMMIT")
      let now = try await patient.query("SELECT reason FROM codemint.waits").one()
      #expect(try now.text("reason") == "daemon")
      await patient.close()
    }
  }

  @Test("a claim and a settlement do not write a job's metadata again")
  func wideColumns() async throws {
    try await PostgresUnderTest.lend { ledger in
      guard let postgres = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { scene in
        let job = try await scene.insert(10)
        // Text that cannot be compressed, near the bound.
        try await postgres.bystander.script(
          """
          UPDATE codemint.jobs SET metadata = jsonb_build_object('a', (
            SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n))
          """
        )
        let table = try await postgres.bystander.query(
          """
          SELECT reltoastrelid::regclass::text AS name FROM pg_class
          WHERE oid = 'codemint.jobs'::regclass
          """
        ).one().text("name")
        func chunks() async throws -> [String] {
          try await postgres.bystander.query(
            Statement(
              "SELECT concat_ws(' ', ctid, xmin, xmax) AS chunk FROM \(table) ORDER BY ctid"
            )
          ).map { try $0.text("chunk") }
        }
        let before = try await chunks()
        #expect(before.count > 5)
        let claimed = try await scene.claim()
        try await scene.settle(claimed, scene.answer(claimed))
        #expect(try await scene.job(job).state == .completed)
        #expect(try await chunks() == before)
      }
    }
  }

  /// What a question to the large ledger costs, for docs/scale.md.
  private func tell(_ question: String, _ rows: Int64, _ time: Duration) {
    if Self.size > 1 { print("\(time), \(rows) rows: \(question.prefix(60))") }
  }

  private func plan(of question: String, _ connection: Connection) async throws -> String {
    try await connection.query(
      Statement("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) \(question)")
    ).map { try $0.text(0) }.joined(separator: "\n")
  }

  /// How many rows of the ledger a question reads, those read inside of functions too. The server counts on from the
  /// transactions before, until it has told its statistics of them.
  private func rowsRead(by question: String, _ connection: Connection) async throws -> Int64 {
    let count: Statement = """
      SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint AS rows
      FROM pg_stat_xact_user_tables WHERE schemaname = 'codemint'
      """
    try await connection.script("BEGIN")
    let before = try await connection.query(count).one().int64("rows")
    _ = try await connection.query(Statement(question))
    let after = try await connection.query(count).one().int64("rows")
    try await connection.script("ROLLBACK")
    return after - before
  }

  /// The most rows that any node of a plan gave or threw away.
  private func rows(_ plan: String) throws -> Int {
    plan.matches(of: /(?:actual rows=|Removed by Filter: )(\d+)/).compactMap { Int($0.1) }.max()
      ?? 0
  }
}
