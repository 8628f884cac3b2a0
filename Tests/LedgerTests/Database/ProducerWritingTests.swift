import Ledger
import Postgres
import Testing

/// What programs that insert jobs do, each with a login of its own.
@Suite("what producers write")
struct ProducerWritingTests {
  @Test("an explicit NULL means the default")
  func nulls() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let row = try await shop.query(
        """
        INSERT INTO codemint.jobs (reward_id, count, prefix, priority, run_at, dedupe_key, metadata)
        VALUES (gen_random_uuid(), 5, NULL, NULL, NULL, NULL, NULL)
        RETURNING id
        """
      ).one()
      let job = try await shop.query(
        "SELECT priority, run_at <= clock_timestamp() AS is_due FROM codemint.my_jobs WHERE id = $1",
        [.int8(try row.int64("id"))]
      ).one()
      #expect(try job.integer("priority") == 5 && job.bool("is_due"))
    }
  }

  @Test("who writes a column that is not its own is refused, as the page for producers says")
  func others() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      for column in ["id", "state", "created_by"] {
        let error = await failure { () throws(PostgresError) in
          try await shop.query(
            Statement(
              """
              INSERT INTO codemint.jobs (\(column), reward_id, count)
              VALUES (DEFAULT, gen_random_uuid(), 5)
              """
            )
          )
        }
        #expect(error?.sqlState == "42501", "\(column)")
      }
    }
  }

  @Test(
    "logins that work as one role see the jobs of each other, and who is renamed gets them back"
  )
  func renamed() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let name = try await shop.query("SELECT session_user::text AS name").one().text("name")
      try await logins.owner.script("CREATE ROLE \(name)_next LOGIN IN ROLE \(name)")
      try await logins.owner.script("ALTER ROLE \(name)_next SET role = '\(name)'")
      _ = try await shop.query(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 5)"
      )
      let next = try await Connection.open(logins.owner.settings(as: "\(name)_next"))
      _ = try await next.query(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 6)"
      )
      for login in [shop, next] {
        #expect(try await login.query("SELECT FROM codemint.my_jobs").count == 2)
      }
      await next.close()

      try await logins.owner.script("ALTER ROLE \(name) RENAME TO \(name)_renamed")
      #expect(try await shop.query("SELECT FROM codemint.my_jobs").isEmpty)
      try await logins.owner.script(
        "UPDATE codemint.jobs SET created_by = '\(name)_renamed' WHERE created_by = '\(name)'"
      )
      #expect(try await shop.query("SELECT FROM codemint.my_jobs").count == 2)
      try await logins.owner.script(
        "ALTER ROLE \(name)_renamed RENAME TO \(name); DROP ROLE \(name)_next"
      )
    }
  }

  @Test("however often a producer pauses and resumes its job, one placement waits for a daemon")
  func placements() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let job = try await shop.query(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 5) RETURNING id"
      ).one().int64(0)
      for _ in 0..<20 {
        try await shop.script("SELECT codemint.pause_job(\(job))")
        try await shop.script("SELECT codemint.resume_job(\(job))")
      }
      let placements = try await logins.owner.query(
        "SELECT count(*) FROM codemint.pending_placements"
      )
      #expect(try placements.one().int64(0) == 1)
    }
  }

  @Test("texts of a hundred million characters are refused in words, not by the server's limits")
  func hugeTexts() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let job = try await shop.query(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 5) RETURNING id"
      ).one().int64(0)
      for function in ["pause_job", "cancel_job"] {
        let error = await failure { () throws(PostgresError) in
          try await shop.query(
            Statement("SELECT codemint.\(function)(\(job), repeat('x', 140000000))"),
            deadline: .seconds(300)
          )
        }
        #expect(
          error?.sqlState == "23514" && error?.message == "a note has at most 2000 characters"
        )
      }
      let finding = try await shop.query(
        """
        SELECT finding FROM codemint.check_job(gen_random_uuid(), 5, repeat('x', 300000000)) WHERE about = 'prefix'
        """,
        deadline: .seconds(300)
      )
      #expect(try finding.map { try $0.text(0) } == ["prefix must have 1 to 32 characters"])
    }
  }
}
