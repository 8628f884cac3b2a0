import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport

/// The ledger in a real database whose clock the test moves.
struct PostgresUnderTest: LedgerUnderTest {
  let store: any Store
  /// Somebody else than the worker: producer, operator, and whoever listens.
  let bystander: Connection

  /// Lends a fresh one.
  static func lend(_ body: (any LedgerUnderTest) async throws -> Void) async throws {
    try await TestServer.lend(.manualClock) { settings in
      let bystander = try await Connection.open(settings)
      let pool = Pool(try await bystander.settings(as: TestServer.daemon), limit: 2)
      try await bystander.script("LISTEN codemint_jobs; LISTEN codemint_job_done; LISTEN test")
      let ledger = PostgresUnderTest(store: PostgresStore(pool: pool), bystander: bystander)
      do {
        try await body(ledger)
      } catch {
        await pool.close()
        throw error
      }
      await pool.close()
      await bystander.close()
    }
  }

  func insert(_ orders: [JobOrder]) async throws -> [JobID] {
    let rows = try await bystander.query(
      Self.insertion,
      [
        .uuids(orders.map(\.reward.id.bits)), .int4s(orders.map { Int32($0.count) }),
        .texts(orders.map(\.prefix)), .int4s(orders.map { Int32($0.priority) }),
        .int8s(orders.map(\.delay.microseconds)), .texts(orders.map(\.producer)),
      ]
    )
    return try rows.map { JobID(try $0.int64("id")) }
  }

  private static let insertion: Statement = """
    INSERT INTO codemint.jobs (reward_id, count, prefix, priority, run_at, created_by)
    SELECT o.reward, o.count, o.prefix, o.priority,
           clock_timestamp() + interval '1 microsecond' * o.delay, coalesce(o.producer, current_user)
    FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::integer[], $5::bigint[], $6::text[])
      WITH ORDINALITY AS o (reward, count, prefix, priority, delay, producer, place)
    ORDER BY o.place
    RETURNING id
    """

  func now() async throws -> Int64 {
    try await bystander.query("SELECT clock_timestamp() AS now").one().timestamptz("now")
  }

  func pass(_ time: Duration) async throws {
    _ = try await bystander.query("UPDATE test.clock SET now = now + $1", [.interval(time)])
  }

  /// Notifications come in the order of the commits, so whatever was told before is there when this
  /// connection's own one has come.
  func signals() async throws -> [Signal] {
    _ = try await bystander.query("SELECT pg_notify('test', '')")
    var signals: [Signal] = []
    while true {
      for notification in try await bystander.notifications(within: .seconds(20)) {
        switch notification.channel {
        case "codemint_jobs": signals.append(.jobs)
        case "codemint_job_done": signals.append(.done(JobID(Int64(notification.payload) ?? -1)))
        default: return signals
        }
      }
    }
  }

  func edit(_ edit: LedgerEdit) async throws -> Bool {
    switch edit {
    case .cancel(let job): return try await steer("cancel_job", job, .text("why"))
    case .pause(let job): return try await steer("pause_job", job, .text("why"))
    case .resume(let job): return try await steer("resume_job", job, .text(nil))
    case .retry(let job): return try await steer("retry_job", job, .text(" "))
    case .purge(let job): return try await steer("purge_job", job, .text(nil))
    case .priority(let job, let priority):
      return try await steer("set_priority", job, .int4(Int32(priority)))
    case .absent(let call):
      try await bystander.transaction { (connection) throws(PostgresError) in
        for statement in Self.judging {
          _ = try await connection.query(statement, [.uuid(call.id.bits)])
        }
      }
    case .limits(let set):
      _ = try await bystander.query(
        "SELECT codemint.set_limits($1, $2, $3, $4)",
        [
          .float8(set.requestsPerSecond), .int4(set.burst.map(Int32.init)),
          .int4(set.maxInFlight.map(Int32.init)), .int4(set.maxInFlightPerReward.map(Int32.init)),
        ]
      )
    case .codesPerDay(let codes):
      _ = try await bystander.query(
        "SELECT codemint.set_codes_per_day($1, 'why')",
        [.int4(codes.map(Int32.init))]
      )
    case .share(let producer, let share):
      _ = try await bystander.query(
        "SELECT codemint.set_quota($1, p_share => $2::double precision::numeric)",
        [.text(producer), .float8(share)]
      )
    case .lose(let call):
      try await bystander.transaction { (connection) throws(PostgresError) in
        for statement in Self.losing {
          _ = try await connection.query(statement, [.uuid(call.id.bits)])
        }
      }
    }
    return true
  }

