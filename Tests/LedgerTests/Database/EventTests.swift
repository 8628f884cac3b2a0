import Ledger
import Postgres
import Provisioning
import Testing

/// Programs that follow jobs by `WHERE id > last`.
@Suite("events")
struct EventTests {
  private static let insert = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10)
    """

  /// The events after this number, as "job kind".
  private static func events(after last: Int64, _ connection: Connection) async throws
    -> (last: Int64, words: [String])
  {
    let rows = try await connection.query(
      "SELECT id, job_id || ' ' || kind AS words FROM codemint.events WHERE id > $1 ORDER BY id",
      [.int8(last)]
    )
    return (try rows.last?.int64("id") ?? last, try rows.map { try $0.text("words") })
  }

  @Test("an event whose transaction commits late gets a higher number than all that was read")
  func lateCommit() async throws {
    try await RealLedger.lend { ledger in
      let house = Housekeeping(pool: ledger.pool)
      let slow = try await Connection.open(ledger.settings)
      try await slow.script("BEGIN; \(Self.insert)")
      try await ledger.bystander.script(Self.insert)
      try await house.numberEvents()
      let before = try await Self.events(after: 0, ledger.bystander)
      #expect(before.words == ["2 queued"])
      try await slow.script("COMMIT")
      try await house.numberEvents()
      let after = try await Self.events(after: before.last, ledger.bystander)
      #expect(after.words == ["1 queued"])
      await slow.close()
    }
  }

  @Test("after a failover no number of an event that may have been lost is given again")
  func failover() async throws {
    try await RealLedger.lend { ledger in
      let house = Housekeeping(pool: ledger.pool)
      try await ledger.announce(Scene.fast)
      try await ledger.bystander.script(Self.insert)
      try await house.numberEvents()
      let read = try await Self.events(after: 0, ledger.bystander).last
      try await ledger.bystander.script(
        "UPDATE codemint.cluster_identity SET timeline = 'FFFFFFFF'; \(Self.insert)"
      )
      try await house.numberEvents()
      #expect(try await Self.events(after: read, ledger.bystander).words == [])
      try await ledger.announce(Scene.fast)
      try await house.numberEvents()
      let after = try await Self.events(after: read, ledger.bystander)
      #expect(after.words == ["2 queued"] && after.last > read + 1_000_000)
    }
  }

  @Test("eight writers and three housekeepers: a reader by number sees every event once, in order")
  func crowd() async throws {
    try await RealLedger.lend(connections: 12) { ledger in
      let house = Housekeeping(pool: ledger.pool)
      let seen = try await withThrowingTaskGroup(of: [String].self) { group in
        for writer in 0..<8 {
          group.addTask {
            for round in 0..<25 {
              // Some transactions stay open for a while, and some are rolled back.
              let end = round % 5 == writer % 5 ? "ROLLBACK" : "COMMIT"
              try await ledger.pool.withConnection { (connection) throws(PostgresError) in
                _ = try await connection.script(
                  """
                  BEGIN; \(Self.insert); SELECT pg_sleep(\(round % 3) * 0.005); \(end);
                  SELECT codemint.cancel_job(id) FROM codemint.jobs
                  WHERE state = 'queued' AND id % 8 = \(writer);
                  """
                )
              }
            }
            return []
          }
        }
        for _ in 0..<3 {
          group.addTask {
            for _ in 0..<60 { try await house.numberEvents() }
            return []
          }
        }
        group.addTask {
          var seen: [String] = []
          var last: Int64 = 0
          for _ in 0..<200 {
            let news = try await Self.events(after: last, ledger.bystander)
            last = news.last
            seen += news.words
          }
          return seen
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      try await house.numberEvents()
      let all = try await Self.events(after: 0, ledger.bystander).words
      #expect(Array(all.prefix(seen.count)) == seen)
      let jobs = try await ledger.bystander.query("SELECT id, state FROM codemint.jobs ORDER BY id")
      #expect(jobs.count == 160)
      for job in jobs {
        let id = try job.int64("id")
        let own = all.filter { $0.hasPrefix("\(id) ") }.map { $0.split(separator: " ")[1] }
        let ended = try job.text("state") == "cancelled" ? ["cancelled", "sync_done"] : []
        #expect(own.map(String.init) == ["queued"] + ended)
      }
    }
  }

  @Test("whatever becomes of a job is an event, in order, and what changes no state is none")
  func kinds() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(600, of: Scene.reward)
      for _ in 0..<2 {
        guard case .call = try await ledger.claim() else {
          Issue.record("nothing to claim")
          return
        }
      }
      try await ledger.bystander.script(
        """
        SELECT codemint.hold_jobs('\(Scene.reward)', 'forbidden', 'not this one');
        SELECT codemint.retry_job(1, 'try it');
        SELECT codemint.pause_job(1); SELECT codemint.resume_job(1);
        UPDATE codemint.jobs SET surplus = 2;
        UPDATE codemint.jobs SET updated_at = now();
        UPDATE codemint.jobs
        SET state = 'completed', issued = count, outstanding = 0, finished_at = now(), is_new = false,
            queue_position = NULL, next_call_at = NULL;
        \(Self.insert); SELECT codemint.cancel_job(max(id)) FROM codemint.jobs;
        """
      )
      try await ledger.bystander.script("BEGIN; \(Self.insert); ROLLBACK")
      try await Housekeeping(pool: ledger.pool).numberEvents()
      let rows = try await ledger.bystander.query(
        "SELECT kind, detail::text FROM codemint.events WHERE job_id = 1 ORDER BY id"
      )
      #expect(
        try rows.map { try $0.text("kind") } == [
          "queued", "running", "held", "released", "surplus", "completed", "sync_done",
        ]
      )
      #expect(try rows[0].text("detail") == #"{"count": 600}"#)
      #expect(
        try rows[2].text("detail")
          == #"{"count": 600, "issued": 0, "surplus": 0, "error_code": "forbidden"}"#
      )
      #expect(try rows[5].text("detail") == #"{"count": 600, "issued": 600, "surplus": 2}"#)
      let others = try await ledger.bystander.query(
        "SELECT kind FROM codemint.events WHERE job_id <> 1 ORDER BY id"
      )
      #expect(try others.map { try $0.text(0) } == ["queued", "cancelled", "sync_done"])
    }
  }

  @Test("a producer reads the events of its own jobs; only operators and readers read all")
  func rights() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let other = try await logins.login(.producer)
      for login in [shop, other, shop] { try await login.script(Self.insert) }
      try await logins.login(.worker).script("SELECT codemint.number_events(100)")
      #expect(
        try await shop.query("SELECT job_id FROM codemint.my_events WHERE id > 0 ORDER BY id")
          .map { try $0.int64(0) } == [1, 3]
      )
      for role in [Role.operator, .reader] {
        let all = try await logins.login(role).query("SELECT * FROM codemint.events")
        #expect(all.count == 3)
      }
      let daemon = try await logins.login(.worker)
      let desk = try await logins.login(.operator)
      for (statement, login): (Statement, Connection) in [
        ("SELECT id FROM codemint.events", shop),
        ("SELECT place FROM codemint.unnumbered_events", shop),
        ("SELECT codemint.number_events(1)", shop), ("SELECT codemint.number_events(1)", desk),
        ("SELECT codemint.forget_events('0', 1)", desk), ("DELETE FROM codemint.events", desk),
        ("DELETE FROM codemint.events", daemon), ("DELETE FROM codemint.unnumbered_events", daemon),
        ("UPDATE codemint.events SET kind = 'failed'", daemon),
      ] {
        let error = await failure { () throws(PostgresError) in try await login.query(statement) }
        #expect(error?.sqlState == Logins.denied, "\(statement.sql)")
      }
    }
  }

  @Test("right and wrong guesses of a producer at the events of others look the same")
  func measuring() async throws {
    try await Logins.lend { logins in
      let shop = try await logins.login(.producer)
      let spy = try await logins.login(.producer)
      for _ in 0..<20 { try await shop.script(Self.insert) }
      try await spy.script(Self.insert)
      try await logins.owner.script(
        """
        SELECT codemint.cancel_job(id) FROM codemint.jobs WHERE id <= 20;
        SELECT codemint.number_events(1000); ANALYZE;
        """
      )
      // The right ones are true of the other producer's events, and none is of the spy's own.
      for (right, wrong) in [
        ("job_id = 7", "job_id = 9999"), ("kind = 'cancelled'", "kind = 'failed'"),
      ] {
        var plans: [String] = []
        for guess in [right, wrong] {
          let lines = try await spy.query(
            Statement(
              """
              EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF)
              SELECT id FROM codemint.my_events WHERE id > 0 AND \(guess)
              """
            )
          ).map { try $0.text(0) }
          plans.append(
            lines.joined(separator: "\n").replacing(
              /= '?(9999|7|cancelled|failed)\b'?/,
              with: "= ?"
            )
          )
        }
        #expect(plans[0] == plans[1])
      }
    }
  }

  @Test("old events are forgotten, and none that is younger than a day")
  func forgotten() async throws {
    try await RealLedger.lend { ledger in
      for _ in 0..<3 { try await ledger.bystander.script(Self.insert) }
      let house = Housekeeping(pool: ledger.pool)
      try await house.numberEvents()
      try await ledger.bystander.script(
        """
        UPDATE codemint.events SET at = at - interval '3 days' WHERE id = 1;
        UPDATE codemint.events SET at = at - interval '23 hours' WHERE id = 2;
        """
      )
      try await house.forgetEvents(after: .seconds(4 * 86_400))
      #expect(try await Self.events(after: 0, ledger.bystander).words.count == 3)
      try await house.forgetEvents(after: .zero)
      #expect(try await Self.events(after: 0, ledger.bystander).words == ["2 queued", "3 queued"])
      try await ledger.bystander.script(Self.insert)
      try await house.numberEvents()
      #expect(try await Self.events(after: 3, ledger.bystander).last == 4)
    }
  }
}
