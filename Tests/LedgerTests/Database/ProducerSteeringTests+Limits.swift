import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

/// What producers cannot do alone, and how much they can do at once.
extension ProducerSteeringTests {
  @Test("a producer sees which of its jobs need an operator")
  func needsOperator() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let job = try await shop.query(Self.insert).one().int64("id")
      func needs() async throws -> Bool {
        try await shop.query("SELECT needs_operator FROM codemint.my_waits").one().bool(0)
      }
      #expect(try await needs(), "no daemon is at work")
      _ = try await Self.steer("pause_job", job, shop)
      #expect(try await !needs(), "the producer has paused it")
      _ = try await Self.steer("resume_job", job, shop)
      _ = try await Self.steer("pause_job", job, logins.owner)
      #expect(try await needs(), "an operator has paused it")
    }
  }

  @Test("a producer locks at most a hundred jobs in one transaction")
  func manyJobs() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      try await shop.script(
        "INSERT INTO codemint.jobs (reward_id, count) SELECT gen_random_uuid(), 10 FROM generate_series(1, 101)"
      )
      let error = await failure { () throws(PostgresError) in
        try await shop.query("SELECT codemint.cancel_job(id) FROM codemint.my_jobs")
      }
      #expect(error?.sqlState == "54000" && error?.message.contains("100 times") == true)
      for _ in 1...2 {
        _ = try await shop.query(
          "SELECT codemint.cancel_job(id) FROM codemint.my_jobs WHERE finished_at IS NULL LIMIT 100"
        )
      }
      let left = try await shop.query("SELECT FROM codemint.my_jobs WHERE finished_at IS NULL")
      #expect(left.isEmpty)
    }
  }
}
