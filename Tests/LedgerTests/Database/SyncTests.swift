import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("tracking in a real database")
struct SyncTests {
  /// A finished job of so many codes, of which every tenth is pending, and its reward taken by a
  /// worker.
  private static let scenery = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES ('%REWARD%', 2000);
    UPDATE codemint.jobs
      SET state = 'completed', issued = 2000, is_new = false, queue_position = NULL, next_call_at = NULL, finished_at = now();
    INSERT INTO codemint.rewards (reward_id) VALUES ('%REWARD%');
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, created_at,
       updated_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, '%REWARD%', '%REWARD%', 'C' || n, 'available',
           CASE WHEN n % 10 = 0 THEN 'pending' ELSE 'synced' END,
           jsonb_build_object('shopify', jsonb_build_object('syncStatus',
             CASE WHEN n % 10 = 0 THEN 'pending' ELSE 'synced' END)),
           '2026-01-01', '2026-01-01'
    FROM generate_series(1, 2000) AS n;
    UPDATE codemint.jobs SET sync_done_at = NULL;
    INSERT INTO codemint.tracked_rewards (reward_id, next_pass_at, passes) VALUES ('%REWARD%', now(), 1);
    ANALYZE;
    """

  private func withScenery(_ body: (RealLedger, TrackedReward, [IssuedCode]) async throws -> Void)
    async throws
  {
    try await RealLedger.lend { ledger in
      let reward = Samples.reward(1)
      try await ledger.bystander.script(
        Self.scenery.replacing("%REWARD%", with: reward.description)
      )
      let answer = try await ledger.store.takeTracked(
        Samples.worker(1),
        lease: .seconds(60),
        first: .seconds(30)
      )
      guard case .reward(let tracked) = answer else {
        Issue.record("nothing is due")
        return
      }
      let codes = try await ledger.bystander.facts().codes.values.map(\.code)
      try await body(ledger, tracked, codes.sorted { $0.id < $1.id })
    }
  }

  @Test("codes that are as they were are not written, and those that changed are written once")
  func deadRows() async throws {
    try await withScenery { ledger, tracked, codes in
      func versions() async throws -> [String] {
        try await ledger.bystander.query("SELECT xmin::text AS v FROM codemint.codes ORDER BY id")
          .map { try $0.text("v") }
      }
      let before = try await versions()
      for page in stride(from: 0, to: 2000, by: 1000) {
        let recorded = try await ledger.store.record(
          Array(codes[page..<page + 1000]),
          of: tracked.reward,
          worker: Samples.worker(1)
        )
        #expect(recorded.kept && recorded.changed == 0 && recorded.unknown == 0)
      }
      #expect(try await versions() == before)

      let shown = codes.prefix(1000).enumerated().map { place, code in
        place % 10 == 9 ? code.shown(.synced, status: "reserved") : code
      }
      let recorded = try await ledger.store.record(
        shown,
        of: tracked.reward,
        worker: Samples.worker(1)
      )
      #expect(recorded.changed == 100)
      let after = try await versions()
      #expect(zip(before, after).count { $0 != $1 } == 100)
      #expect(Set(after).subtracting(before).count == 1)
    }
  }

  @Test("rule 21: what the end of a pass will say is not mended, and what nobody will say is")
  func mended() async throws {
    try await withScenery { ledger, tracked, codes in
      try await ledger.announce(Scene.fast)
      for page in stride(from: 0, to: 2000, by: 1000) {
        _ = try await ledger.store.record(
          codes[page..<page + 1000].map { $0.shown(.synced) },
          of: tracked.reward,
          worker: Samples.worker(1)
        )
      }
      let isDue = "UPDATE codemint.healing SET next_job = 0; \(RealLedger.healingDue)"
      try await ledger.bystander.script(isDue)
      #expect(try await ledger.heartbeat().mended == [])
      // As if somebody had disabled what says so.
      try await ledger.bystander.script(
        "UPDATE codemint.tracked_rewards SET next_pass_at = NULL; \(isDue)"
      )
      let mended = try await ledger.heartbeat().mended
      #expect(mended == ["job 1: nobody was told that its codes wait for no other system"])
    }
  }

  @Test("a job is told of once, when the sync of its last code is final")
  func told() async throws {
    try await withScenery { ledger, tracked, codes in
      let listener = try await Connection.open(ledger.settings)
      try await listener.script("LISTEN codemint_sync_done; LISTEN test")
      func told() async throws -> [String] {
        _ = try await ledger.bystander.query("SELECT pg_notify('test', '')")
        var payloads: [String] = []
        while true {
          for notification in try await listener.notifications(within: .seconds(20)) {
            if notification.channel == "test" { return payloads }
            payloads.append(notification.payload)
          }
        }
      }
      func pass(_ shown: [IssuedCode], _ tracked: TrackedReward) async throws -> SyncPassAnswer {
        for page in stride(from: 0, to: shown.count, by: 1000) {
          _ = try await ledger.store.record(
            Array(shown[page..<page + 1000]),
            of: tracked.reward,
            worker: Samples.worker(1)
          )
        }
        return try await ledger.store.finish(
          SyncPassReport(
            reward: tracked.reward,
            ending: .read(.init(mark: nil, order: .unknown, position: nil))
          ),
          of: tracked,
          worker: Samples.worker(1),
          rules: .standard
        )
      }
      #expect(try await pass(codes, tracked) == .tracking(resync: []))
      #expect(try await told() == [])
      try await ledger.bystander.script("UPDATE codemint.tracked_rewards SET next_pass_at = now()")
      let again = try await ledger.store.takeTracked(
        Samples.worker(1),
        lease: .seconds(60),
        first: .seconds(30)
      )
      guard case .reward(let next) = again else {
        Issue.record("nothing is due")
        return
      }
      #expect(try await pass(codes.map { $0.shown(.synced) }, next) == .final)
      #expect(try await told() == ["1"])
      try await ledger.bystander.script(
        "UPDATE codemint.jobs SET finished_at = clock_timestamp()"
      )
      #expect(try await told() == [])
      await listener.close()
    }
  }

  @Test("operators see counts by system, and problems with ids and a word of ours for the error")
  func views() async throws {
    try await withScenery { ledger, tracked, codes in
      let shown = codes.prefix(20).enumerated().map { place, code in
        switch place {
        case 0..<7: code.inError([.stripe])
        // Whatever the API names is shown as a word of ours: both could quote a code.
        case 7: code.shown(.pending, externalIDs: #"{"SUMMER7Q": {"syncStatus": "SUMMER8Q"}}"#)
        default: code
        }
      }
      _ = try await ledger.store.record(shown, of: tracked.reward, worker: Samples.worker(1))
      let status = try await ledger.bystander.query(
        """
        SELECT sync_none, sync_pending, sync_synced, sync_error, sync_systems::text
        FROM codemint.job_status WHERE id = 1
        """
      ).one()
      let counts = try (0..<4).map { try status.integer(.index($0)) }
      #expect(counts == [0, 201, 1792, 7])
      #expect(
        try status.text(4) == #"""
          {"other": {"none": 1999, "other": 1}, "stripe": {"none": 1993, "error": 7}, \#
          "shopify": {"none": 8, "synced": 1792, "pending": 200}}
          """#
      )
      let problems = try await ledger.bystander.query(
        """
        SELECT concat_ws('|', system, sync_status, codes, cardinality(sample), error, state)
          AS line FROM codemint.sync_problems ORDER BY system
        """
      ).map { try $0.text("line") }
      #expect(
        problems == [
          "other|other|1|1|none|unknown word", "stripe|error|7|5|unknown|tracked",
        ]
      )
    }
  }

  @Test("an error that quotes its code or another one shows nothing but what kind of error it is")
  func quotedCode() async throws {
    try await withScenery { ledger, tracked, codes in
      let errors = [
        ("taken", "code SUMMER-1 exists: try SUMMER-2"),
        ("throttled", "SUMMER-1: Too Many Requests"),
        ("refused", "403 for SUMMER-1"), ("unknown", "no such discount: SUMMER-1"),
        ("invalid", "SUMMER-1 is too long"), ("unavailable", "SUMMER-1 timed out"),
        ("other", "SUMMER-1"), ("none", " "),
      ]
      for (kind, text) in errors {
        _ = try await ledger.bystander.query(
          """
          UPDATE codemint.codes
          SET sync_status = 'error', external_ids = jsonb_build_object('stripe', jsonb_build_object(
                'syncStatus', 'error', 'error', $1::text))
          """,
          [.text(text)]
        )
        try await ledger.bystander.script(
          """
          INSERT INTO codemint.resyncs (reward_id, system, next_at)
          VALUES ('\(tracked.reward)', 'stripe', now()) ON CONFLICT DO NOTHING
          """
        )
        let problem = try await ledger.bystander.query(
          "SELECT codes, error, to_jsonb(p)::text AS all FROM codemint.sync_problems p"
        ).one()
        #expect(try problem.int64("codes") == Int64(codes.count))
        #expect(try problem.text("error") == kind)
        let page = try await OverviewQueries(pool: ledger.pool).page().json
        #expect(page.contains("\"error\": \"\(kind)\""))
        for shown in [page, try problem.text("all")] {
          #expect(shown.firstMatch(of: /(?i)summer/) == nil)
        }
      }
    }
  }

  @Test("an operator has a given-up reward tracked once more")
  func trackedAgain() async throws {
    try await withScenery { ledger, tracked, _ in
      try await ledger.bystander.script(
        "UPDATE codemint.tracked_rewards SET next_pass_at = NULL, given_up_at = now(), worker = NULL"
      )
      let row = try await ledger.bystander.query(
        "SELECT codemint.track_sync($1) AS outcome",
        [.uuid(tracked.reward.id.bits)]
      ).one()
      #expect(try row.text("outcome").hasSuffix("is tracked for 200 code(s)"))
      let error = await failure { () throws(PostgresError) in
        try await ledger.bystander.query(
          "SELECT codemint.track_sync($1)",
          [.uuid(Samples.reward(2).id.bits)]
        )
      }
      #expect(error?.sqlState == "55000")
    }
  }

  @Test("what is due and what is not final is read off indexes")
  func plans() async throws {
    try await withScenery { ledger, _, _ in
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.tracked_rewards (reward_id)
        SELECT gen_random_uuid() FROM generate_series(1, 5000);
        ANALYZE;
        """
      )
      func plan(_ query: String) async throws -> String {
        try await ledger.bystander.query(Statement("EXPLAIN \(query)"))
          .map { try $0.text(0) }.joined(separator: "\n")
      }
      let due = try await plan(
        "SELECT * FROM codemint.tracked_rewards WHERE next_pass_at <= now() ORDER BY next_pass_at LIMIT 1"
      )
      #expect(due.contains("tracked_rewards_due") && !due.contains("Seq Scan"), "\(due)")
      let pending = try await plan(
        """
        SELECT count(*) FROM codemint.jobs j
        JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status = 'error'
        WHERE j.reward_id = '\(Samples.reward(1))' AND j.has_codes
        """
      )
      #expect(pending.contains("codes_by_job"), "\(pending)")
    }
  }
}
