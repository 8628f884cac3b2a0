import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("what INSERT refuses")
struct InsertTests {
  /// A row that is to be refused, and the sentence that is to say so.
  struct Refusal: Sendable, CustomTestStringConvertible {
    let column: String
    let value: String
    let sentence: String

    var testDescription: String { "\(column) \(value)" }
  }

  private static let refusals: [Refusal] = [
    ("count", "0", "count must be from 1 to 1000000"),
    ("count", "-1", "count must be from 1 to 1000000"),
    ("count", "1000001", "count must be from 1 to 1000000"),
    ("prefix", "''", "prefix must have 1 to 32 characters"),
    ("prefix", "repeat('x', 33)", "prefix must have 1 to 32 characters"),
    ("prefix", "E'A\\nB'", "prefix must not contain control characters"),
    ("prefix", "E'A\\u007f'", "prefix must not contain control characters"),
    ("prefix", "E'A\\u0085'", "prefix must not contain control characters"),
    ("prefix", "E'A\\u2028'", "prefix must not contain control characters"),
    ("priority", "-1", "priority must be from 0 (first) to 9 (last)"),
    ("priority", "12", "priority must be from 0 (first) to 9 (last)"),
    ("run_at", "'infinity'", "run_at must be a time in the years 1970 to 9999"),
    ("run_at", "'-infinity'", "run_at must be a time in the years 1970 to 9999"),
    ("dedupe_key", "''", "dedupe_key must have 1 to 255 characters"),
    ("dedupe_key", "repeat('x', 256)", "dedupe_key must have 1 to 255 characters"),
    ("metadata", "'[1]'", "metadata must be a JSON object"),
    ("metadata", "'null'", "metadata must be a JSON object"),
    ("metadata", "'\"text\"'", "metadata must be a JSON object"),
    (
      "metadata", "jsonb_build_object('a', repeat('x', 16376))",
      "metadata must have at most 16384 bytes as text"
    ),
  ].map(Refusal.init)

  @Test("every rule refuses the row with its own sentence")
  func refused() async throws {
    try await RealLedger.lend { ledger in
      for refusal in Self.refusals {
        let count = refusal.column == "count" ? "" : ", count"
        let ten = refusal.column == "count" ? "" : ", 10"
        let error = await failure { () throws(PostgresError) in
          try await ledger.bystander.query(
            Statement(
              """
              INSERT INTO codemint.jobs (reward_id, \(refusal.column)\(count))
              VALUES (gen_random_uuid(), \(refusal.value)\(ten))
              """
            )
          )
        }
        #expect(error?.constraint == refusal.sentence, "\(refusal.testDescription)")
      }
      let jobs = try await ledger.bystander.facts().jobs
      #expect(jobs.isEmpty)
    }
  }

