import Foundation
import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What an operator asks first: is everything all right, and what needs me?
@Suite("the judgement")
struct JudgementTests {
  /// How the ledger is, on top of a job 1 that runs and a daemon that lives.
  private struct Situation {
    let level: String
    let words: String
    let kinds: [String]
    var command = ""
    let setup: String
  }

  /// Since nothing is claimed, somebody must have had a turn lately.
  private static let lively = """
    UPDATE codemint.jobs SET state = 'running', started_at = now(), updated_at = now();
    """

  private static let situations = [
    Situation(level: "well", words: "all well: 1 job runs", kinds: [], setup: ""),
    Situation(
      level: "well",
      words: "all well: 1 job is paused",
      kinds: [],
      setup: "SELECT codemint.pause_job(id, 'too early') FROM codemint.jobs"
    ),
    Situation(
      level: "well",
      words: "all well: no open jobs; 1 job has failed within a day",
      kinds: [],
      setup: """
        UPDATE codemint.jobs SET state = 'failed', finished_at = now(), is_new = false, queue_position = NULL,
          next_call_at = NULL;
        """
    ),
    Situation(
      level: "waiting",
      words: "the codes of today were asked for; it goes on at midnight UTC",
      kinds: [],
      setup: """
        UPDATE codemint.account SET codes_per_day = 10, day_codes = 10, day = codemint.day_of(now());
        """
    ),
    Situation(
      level: "waiting",
      words: "the API refuses 1 reward; codemint tries again by itself",
      kinds: [],
      setup: """
        INSERT INTO codemint.rewards (reward_id, failures, paused_until)
        SELECT reward_id, 3, now() + interval '1 min' FROM codemint.jobs
        ON CONFLICT (reward_id) DO UPDATE SET failures = 3, paused_until = excluded.paused_until;
        """
    ),
    Situation(
      level: "waiting",
      words: "calls in doubt wait for the list of 1 reward, which fails or differs each time",
      kinds: [],
      setup: """
        INSERT INTO codemint.rewards (reward_id, closed_at, undecided_since)
        SELECT reward_id, now(), now() - interval '1 min' FROM codemint.jobs
        ON CONFLICT (reward_id) DO UPDATE SET closed_at = now(), undecided_since = excluded.undecided_since;
        INSERT INTO codemint.calls
          (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap, effective_until)
        SELECT gen_random_uuid(), j.id, j.reward_id, 5, 'in_doubt', 5, gen_random_uuid(), '1 min', '1 min', '10 s',
               now()
        FROM codemint.jobs j;
        """
    ),
    Situation(
      level: "needs you",
      words: "1 job needs you",
      kinds: ["held"],
      command: "codemint retry 1 --note 'why'  # when the cause has been mended",
      setup: held
    ),
    Situation(
      level: "needs you",
      words: "1 job needs you",
      kinds: ["decision"],
      command:
        "codemint resolve 00000000-0000-4000-8000-000000000001 adopt --note 'why'  # or absent",
      setup: """
        INSERT INTO codemint.calls
          (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
           effective_until, held_at, hold_reason)
        SELECT '00000000-0000-4000-8000-000000000001', j.id, j.reward_id, 5, 'in_doubt', 5,
               gen_random_uuid(), '1 min', '1 min', '10 s', now(), now(), 'no_witness'
        FROM codemint.jobs j;
        """
    ),
    Situation(
      level: "needs you",
      words: "1 thing needs you",
      kinds: ["sync"],
      command: "codemint follow-sync \(Scene.reward)  # when that has been mended",
      setup: """
        INSERT INTO codemint.tracked_rewards (reward_id, passes, given_up_at)
        SELECT reward_id, 9, now() FROM codemint.jobs;
        """
    ),
    Situation(
      level: "needs you",
      words: "1 job and 1 other thing need you; API unreachable since ",
      kinds: ["claims", "held"],
      command: "codemint doctor",
      setup: """
        \(held)
        UPDATE codemint.workers SET claim_error = 'no', claim_failed_at = now();
        UPDATE codemint.account SET breaker = 'open', failures = 5, failed_at = now(),
          probe_at = now() + interval '30 s';
        """
    ),
    Situation(
      level: "waiting",
      words: "API unreachable since ",
      kinds: [],
      setup: """
        UPDATE codemint.account SET breaker = 'open', failures = 5, failed_at = now(),
          probe_at = now() + interval '30 s';
        """
    ),
    Situation(
      level: "waiting",
      words: "the API has asked for a pause, until ",
      kinds: [],
      setup: """
        UPDATE codemint.account SET paused_until = now() + interval '1 min', paused_for = '1 min',
          pause_reason = 'throttled';
        """
    ),
    Situation(
      level: "stopped",
      words: "NO DAEMON RUNNING; 1 job needs you",
      kinds: ["daemon", "held"],
      command: "systemctl start codemint",
      setup: "\(held) DELETE FROM codemint.workers;"
    ),
    Situation(
      level: "stopped",
      words: "2 JOBS WAIT UNTIL SOMEBODY ACCEPTS THE API",
      kinds: ["api"],
      command: "codemint accept-api --note 'why'  # if codes may be bought there",
      setup: """
        UPDATE codemint.account SET api = NULL, api_accepted_at = NULL;
        UPDATE codemint.workers SET api = 'https://real.example';
        INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 5);
        """
    ),
    Situation(
      level: "stopped",
      words: "THE API REFUSES THE KEY since ",
      kinds: ["blocked"],
      command: "systemctl restart codemint  # once the key is valid",
      setup: """
        UPDATE codemint.account SET blocked_at = now(), blocked_code = 'unauthorized', probe_at = now();
        """
    ),
    Situation(
      level: "stopped",
      words: "SUSPENDED: THIS DATABASE MAY BE A COPY since ",
      kinds: ["suspended"],
      command:
        "codemint accept-cluster --note 'why'  # only if no daemon works on another copy of this database",
      setup: """
        UPDATE codemint.cluster_identity SET suspended_at = now(), suspended_reason = 'moved';
        """
    ),
  ]

