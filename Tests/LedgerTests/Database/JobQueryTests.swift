import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("what is asked about jobs")
struct JobQueryTests {
  @Test("a job is inserted as it was asked for, with the database's defaults")
  func enqueue() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let full = JobRequest(
        reward: Scene.reward.description.uppercased(),
        count: 700,
        prefix: "SUMMER",
        priority: 2,
        runAt: "2099-12-24 08:00+01",
        dedupeKey: "k",
        metadata: #"{"order": 17}"#
      )
      let first = try await queries.enqueue(full).job
      let second = try await queries.enqueue(
        JobRequest(reward: Scene.otherReward.description, count: 1)
      ).job
      let jobs = try await queries.status(of: [second, first])
      #expect(jobs.map(\.id) == [first, second])
      #expect(jobs[0].reward == Scene.reward.description && jobs[0].priority == 2)
      #expect(jobs[0].nextCallAt?.hasPrefix("2099-12-24") == true)
      #expect(jobs.map(\.state) == ["queued", "queued"] && jobs[1].priority == 5)
      #expect(!jobs[1].isFinished && jobs[1].codesPerSecond == nil)
    }
  }

  @Test("a refused row says why, in the constraint's or the database's own words")
  func refused() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let reward = Scene.reward.description
      let requests: [(JobRequest, String)] = [
        (JobRequest(reward: reward, count: 0), "count must be from 1 to 1000000"),
        (JobRequest(reward: "no-uuid", count: 1), "uuid"),
        (JobRequest(reward: reward, count: 1, runAt: "soon"), "timestamp"),
        (JobRequest(reward: reward, count: 1, metadata: "{"), "json"),
        (JobRequest(reward: reward, count: 1, metadata: "[]"), "metadata must be a JSON object"),
      ]
      for (request, words) in requests {
        do {
          _ = try await queries.enqueue(request)
          Issue.record("inserted: \(words)")
        } catch let error as LedgerError {
          #expect(error.code == .job && error.description.contains(words))
        }
      }
    }
  }

  @Test("a job that does not exist is named")
  func missing() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let id = try await ledger.insert(5, of: Scene.reward)
      do {
        _ = try await queries.status(of: [id.number, 77, 78])
        Issue.record("found")
      } catch let error as LedgerError {
        #expect(error.code == .job && error.description.contains("77, 78"))
      }
    }
  }

  @Test("open jobs come before finished ones where there is not room for all")
  func recent() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      var ids: [Int64] = []
      for _ in 0..<4 { ids.append(try await ledger.insert(5, of: Scene.reward).number) }
      _ = try await ledger.bystander.query(
        """
        UPDATE codemint.jobs SET state = 'failed', is_new = false, queue_position = NULL, finished_at = now()
        WHERE id = ANY ($1)
        """,
        [.int8s([ids[2], ids[3]])]
      )
      #expect(try await queries.recent(limit: 3).map(\.id) == [ids[3], ids[1], ids[0]])
      #expect(try await queries.recent(limit: 2).map(\.id) == [ids[1], ids[0]])
    }
  }

  @Test("the account says whether calls may be sent, and why not")
  func account() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let fresh = try await queries.account()
      #expect(fresh.state == "open" && fresh.requestsPerSecond == nil && fresh.workers == 0)
      try await ledger.announce(Scene.fast)
      #expect(try await queries.account().workers == 1)
      try await ledger.bystander.script(
        """
        UPDATE codemint.account
        SET paused_until = now() + interval '1 hour', pause_reason = 'throttled'
        """
      )
      let paused = try await queries.account()
      #expect(paused.state == "paused" && paused.reason == "throttled")
      try await ledger.bystander.script(
        """
        UPDATE codemint.account
        SET blocked_at = now(), blocked_code = 'unauthorized', blocked_message = 'no such key'
        """
      )
      let blocked = try await queries.account()
      #expect(blocked.state == "blocked" && blocked.reason == "unauthorized")
      #expect(blocked.message == "no such key")
    }
  }
}
