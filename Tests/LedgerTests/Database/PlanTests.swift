import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("plans")
struct PlanTests {
  /// Jobs in every place where they could be in the way: ahead of the others on rewards that are
  /// closed, paused or full, in the queue on rewards of their own, and among the waiting.
  ///
  /// Without autovacuum, whose snapshot would keep what is dead in the way for as long as it happens to
  /// run: a matter of the moment and not of the plans.
  private static func backlog(_ number: Int) -> String {
    """
    ALTER TABLE codemint.jobs SET (autovacuum_enabled = off);
    ALTER TABLE codemint.rewards SET (autovacuum_enabled = off);
    ALTER TABLE codemint.pending_placements SET (autovacuum_enabled = off);
    INSERT INTO codemint.rewards (reward_id, closed_at)
      VALUES ('00000000-0000-4000-8000-00000000000c', now());
    INSERT INTO codemint.rewards (reward_id, paused_until)
      VALUES ('00000000-0000-4000-8000-00000000000d', now() + interval '1 hour');
    INSERT INTO codemint.rewards (reward_id, in_flight)
      VALUES ('00000000-0000-4000-8000-00000000000e', 1000);
    INSERT INTO codemint.rewards (reward_id, closed_at)
      SELECT gen_random_uuid(), now() FROM generate_series(1, \(number));
    INSERT INTO codemint.jobs (reward_id, count, priority)
      SELECT reward_id, 5, 0 FROM codemint.rewards
      WHERE in_flight > 0 OR closed_at IS NOT NULL OR paused_until IS NOT NULL;
    DO $$
    BEGIN
      FOR n IN 1..250 LOOP
        INSERT INTO codemint.jobs (reward_id, count, priority)
        VALUES ('00000000-0000-4000-8000-00000000000c', 5, 0);
      END LOOP;
    END $$;
    INSERT INTO codemint.jobs (reward_id, count, priority)
      SELECT r.reward_id, 5, 1 FROM codemint.rewards r, generate_series(1, \(number))
      WHERE r.reward_id::text LIKE '00000000-0000-4000-8000-00000000000_';
    INSERT INTO codemint.jobs (reward_id, count, run_at)
      SELECT gen_random_uuid(), 5, now() + interval '1 day' FROM generate_series(1, \(number));
    INSERT INTO codemint.jobs (reward_id, count)
      SELECT gen_random_uuid(), 5 FROM generate_series(1, \(number));
    INSERT INTO codemint.jobs (reward_id, count)
      SELECT '\(Scene.reward)', 1000 FROM generate_series(1, \(number));
    ANALYZE;
    """
  }