  @Test("what is at the edge is taken")
  func edges() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, prefix, priority, dedupe_key, metadata, run_at)
        VALUES (gen_random_uuid(), 1, 'A', 0, 'k', '{}', '1970-01-01 00:00+00'),
               (gen_random_uuid(), 1000000, repeat('ü', 32), 9, repeat('x', 255),
                jsonb_build_object('a', repeat('x', 16375)), '9999-12-31 23:59:59.999999+00');
        """
      )
      let jobs = try await ledger.bystander.facts().jobs
      #expect(jobs.count == 2)
      try await ledger.announce(Scene.fast)
      #expect(
        try await ledger.store.heartbeat(
          Samples.presence(Samples.worker(1), limits: Scene.fast)
        ).next == .seconds(86_400)
      )
    }
  }

  @Test("a producer with rights on the whole table still writes none of codemint's own columns")
  func ownColumns() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(nil)
      try await logins.owner.script(
        """
        GRANT USAGE ON SCHEMA codemint TO PUBLIC;
        GRANT INSERT, SELECT ON codemint.jobs TO PUBLIC;
        ALTER TABLE codemint.jobs DISABLE ROW LEVEL SECURITY;
        """
      )
      _ = try await shop.query(
        """
        INSERT INTO codemint.jobs
          (reward_id, count, state, paused, held, issued, outstanding, surplus, error_code,
           error_message, next_call_at, created_by, created_at, started_at, finished_at,
           updated_at, ends_as, answers_without_progress, queue_position)
        VALUES (gen_random_uuid(), 7, 'completed', true, true, 7, 0, 3, 'a', 'b', now(), 'else',
                'epoch', 'epoch', 'epoch', 'epoch', 'failed', 4, 99)
        """
      )
      let row = try await logins.owner.query(
        """
        SELECT created_by <> 'else' AND created_at > now() - interval '1 hour'
               AND updated_at = created_at AND next_call_at = created_at AS own
        FROM codemint.jobs
        """
      )
      #expect(try row.one().bool("own"))
      let job = try #require(try await logins.owner.facts().jobs.values.first)
      #expect(job.state == .queued && !job.paused && !job.held && job.isNew)
      #expect(
        job.issued == 0 && job.outstanding == 0 && job.surplus == 0
          && job.answersWithoutProgress == 0
      )
      #expect(job.errorCode == nil && job.errorMessage == nil && job.startedAt == nil)
      #expect(job.finishedAt == nil && job.endsAs == nil)
    }
  }

  @Test("a row that is restored stays as it was")
  func restored() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, state, issued, created_at, finished_at)
        VALUES (gen_random_uuid(), 7, 'completed', 7, 'epoch', 'epoch');
        """
      )
      let job = try #require(try await ledger.bystander.facts().jobs.values.first)
      #expect(
        job.state == .completed && job.issued == 7 && job.createdAt == 0 && job.isQueued == false
      )
    }
  }

  @Test(
    "a dedupe_key is taken once for ever: the same job is found again, and another one is refused"
  )
  func dedupe() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      var request = JobRequest(
        reward: Scene.reward.description,
        count: 5,
        dedupeKey: "order-17"
      )
      #expect(try await queries.enqueue(request) == (1, true, nil))
      #expect(try await queries.enqueue(request) == (1, false, nil))
      request.count = 50
      do {
        _ = try await queries.enqueue(request)
        Issue.record("inserted twice")
      } catch let error as LedgerError {
        #expect(error.code == .job)
        #expect(
          error.description == "another job was inserted before with this dedupe_key: job 1"
        )
      }
    }
  }

  @Test("a job that is found again by its key says what of it is not as it is asked for now")
  func differs() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let first = JobRequest(
        reward: Scene.reward.description,
        count: 5,
        priority: 3,
        runAt: "2100-01-01 00:00+00",
        dedupeKey: "order-17",
        metadata: #"{"order": 17}"#
      )
      #expect(try await queries.enqueue(first).isNew)
      #expect(try await queries.enqueue(first) == (1, false, nil))
      var plain = JobRequest(reward: first.reward, count: 5, dedupeKey: "order-17")
      #expect(try await queries.enqueue(plain) == (1, false, nil))
      plain.priority = 9
      plain.runAt = "now"
      plain.metadata = #"{"order": 18}"#
      let differs = try #require(try await queries.enqueue(plain).differs)
      #expect(differs.hasPrefix("priority 3 and not 9, run_at 2100-01-01 00:00:00+00 and not "))
      #expect(differs.hasSuffix(", other metadata"))
      // When both times have come, the job is as it should be.
      try await ledger.bystander.script("UPDATE codemint.jobs SET run_at = '2020-01-01 00:00+00'")
      #expect(try await queries.enqueue(plain).differs == "priority 3 and not 9, other metadata")
    }
  }

  @Test("the database itself refuses to hold more codes than a job asks for")
  func overIssue() async throws {
    try await RealLedger.lend { ledger in
      _ = try await ledger.insert(10, of: Scene.reward)
      let changes = [
        "issued = 11", "issued = 6, outstanding = 5", "outstanding = -1",
        "state = 'completed', issued = 9, is_new = false, queue_position = NULL, finished_at = now()",
        "state = 'failed', is_new = false, queue_position = NULL",
        "state = 'ending', is_new = false, queue_position = NULL", "state = 'gone'",
        "paused = true", "held = true",
      ]
      for change in changes {
        let error = await failure { () throws(PostgresError) in
          try await ledger.bystander.query(Statement("UPDATE codemint.jobs SET \(change)"))
        }
        #expect(error?.sqlState == "23514", "\(change)")
      }
    }
  }
}

/// The error that `body` throws, or nil.
func failure<Value>(_ body: () async throws(PostgresError) -> Value) async -> PostgresError? {
  do throws(PostgresError) {
    _ = try await body()
    return nil
  } catch {
    return error
  }
}
