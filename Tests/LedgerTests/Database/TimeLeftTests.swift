import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

/// How long people are told that a job takes.
@Suite("the time that is left")
struct TimeLeftTests {
  /// Ten calls a second, whatever the answers take.
  static let ten = Limits(
    requestsPerSecond: 10,
    burst: 1,
    maxInFlight: 100,
    maxInFlightPerReward: 100
  )

  /// So many calls that a test can claim them all without an answer to any.
  private static let many = Limits(
    requestsPerSecond: 10_000,
    burst: 1000,
    maxInFlight: 1000,
    maxInFlightPerReward: 1000
  )

  /// What a view says is left for a job; nil if it does not say.
  static func seconds(_ job: Int64, _ connection: Connection) async throws -> Double? {
    try await connection.query(
      """
      SELECT extract(epoch FROM time_left)::double precision AS seconds
      FROM codemint.job_status WHERE id = $1
      """,
      [.int8(job)]
    ).one().optionalDouble("seconds")
  }

  @Test("a job behind 299 others takes as long as 300 calls, and the first takes one")
  func behind() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.ten)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) SELECT gen_random_uuid(), 500 FROM generate_series(1, 300);
        INSERT INTO codemint.jobs (reward_id, count, priority) VALUES (gen_random_uuid(), 500, 0),
          (gen_random_uuid(), 500, 9);
        SELECT codemint.measure_line();
        """
      )
      let last = try #require(try await Self.seconds(300, ledger.bystander))
      #expect((28...31).contains(last), "\(last)")
      let middle = try #require(try await Self.seconds(150, ledger.bystander))
      #expect((13...16).contains(middle), "\(middle)")
      #expect(try await Self.seconds(1, ledger.bystander) == 0)
      // Priority goes first, and who has none goes last.
      #expect(try await Self.seconds(301, ledger.bystander) == 0)
      let least = try #require(try await Self.seconds(302, ledger.bystander))
      #expect((28...31).contains(least), "\(least)")
    }
  }

  @Test("a slow API makes the line slow: answers and calls in flight count, not the limit alone")
  func slowAnswers() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(
        Limits(requestsPerSecond: 10, burst: 1, maxInFlight: 4, maxInFlightPerReward: 2)
      )
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count)
        SELECT '\(Scene.reward)', 500 FROM generate_series(1, 30);
        INSERT INTO codemint.calls
          (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
           effective_until, duration_ms)
        SELECT gen_random_uuid(), 1, '\(Scene.reward)', 500, 'rejected', 0, gen_random_uuid(), '1 min',
               '1 min', '10 s', now(), 4000;
        SELECT codemint.measure_line();
        """
      )
      // Two calls of the reward at a time, of four seconds each: one call in two seconds.
      let last = try #require(try await Self.seconds(30, ledger.bystander))
      #expect((58...66).contains(last), "\(last)")
    }
  }

  /// Lines of different kinds: SQL that makes them, and how many calls are claimed before the line is
  /// measured, so that jobs have places.
  private static let lines: [(sql: String, claimed: Int)] = [
    ("SELECT '\(Scene.reward)'::uuid, 500, 'shop' FROM generate_series(1, 100)", 0),
    ("SELECT gen_random_uuid(), 2500, 'shop' FROM generate_series(1, 40)", 0),
    ("SELECT gen_random_uuid(), 2500, 'shop' FROM generate_series(1, 40)", 60),
    ("SELECT gen_random_uuid(), 500 * (1 + n % 9), 'shop' FROM generate_series(1, 60) n", 30),
    (
      "SELECT gen_random_uuid(), 400 + n % 20 / 19 * 9600, 'shop' FROM generate_series(1, 200) n",
      10
    ),
    ("SELECT gen_random_uuid(), 500, 'p' || n / 90 FROM generate_series(1, 100) n", 0),
    ("SELECT gen_random_uuid(), 5000, 'p' || n / 18 FROM generate_series(1, 20) n", 0),
    ("SELECT gen_random_uuid(), 5000, 'p' || n / 18 FROM generate_series(1, 20) n", 50),
    (
      "SELECT gen_random_uuid(), 500 * (1 + n % 9), 'p' || n % 9 % 4 FROM generate_series(1, 60) n",
      20
    ),
    ("SELECT gen_random_uuid(), 500, 'triple' || n % 2 FROM generate_series(1, 100) n", 0),
    ("SELECT gen_random_uuid(), 5000, 'triple' || n % 2 FROM generate_series(1, 20) n", 0),
    ("SELECT gen_random_uuid(), 5000, 'triple' || n % 2 FROM generate_series(1, 20) n", 50),
  ]

  @Test(
    "what the line says of a job comes to pass, to an eighth of the line on average",
    arguments: lines.indices
  )
  func played(_ kind: Int) async throws {
    let line = Self.lines[kind]
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.many)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.quotas (producer, share) VALUES ('triple1', 3);
        INSERT INTO codemint.jobs (reward_id, count, created_by) \(line.sql)
        """
      )
      for _ in 0..<line.claimed { _ = try await ledger.claim() }
      try await ledger.bystander.script("SELECT codemint.measure_line()")
      let told = try await ledger.bystander.query(
        """
        SELECT j.id, codemint.calls_until_done(j.priority, j.created_by, j.is_new, j.queue_position,
                 j.id, (j.count - j.outstanding + 499) / 500) AS calls
        FROM codemint.jobs j WHERE j.outstanding < j.count
        """
      )
      var done: [Int64: Double] = [:]
      var calls = 0.0
      while case .call(let claimed) = try await ledger.claim() {
        calls += 1
        done[claimed.call.job.number] = calls
      }
      #expect(calls > 90)
      var off = 0.0
      for row in told {
        let actual = try #require(done[try row.int64("id")])
        off += abs(try row.double("calls") - actual)
      }
      #expect(
        off / Double(told.count) < calls / 8,
        "off by \(off / Double(told.count)) of \(calls)"
      )
    }
  }

  /// More than a ledger buys of an API that nobody has accepted.
  private static let thousand = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1000)
    """

  @Test(
    "nobody can tell while a job is paused, held or blocked",
    arguments: [
      "SELECT codemint.pause_job(1)",
      """
      UPDATE codemint.jobs
      SET awaits_approval = true, is_new = false, queue_position = NULL, next_call_at = NULL
      """,
      "UPDATE codemint.workers SET api = 'https://api.test'; \(thousand)",
      "SELECT codemint.hold_jobs((SELECT reward_id FROM codemint.jobs WHERE id = 1), 'x', 'x')",
      "UPDATE codemint.account SET blocked_at = now()",
      "UPDATE codemint.account SET breaker = 'open'",
      "UPDATE codemint.cluster_identity SET suspended_at = now()",
      "UPDATE codemint.workers SET expires_at = now() - interval '1 s'",
      "UPDATE codemint.workers SET draining = true",
      "INSERT INTO codemint.rewards (reward_id, closed_at) SELECT reward_id, now() FROM codemint.jobs",
      """
      INSERT INTO codemint.rewards (reward_id, awaits_listing)
      SELECT reward_id, true FROM codemint.jobs
      """,
      "SELECT codemint.cancel_job(1)",
      """
      INSERT INTO codemint.calls
        (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
         effective_until, held_at)
      SELECT gen_random_uuid(), id, reward_id, 5, 'in_doubt', 5, gen_random_uuid(), '1 min', '1 min', '10 s',
             now(), now() FROM codemint.jobs
      """,
    ]
  )
  func untold(_ change: String) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.ten)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
        SELECT codemint.measure_line();
        """
      )
      #expect(try await Self.seconds(1, ledger.bystander) != nil)
      try await ledger.bystander.script(change)
      #expect(try await Self.seconds(1, ledger.bystander) == nil)
    }
  }

  @Test("nobody knows how long a job takes whose reward was refused or failed last")
  func refused() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.ten)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script(
        """
        SELECT codemint.measure_line();
        INSERT INTO codemint.rewards (reward_id) VALUES ('\(Scene.reward)') ON CONFLICT DO NOTHING;
        """
      )
      #expect(try await Self.seconds(1, ledger.bystander) != nil)
      try await ledger.bystander.script(
        "UPDATE codemint.rewards SET failures = 1, paused_until = now() + interval '2 s'"
      )
      #expect(try await Self.seconds(1, ledger.bystander) == nil)
    }
  }

  @Test("a time that is known to pass first counts: run_at, a pause of the reward, a pause of all")
  func pauses() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.ten)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, run_at)
        VALUES ('\(Scene.reward)', 10, now() + interval '1 hour'), ('\(Scene.otherReward)', 10, now());
        SELECT codemint.measure_line();
        INSERT INTO codemint.rewards (reward_id, paused_until)
        VALUES ('\(Scene.otherReward)', now() + interval '10 min');
        """
      )
      let later = try #require(try await Self.seconds(1, ledger.bystander))
      let paused = try #require(try await Self.seconds(2, ledger.bystander))
      #expect((3595...3601).contains(later) && (595...601).contains(paused), "\(later), \(paused)")
      try await ledger.bystander.script(
        "UPDATE codemint.account SET paused_until = now() + interval '20 min'"
      )
      let all = try #require(try await Self.seconds(2, ledger.bystander))
      #expect((1195...1201).contains(all), "\(all)")
    }
  }

  @Test(
    "a job that is still to come is told the turns of its producer, and another's many jobs are not ahead"
  )
  func toCome() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.ten)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, created_by)
        SELECT gen_random_uuid(), 500, 'flood' FROM generate_series(1, 300);
        INSERT INTO codemint.jobs (reward_id, count, run_at, created_by)
        SELECT gen_random_uuid(), 500, now() + interval '1 s', unnest(ARRAY['flood', 'shop']);
        SELECT codemint.measure_line();
        """
      )
      let flood = try #require(try await Self.seconds(301, ledger.bystander))
      let shop = try #require(try await Self.seconds(302, ledger.bystander))
      #expect((28...31).contains(flood) && (0...2).contains(shop), "\(flood), \(shop)")
    }
  }

  @Test("no producer is told how many jobs another one has in the line")
  func othersInLine() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let name = try await shop.query("SELECT session_user::text").one().text(0)
      _ = try await logins.owner.query(
        """
        INSERT INTO codemint.jobs (reward_id, count, created_by)
        SELECT gen_random_uuid(), 500, unnest(ARRAY['flood', $1]) FROM generate_series(1, 300)
        """,
        [.text(name)]
      )
      try await logins.owner.script(
        """
        SELECT codemint.announce_worker(gen_random_uuid(), ('here', 1, '1', NULL), false, 10, 1, 10, 10,
                                        ('1 min', '1 min', '10 s'), '1 min', i.checksum)
        FROM codemint.installed_code i;
        UPDATE codemint.account SET requests_per_second = 10, burst = 1, max_in_flight = 100,
          max_in_flight_per_reward = 100;
        SELECT codemint.measure_line();
        """
      )
      func seconds(_ producer: String, _ login: Connection) async throws -> Double {
        try await login.query(
          """
          SELECT extract(epoch FROM codemint.time_until_done(5::smallint, $1, false, NULL, 0, 1, NULL))
            ::double precision
          """,
          [.text(producer)]
        ).one().double(0)
      }
      let reader = try await logins.login(.reader)
      for login in [logins.owner, reader] {
        #expect(try await seconds("flood", login) > 20)
        #expect(try await seconds("nobody", login) < 1)
      }
      #expect(try await seconds(name, shop) > 20)
      #expect(try await seconds("flood", shop) < 1)
    }
  }

  @Test("a producer is told the same of its own job")
  func producer() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      try await shop.script(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10)"
      )
      try await logins.owner.script(
        """
        SELECT codemint.announce_worker(gen_random_uuid(), ('here', 1, '1', NULL), false, 10, 1, 10, 10,
                                        ('1 min', '1 min', '10 s'), '1 min', i.checksum)
        FROM codemint.installed_code i;
        """
      )
      let daemon = try await logins.login(.worker)
      #expect(try await daemon.query("SELECT codemint.measure_line() AS done").one().bool("done"))
      #expect(try await !daemon.query("SELECT codemint.measure_line() AS done").one().bool("done"))
      for (view, login) in [
        ("my_jobs", shop), ("job_status", try await logins.login(.operator)),
        ("job_status", try await logins.login(.reader)),
      ] {
        let told = try await login.query(
          Statement("SELECT time_left::text FROM codemint.\(view) WHERE id = 1")
        )
        #expect(try told.one().text(0) == "00:00:00", "\(view)")
      }
    }
  }

  @Test("the page says the same of what is left as the view does")
  func page() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.ten)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) SELECT gen_random_uuid(), 500 FROM generate_series(1, 20);
        SELECT codemint.place_pending();
        SELECT codemint.measure_line();
        SELECT codemint.pause_job(1);
        """
      )
      let differ = try await ledger.bystander.query(
        Statement(
          """
          SELECT j ->> 'id' AS id
          FROM (\(OverviewQueries.page.sql)) p CROSS JOIN jsonb_array_elements(p.page::jsonb -> 'jobs') j
          JOIN codemint.job_status s ON s.id = (j ->> 'id')::bigint
          WHERE (s.time_left IS NULL) <> s.paused OR (j ->> 'time_left' IS NULL) <> s.paused
            -- One is asked a moment after the other.
            OR abs(extract(epoch FROM (j ->> 'time_left')::interval - s.time_left)) > 1
          """
        )
      )
      #expect(try differ.map { try $0.text("id") } == [])
    }
  }

  @Test("twenty rows are shown without counting the line, however long it is")
  func pages() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.ten)
      var pages: [Int] = []
      for number in [300, 30_000] {
        try await ledger.bystander.script(
          """
          INSERT INTO codemint.jobs (reward_id, count)
          SELECT gen_random_uuid(), 500 * (1 + n % 5) FROM generate_series(1, \(number)) n;
          DELETE FROM codemint.line_pace;
          SELECT codemint.measure_line();
          ANALYZE;
          """,
          deadline: .seconds(120)
        )
        let plan = try await ledger.bystander.query(
          """
          EXPLAIN (ANALYZE, BUFFERS)
          SELECT id, time_left FROM codemint.job_status ORDER BY id DESC LIMIT 20
          """
        ).map { try $0.text(0) }.joined(separator: "\n")
        let hit = try #require(plan.firstMatch(of: /shared hit=(\d+)/))
        pages.append(try #require(Int(hit.1)))
      }
      #expect(pages[1] < pages[0] * 2 + 200, "\(pages)")
    }
  }
}
