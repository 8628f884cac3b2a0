import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

// Protections that only a database has, each so that nothing but it makes its test succeed. The
// mutations of `scripts/mutations` switch them off one by one.

@Suite("protections")
struct ProtectionTests {
  @Test("rule 1: only a claim that is still sending is said to be on disk")
  func sure() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      let call = Samples.call(1)
      #expect(try await isSure(call, ledger) == false)
      _ = try await ledger.store.claim(
        ClaimRequest(call: call, worker: Samples.worker(1), lengths: Samples.lengths())
      )
      #expect(try await isSure(call, ledger))
      #expect(try await isSure(Samples.call(2), ledger) == false)
    }
  }

  @Test("rule 14: a call that was judged absent is never forgotten, though nothing else names it")
  func absentStays() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      let request = ClaimRequest(
        call: Samples.call(1),
        worker: Samples.worker(1),
        lengths: Samples.lengths()
      )
      _ = try await ledger.store.claim(request)
      for (state, forgets) in [("absent", false), ("adopted", false), ("issued", true)] {
        let answer = try await ledger.bystander.query(
          """
          SELECT codemint.may_forget(
            jsonb_populate_record(c, jsonb_build_object(
              'state', $1::text, 'settled_at', now() - interval '9 days', 'is_short', false)),
            now() - interval '1 day') FROM codemint.calls c
          """,
          [.text(state)]
        )
        #expect(try answer.one().bool(0) == forgets, "\(state)")
      }
    }
  }

  @Test("rule 10: a purged code is no witness")
  func purgedIsNoWitness() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.codes
          (id, reward_id, code, status, sync_status, external_ids, surplus, from_answer)
        SELECT gen_random_uuid(), '\(Scene.reward)', 'CODE-' || n, 'available', 'none', '{}', true, true
        FROM generate_series(1, 5) n
        """
      )
      #expect(try await witnesses(ledger) == 5)
      try await ledger.bystander.script(
        """
        UPDATE codemint.codes c
        SET job_id = NULL, call_id = NULL, code = '', status = 'purged', sync_status = 'none',
            external_ids = '{}', created_at = NULL, expires_at = NULL, updated_at = NULL,
            synced_at = NULL, surplus = false, purged_at = clock_timestamp()
        WHERE c.code IN ('CODE-1', 'CODE-2')
        """
      )
      #expect(try await witnesses(ledger) == 3)
    }
  }

  @Test(
    "the daemon's login does not give a code to another job, or change a text that an answer showed"
  )
  func codesStay() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) SELECT gen_random_uuid(), 10 FROM generate_series(1, 2);
        INSERT INTO codemint.codes
          (id, job_id, call_id, reward_id, code, status, sync_status, external_ids)
        SELECT gen_random_uuid(), id, gen_random_uuid(), reward_id, 'C-1', 'available', 'none', '{}'
        FROM codemint.jobs WHERE id = 1;
        """
      )
      let daemon = try await logins.login(.worker)
      for change in [
        "job_id = 2", "job_id = NULL", "call_id = gen_random_uuid()", "surplus = true",
        "surplus = true, job_id = 2", "code = 'X'", "from_answer = false, code = 'X'",
        "from_answer = false",
      ] {
        let statement = Statement("UPDATE codemint.codes SET \(change)")
        let refusal = await failure { () throws(PostgresError) in try await daemon.query(statement)
        }
        #expect(refusal?.sqlState == "23000", "\(change)")
      }
      _ = try await daemon.query("UPDATE codemint.codes SET status = 'redeemed'")
      let code = try await logins.owner.query("SELECT job_id, code FROM codemint.codes").one()
      #expect(try code.int64("job_id") == 1 && code.text("code") == "C-1")
    }
  }

  @Test("a job that is inserted while its reward's queue is read anew is not overlooked")
  func insertedMeanwhile() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      let (other, watcher) = (
        try await Connection.open(ledger.settings), try await Connection.open(ledger.settings)
      )
      // Whoever reads the queue anew waits where it strikes off arrivals, until the job is there.
      try await ledger.bystander.script(
        """
        BEGIN;
        LOCK TABLE codemint.pending_placements IN SHARE ROW EXCLUSIVE MODE;
        INSERT INTO codemint.jobs (reward_id, count) VALUES ('\(Scene.reward)', 1)
        """
      )
      async let reading = other.script(
        """
        BEGIN;
        SELECT codemint.lock_reward('\(Scene.reward)');
        SELECT codemint.refresh_queue('\(Scene.reward)');
        COMMIT
        """
      )
      var isWaiting = false
      for _ in 0..<2000 where !isWaiting {
        _ = try await watcher.query("SELECT pg_sleep(0.005)")
        isWaiting = try await watcher.query(
          """
          SELECT EXISTS (SELECT FROM pg_stat_activity
                         WHERE datname = current_database() AND wait_event_type = 'Lock')
          """
        ).one().bool(0)
      }
      #expect(isWaiting)
      try await ledger.bystander.script("COMMIT")
      _ = try await reading
      let claim = try await ledger.store.claim(
        ClaimRequest(call: Samples.call(1), worker: Samples.worker(1), lengths: Samples.lengths())
      )
      #expect(claim.claimed != nil)
      await other.close()
      await watcher.close()
    }
  }

  @Test(
    "rule 18: a dump that is restored into the same database sends nothing until it is accepted"
  )
  func restoredInPlace() async throws {
    try await TestServer.lend(.migrated) { settings in
      try await Self.visit(settings) { store, connection in
        #expect(try await Self.heartbeat(store).block == nil)
        let identity = try await connection.query(
          "SELECT system_identifier, database_oid::bigint, timeline FROM codemint.current_cluster()"
        )
        #expect(try identity.one().int64("database_oid") > 0)
      }
      try await TestServer.restoreInPlace(settings)
      try await Self.visit(settings) { store, connection in
        #expect(try await Self.heartbeat(store).block?.code == "other_cluster")
        _ = try await connection.query("SELECT codemint.accept_cluster('restored')")
        #expect(try await Self.heartbeat(store).block == nil)
      }
    }
  }

  private func isSure(_ call: CallID, _ ledger: RealLedger) async throws -> Bool {
    try await ledger.bystander.query("SELECT codemint.await_durable($1)", [.uuid(call.id.bits)])
      .one().bool(0)
  }

  /// How many of all codes bear witness when a list shows them.
  private func witnesses(_ ledger: RealLedger) async throws -> Int64 {
    try await ledger.bystander.query(
      """
      SELECT w.witnesses::bigint FROM codemint.weigh_witnesses(
        (SELECT array_agg(jsonb_populate_record(NULL::codemint.received_code, to_jsonb(c)))
         FROM codemint.codes c)) w
      """
    ).one().int64(0)
  }

  private static func heartbeat(_ store: PostgresStore) async throws -> Heartbeat {
    try await store.heartbeat(Samples.presence(Samples.worker(1), limits: Scene.fast))
  }

  /// Works at a database that nobody is connected to afterwards.
  private static func visit(
    _ settings: ConnectionSettings,
    _ body: (PostgresStore, Connection) async throws -> Void
  ) async throws {
    let pool = Pool(settings, limit: 2)
    let connection = try await Connection.open(settings)
    do {
      try await body(PostgresStore(pool: pool), connection)
    } catch {
      await pool.close()
      await connection.close()
      throw error
    }
    await pool.close()
    await connection.close()
  }
}