  @Test("a claim reads as much of the ledger as before, however many jobs wait or are in the way")
  func claim() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(100_000, of: Scene.reward)
      _ = try await ledger.insert(100_000, of: Scene.otherReward)
      let few = try await pagesOfClaim(ledger)
      try await ledger.bystander.script(Self.backlog(5000), deadline: .seconds(120))
      // Somebody has to set those aside that are in the way, a hundred placements at a time.
      var asked = 0
      while case .nothing(wait: .zero, _) = try await ledger.store.claim(request()) {
        asked += 1
        try #require(asked < 100)
      }
      // What autovacuum does in its own time: where the machine is busy, that is too late for this.
      try await ledger.bystander.script(
        "VACUUM codemint.jobs, codemint.rewards, codemint.pending_placements",
        deadline: .seconds(120)
      )
      let many = try await pagesOfClaim(ledger)
      // Fewer than a hundred placements that cannot be served are stepped over, each with a read of its
      // reward; and the trees of the indexes are higher by a page or two.
      #expect(many < few * 2 + 500, "\(many) pages against \(few)")
      let plans = try await plans(
        of: """
          SELECT codemint.claim_call(gen_random_uuid(), gen_random_uuid(),
                                     ('1 min', '1 min', '10 s'),
                                     (SELECT checksum FROM codemint.installed_code))
          """,
        ledger.bystander
      )
      #expect(plans.contains("Index") && plans.contains("codemint.rewards"), "\(plans)")
      for table in ["jobs", "rewards"] {
        #expect(!plans.contains("Seq Scan on \(table)"), "\(plans)")
      }
      #expect(!plans.contains("Sort"), "\(plans)")
    }
  }

  @Test("a heartbeat reads what falls due, not what waits")
  func heartbeat() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(100_000, of: Scene.reward)
      try await ledger.bystander.script(Self.backlog(5000), deadline: .seconds(120))
      let plans = try await plans(
        of: """
          SELECT codemint.place_due_jobs(), codemint.next_due_at(), codemint.next_reopening(now()),
                 codemint.next_due(now())
          """,
        ledger.bystander
      )
      #expect(plans.contains("jobs_waiting"), "\(plans)")
      #expect(plans.contains("(next_call_at <= '"), "\(plans)")
      #expect(plans.contains("using rewards_paused"), "\(plans)")
      #expect(!plans.contains("Seq Scan on jobs"), "\(plans)")
    }
  }

  @Test(
    "a job's place is found without reading the other jobs of its producer",
    arguments: ["force_custom_plan", "force_generic_plan"]
  )
  func place(mode: String) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(Self.backlog(5000), deadline: .seconds(120))
      let plans = try await plans(
        of: """
          SET LOCAL plan_cache_mode = \(mode);
          SELECT codemint.next_turn(u.name, 5::smallint, true), codemint.next_turn(u.name, 5::smallint, false)
          FROM (SELECT current_user::text COLLATE "default" AS name) u
          """,
        ledger.bystander
      )
      #expect(plans.contains("Backward using jobs_turns"), "\(plans)")
      #expect(!plans.contains("Sort") && !plans.contains("Seq Scan on jobs"), "\(plans)")
    }
  }

  @Test("no index of jobs has a counter in it: an answer of a job that goes on writes none")
  func counters() async throws {
    try await RealLedger.lend { ledger in
      let found = try await ledger.bystander.query(
        """
        SELECT string_agg(i.indexrelid::regclass || ' has ' || a.attname, ', ') AS indexes
        FROM pg_index i
        JOIN pg_depend d ON d.objid = i.indexrelid AND d.refobjid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE i.indrelid = 'codemint.jobs'::regclass
          AND a.attname IN ('issued', 'outstanding', 'surplus', 'answers_without_progress', 'updated_at')
        """
      ).one()
      #expect(try found.optionalText("indexes") == nil)
    }
  }

  private func request() -> ClaimRequest {
    var random = SystemRandomNumberGenerator()
    return ClaimRequest(
      call: CallID(UniqueID(random: &random)),
      worker: Samples.worker(1),
      lengths: Samples.lengths(lease: .seconds(60))
    )
  }

  /// How many pages a claim reads, once the connection knows the functions: work, not time.
  private func pagesOfClaim(_ ledger: RealLedger) async throws -> Int {
    var pages = 0
    for _ in 0..<8 {
      try await ledger.bystander.script("BEGIN")
      let rows = try await ledger.bystander.query(
        """
        EXPLAIN (ANALYZE, BUFFERS)
        SELECT *
        FROM codemint.claim_call(gen_random_uuid(), $1, ('1 min', '1 min', '10 s'),
                                 (SELECT checksum FROM codemint.installed_code))
        """,
        [.uuid(Samples.worker(1).id.bits)]
      )
      let lines = try rows.map { try $0.text(0) }
      try await ledger.bystander.script("ROLLBACK")
      let buffers = try #require(lines.first { $0.contains("Buffers: shared") })
      pages = buffers.matches(of: /(hit|read)=(\d+)/).reduce(0) { $0 + (Int($1.2) ?? 0) }
    }
    return pages
  }

  /// The plans of every statement that runs within this one.
  private func plans(of statement: String, _ connection: Connection) async throws -> String {
    let notices = try await connection.script(
      """
      LOAD 'auto_explain';
      SET auto_explain.log_min_duration = 0;
      SET auto_explain.log_nested_statements = on;
      SET client_min_messages = log;
      BEGIN;
      \(statement);
      ROLLBACK;
      """
    )
    return notices.map(\.message).joined(separator: "\n")
  }
}