  private static let held = """
    UPDATE codemint.jobs SET held = true, is_new = false, queue_position = NULL, next_call_at = NULL,
      error_code = 'forbidden', error_message = 'not this one';
    """

  @Test("one line says how it all is, and each thing that needs a person comes with what helps")
  func situations() async throws {
    for situation in Self.situations {
      try await RealLedger.lend { ledger in
        try await ledger.announce(Scene.fast)
        _ = try await ledger.insert(10, of: Scene.reward)
        try await ledger.bystander.script(Self.lively + situation.setup)
        let verdict = try await ledger.bystander.query(
          "SELECT level, words, needs FROM codemint.verdict"
        ).one()
        let words = try verdict.text("words")
        #expect(try verdict.text("level") == situation.level, "\(words)")
        #expect(words.hasPrefix(situation.words), "\(words)")
        #expect(try verdict.integer("needs") == situation.kinds.count, "\(words)")
        let needs = try await ledger.bystander.query("SELECT * FROM codemint.needs_you")
        #expect(try needs.map { try $0.text("kind") } == situation.kinds, "\(words)")
        let command = try needs.first?.text("command") ?? ""
        #expect(command == situation.command)
        #expect(
          try needs.allSatisfy { try !$0.text("why").isEmpty && !$0.text("what_to_do").isEmpty }
        )
      }
    }
  }

  @Test("where nothing was found, and the list has shown all that it has, adopt is not proposed")
  func nothingToAdopt() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.rewards (reward_id) VALUES ('\(Scene.reward)') ON CONFLICT DO NOTHING;
        INSERT INTO codemint.calls
          (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
           effective_until, held_at, hold_reason)
        SELECT gen_random_uuid(), j.id, j.reward_id, 10, 'in_doubt', 10, gen_random_uuid(), '1 min', '1 min', '10 s',
               now(), now(), 'number_unexplained'
        FROM codemint.jobs j;
        UPDATE codemint.jobs SET state = 'running', outstanding = 10, is_new = false, queue_position = NULL,
          next_call_at = NULL;
        """
      )
      let told = try await ledger.bystander.query(
        """
        SELECT concat_ws(' ', n.what_to_do, n.command, d.what_to_do, w.what_to_do) AS words
        FROM codemint.needs_you n, codemint.doubts d, codemint.waits w
        """
      ).one().text("words")
      #expect(!told.contains("adopt"), "\(told)")
      #expect(told.components(separatedBy: "if the vendor has none of its codes").count == 5)
    }
  }

  @Test("a job whose row somebody keeps locked needs a person, also while other jobs go on")
  func lockedAmongOthers() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      let job = try await ledger.insert(10, of: Scene.reward)
      _ = try await ledger.insert(5000, of: Scene.otherReward)
      let holder = try await Connection.open(ledger.settings)
      try await holder.script(
        "BEGIN; SELECT FROM codemint.jobs WHERE id = \(job.number) FOR UPDATE; SELECT pg_sleep(10.1)"
      )
      guard case .call = try await ledger.claim() else {
        Issue.record("nothing is claimed")
        return
      }
      let need = try await ledger.bystander.query("SELECT kind, job_id FROM codemint.needs_you")
        .one()
      #expect(try need.text("kind") == "locked" && need.int64("job_id") == job.number)
      await holder.close()
    }
  }

  @Test("operators and the daemon may ask how it all is; a producer is not told of others")
  func roles() async throws {
    try await Logins.lend { logins in
      for role in [Role.operator, .worker] {
        let login = try await logins.login(role)
        #expect(try await login.query("SELECT * FROM codemint.verdict").count == 1)
        #expect(try await login.query("SELECT * FROM codemint.needs_you").count == 1)
        await login.close()
      }
      let shop = try await logins.login(.producer)
      let error = await failure { () throws(PostgresError) in
        try await shop.query("SELECT words FROM codemint.verdict")
      }
      #expect(error?.sqlState == "42501")
      await shop.close()
    }
  }

  /// The jobs of a report, and how many there are.
  private struct Report: Decodable {
    struct Job: Decodable {
      let id: Int64
      let why: String?
    }
    let jobs: [Job]
    let total: Int
  }

  private func report(
    _ queries: JobQueries,
    _ filter: JobFilter = JobFilter(),
    limit: Int = 20
  ) async throws -> Report {
    let text = try await queries.report(filter, jobs: nil, limit: limit)
    return try JSONDecoder().decode(Report.self, from: Data(text.utf8))
  }

  @Test(
    "held jobs come first, then those that run, then those that wait, then those that have ended"
  )
  func order() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for _ in 1...6 { _ = try await ledger.insert(10, of: Scene.reward) }
      _ = try await ledger.insert(10, of: Scene.otherReward)
      try await ledger.bystander.script(
        """
        UPDATE codemint.jobs SET held = true, is_new = false, queue_position = NULL,
          next_call_at = NULL, error_code = 'forbidden', error_message = 'no' WHERE id = 1;
        UPDATE codemint.jobs SET state = 'running', started_at = now() WHERE id = 3;
        UPDATE codemint.jobs SET state = 'failed', is_new = false, queue_position = NULL,
          next_call_at = NULL, finished_at = now() WHERE id IN (2, 7);
        """
      )
      let queries = JobQueries(pool: ledger.pool)
      let all = try await report(queries)
      #expect(all.jobs.map(\.id) == [1, 3, 6, 5, 4, 7, 2] && all.total == 5)
      #expect(all.jobs[0].why == "forbidden: no" && all.jobs[1].why != nil)
      let few = try await report(queries, limit: 2)
      #expect(few.jobs.map(\.id) == [1, 3] && few.total == 5)
      #expect(try await report(queries, JobFilter(state: "held")).jobs.map(\.id) == [1])
      #expect(try await report(queries, JobFilter(state: "failed"), limit: 1).total == 2)
      let loud = Scene.otherReward.description.uppercased()
      #expect(try await report(queries, JobFilter(reward: loud)).jobs.map(\.id) == [7])
      #expect(try await report(queries, JobFilter(creator: "nobody")).jobs.isEmpty)
      #expect(try await report(queries, JobFilter(since: "tomorrow")).total == 0)
      #expect(try await report(queries, JobFilter(since: "yesterday")).total == 7)
      do {
        _ = try await report(queries, JobFilter(since: "whenever"))
        Issue.record("a time that is none was taken")
      } catch let error as LedgerError {
        #expect(error.description.contains("whenever"))
      }
    }
  }

  @Test("one answer has everything about a job, with nulls and times as ISO 8601 writes them")
  func explained() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      _ = try await ledger.bystander.query("SELECT codemint.pause_job(1, 'too early')")
      _ = try await ledger.bystander.query("SELECT codemint.number_events(10)")
      let queries = JobQueries(pool: ledger.pool)
      let text = try await queries.explain(1)
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      )
      let job = try #require(object["job"] as? [String: Any])
      #expect(job["prefix"] is NSNull && (job["created_at"] as? String)?.contains("T") == true)
      let waits = try #require(object["waits"] as? [String: Any])
      #expect(waits["why"] as? String == "paused by postgres: too early")
      let actions = try #require(object["actions"] as? [[String: Any]])
      #expect(actions.map { $0["action"] as? String } == ["pause"])
      let events = try #require(object["events"] as? [[String: Any]])
      #expect(events.map { $0["kind"] as? String } == ["queued"])
      await #expect(throws: LedgerError.self) { try await queries.explain(2) }
    }
  }

  @Test("who steers is told what was done, or why nothing was")
  func sentences() async throws {
    try await RealLedger.lend { ledger in
      _ = try await ledger.insert(10, of: Scene.reward)
      let queries = JobQueries(pool: ledger.pool)
      let nothing = "nothing was done, because it"
      #expect(try await queries.prioritize(1, 2, note: nil) == "job 1 has priority 2")
      #expect(
        try await queries.prioritize(1, 2, note: nil)
          == "job 1 has priority 2: \(nothing) had it before"
      )
      for (action, reason) in [
        (JobAction.pause, "was paused before"), (.cancel, "was cancelled before"),
      ] {
        #expect(try await !queries.steer(1, action, note: nil).contains(nothing))
        #expect(try await queries.steer(1, action, note: nil).hasSuffix("\(nothing) \(reason)"))
      }
      #expect(try await queries.purge(1, note: nil).hasPrefix("job 1 is gone"))
      await #expect(throws: LedgerError.self) { try await queries.followSync("\(Scene.reward)") }
      await #expect(throws: LedgerError.self) { try await queries.acceptCluster(note: " ") }
      let limits = try await queries.setLimits(
        requestsPerSecond: 2.5,
        burst: 3,
        maxInFlight: 4,
        maxInFlightPerReward: 1
      )
      #expect(limits.hasSuffix("2.5 requests/s, burst 3, 4 in flight, 1 for one reward"))
    }
  }
}
