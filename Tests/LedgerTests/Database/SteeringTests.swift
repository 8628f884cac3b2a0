import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("steering, in SQL")
struct SteeringTests {
  @Test("each says how the job stands, and what was changed is kept with who and why")
  func kept() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let id = try await ledger.insert(7, of: Scene.reward).number
      let said = [
        try await queries.steer(id, .pause, note: "shop is closed"),
        try await queries.steer(id, .pause, note: "again"),
        try await queries.steer(id, .resume, note: nil),
        try await queries.steer(id, .cancel, note: "not wanted"),
        try await queries.steer(id, .retry, note: " "),
      ]
      #expect(
        said == [
          "job \(id) is queued, paused with 0 of 7 codes",
          "job \(id) is queued, paused with 0 of 7 codes: nothing was done, because it was paused before",
          "job \(id) is queued with 0 of 7 codes",
          "job \(id) is cancelled with 0 of 7 codes",
          "job \(id) is queued with 0 of 7 codes",
        ]
      )
      let rows = try await ledger.bystander.query(
        "SELECT action, coalesce(note, '-') AS note, done_by = session_user AS own FROM codemint.job_actions ORDER BY id"
      )
      #expect(try rows.map { try $0.text("action") } == ["pause", "resume", "cancel", "retry"])
      #expect(try rows.map { try $0.text("note") } == ["shop is closed", "-", "not wanted", "-"])
      #expect(try rows.allSatisfy { try $0.bool("own") })
    }
  }

  @Test("limits that are taken back, or set to what they were, leave who did it and when")
  func limits() async throws {
    try await Logins.lend { logins in
      let first = try await logins.login(.operator)
      let second = try await logins.login(.operator)
      _ = try await first.query("SELECT codemint.set_limits(0.001)")
      _ = try await second.query("SELECT codemint.set_limits()")
      let kept = try await second.query(
        "SELECT requests_per_second::text AS pace, set_by FROM codemint.operator_limits ORDER BY id"
      )
      let names = try await [
        first.query("SELECT session_user::text").one().text(0),
        second.query("SELECT session_user::text").one().text(0),
      ]
      #expect(try kept.map { try $0.text("set_by") } == names)
      #expect(try kept.map { try $0.optionalText("pace") } == ["0.001", nil])
      let status = try await second.query("SELECT limits_from, set_by FROM codemint.account_status")
        .one()
      #expect(try status.text("limits_from") == "settings" && status.optionalText("set_by") == nil)
    }
  }

  @Test("what cannot be done is refused with a sentence")
  func refused() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let id = try await ledger.insert(7, of: Scene.reward).number
      for action in JobAction.allCases {
        do {
          _ = try await queries.steer(999, action, note: nil)
          Issue.record("\(action) of nothing")
        } catch let error as LedgerError {
          #expect(error.description == "there is no job 999")
        }
      }
      _ = try await queries.steer(id, .cancel, note: nil)
      do {
        _ = try await queries.steer(id, .pause, note: nil)
        Issue.record("paused")
      } catch let error as LedgerError {
        #expect(
          error.description == "job \(id) is cancelled with 0 of 7 codes: there is nothing to pause"
        )
      }
      let error = await failure { () throws(PostgresError) in
        try await ledger.bystander.query("SELECT codemint.set_priority(1, 10)")
      }
      #expect(error?.sqlState == "55000" || error?.sqlState == "22023")
    }
  }

  @Test(
    "a producer that pauses and resumes without end leaves its latest hundred actions, and all of the operators'"
  )
  func endless() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      try await shop.script(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 7)"
      )
      let desk = try await logins.login(.operator)
      try await desk.script("SELECT codemint.pause_job(1, 'first'); SELECT codemint.resume_job(1)")
      try await shop.script(
        """
        DO $$
        BEGIN
          FOR n IN 1..70 LOOP
            PERFORM codemint.pause_job(1, 'turn ' || n);
            PERFORM codemint.resume_job(1, 'turn ' || n);
            COMMIT;
          END LOOP;
          PERFORM codemint.pause_job(1, 'last');
        END $$
        """
      )
      let kept = try await desk.query(
        """
        SELECT count(*) FILTER (WHERE by_producer) AS own, count(*) FILTER (WHERE NOT by_producer) AS operators,
               (array_agg(note ORDER BY id DESC))[1] AS latest
        FROM codemint.job_actions
        """
      ).one()
      #expect(try kept.int64("own") == 100 && kept.int64("operators") == 2)
      #expect(try kept.text("latest") == "last")
      // It is still known who has paused it.
      try await shop.script("SELECT codemint.resume_job(1)")
    }
  }
}