  private func steer(_ function: String, _ job: JobID, _ second: Parameter) async throws -> Bool {
    do throws(PostgresError) {
      let statement = Statement("SELECT codemint.\(function)($1, $2)")
      _ = try await bystander.query(statement, [.int8(job.number), second])
      return true
    } catch {
      guard error.sqlState == "55000" else { throw error }
      return false
    }
  }

  private static let judging: [Statement] = [
    """
    UPDATE codemint.jobs j
    SET outstanding = j.outstanding - c.outstanding,
        state = CASE WHEN j.state = 'ending' AND j.outstanding = c.outstanding
                     THEN j.ends_as ELSE j.state END,
        ends_as = CASE WHEN j.state = 'ending' AND j.outstanding = c.outstanding
                       THEN NULL ELSE j.ends_as END,
        finished_at = CASE WHEN j.state = 'ending' AND j.outstanding = c.outstanding
                           THEN clock_timestamp() END,
        next_call_at = CASE WHEN j.state IN ('queued', 'running') AND NOT j.paused AND NOT j.held
                                 AND NOT j.is_new AND j.queue_position IS NULL
                            THEN coalesce(j.next_call_at, clock_timestamp())
                            ELSE j.next_call_at END
    FROM codemint.calls c WHERE c.id = $1 AND c.job_id = j.id AND c.state = 'in_doubt'
    """,
    """
    UPDATE codemint.calls
    SET state = CASE WHEN is_short THEN 'issued' ELSE 'absent' END, outstanding = 0, held_at = NULL,
        settled_at = clock_timestamp()
    WHERE id = $1 AND state = 'in_doubt'
    """,
    """
    UPDATE codemint.rewards r SET closed_at = NULL
    WHERE r.reward_id = (SELECT c.reward_id FROM codemint.calls c WHERE c.id = $1)
      AND NOT EXISTS (SELECT FROM codemint.calls c
                      WHERE c.reward_id = r.reward_id AND c.state = 'in_doubt'
                        AND c.held_at IS NULL)
    """,
  ]

  private static let losing: [Statement] = [
    """
    UPDATE codemint.jobs j
    SET outstanding = j.outstanding - c.outstanding,
        next_call_at = CASE WHEN j.state IN ('queued', 'running') AND NOT j.paused AND NOT j.held
                                 AND NOT j.is_new AND j.queue_position IS NULL
                            THEN coalesce(j.next_call_at, clock_timestamp())
                            ELSE j.next_call_at END
    FROM codemint.calls c WHERE c.id = $1 AND c.job_id = j.id AND c.state = 'sending'
    """,
    """
    UPDATE codemint.rewards r SET in_flight = r.in_flight - 1
    FROM codemint.calls c WHERE c.id = $1 AND c.reward_id = r.reward_id AND c.state = 'sending'
    """,
    """
    UPDATE codemint.account a SET in_flight = a.in_flight - 1
    FROM codemint.calls c WHERE c.id = $1 AND c.state = 'sending'
    """,
    "DELETE FROM codemint.calls WHERE id = $1 AND state = 'sending'",
  ]
}

extension PostgresUnderTest {
  /// Lends a ledger on Postgres, whose clock the test moves, with its scene.
  static func lendClocked(
    _ body: (PostgresUnderTest, Scene) async throws -> Void
  ) async throws {
    try await lend { ledger in
      guard let ledger = ledger as? PostgresUnderTest else { return }
      try await Scene.over(ledger) { try await body(ledger, $0) }
    }
  }
}
