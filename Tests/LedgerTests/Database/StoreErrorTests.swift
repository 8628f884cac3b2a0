import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

@Suite("what a failure of the database means")
struct StoreErrorTests {
  @Test("a database without the schema is a failure that somebody has to mend")
  func noSchema() async throws {
    try await TestServer.lend(.empty) { settings in
      let pool = Pool(settings, limit: 1)
      #expect(await code(PostgresStore(pool: pool)) == .failed)
      #expect(await failure(PostgresStore(pool: pool))?.cause == .refused)
      await pool.close()
    }
  }

  @Test("a server that cannot be reached is unavailable")
  func unreachable() async throws {
    let settings = try ConnectionSettings("postgresql://nobody@127.0.0.1:1/none")
    let pool = Pool(settings, limit: 1)
    #expect(await code(PostgresStore(pool: pool)) == .unavailable)
    #expect(await failure(PostgresStore(pool: pool))?.cause == .unreachable)
    await pool.close()
  }

  @Test("a connection that the server ends is unavailable, and the next request works")
  func terminated() async throws {
    try await RealLedger.lend(connections: 1) { ledger in
      try await ledger.announce(Scene.fast)
      try await ledger.bystander.script("BEGIN; LOCK TABLE codemint.workers")
      async let failed = code(ledger.store)
      var isTerminated = false
      while !isTerminated {
        isTerminated = try await !ledger.bystander.query(
          """
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'
          """
        ).isEmpty
      }
      #expect(await failed == .unavailable)
      try await ledger.bystander.script("ROLLBACK")
      try await ledger.announce(Scene.fast)
    }
  }

  @Test("an effect on a reward that the database does not know is refused, not ignored")
  func unknownEffect() async throws {
    try await RealLedger.lend { ledger in
      await #expect(throws: PostgresError.self) {
        try await ledger.bystander.script(
          "SELECT codemint.apply_reward_effect(NULL, true, 'unheard_of', NULL, 0.5)"
        )
      }
    }
  }

  @Test("rule 1: a warning with a commit counts as a lost answer")
  func warning() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(5, of: Scene.reward)
      try await ledger.bystander.script(
        """
        CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE WARNING 'no standby'; RETURN NULL; END $$;
        CREATE TRIGGER warn AFTER INSERT ON codemint.calls EXECUTE FUNCTION warn();
        """
      )
      let request = ClaimRequest(
        call: Samples.call(1),
        worker: Samples.worker(1),
        lengths: Samples.lengths(lease: .seconds(60))
      )
      do throws(StoreError) {
        _ = try await ledger.store.claim(request)
        Issue.record("confirmed")
      } catch {
        #expect(error.code == .unavailable)
      }
      guard case .call(let found) = try await ledger.store.claim(request) else {
        Issue.record("not found")
        return
      }
      #expect(found.call.id == request.call)
    }
  }

  @Test("a read-only database and a lock that is held for too long are told from an outage")
  func causes() async throws {
    try await RealLedger.lend { ledger in
      var settings = ledger.settings
      settings.lockTimeout = .milliseconds(20)
      let pool = Pool(settings, limit: 1)
      let store = PostgresStore(pool: pool)
      #expect(await failure(store) == nil)
      try await ledger.bystander.script("BEGIN; LOCK TABLE codemint.workers")
      #expect(await failure(store)?.cause == .locked)
      try await ledger.bystander.script("ROLLBACK")
      #expect(await failure(store) == nil)
      await pool.close()
      try await ledger.bystander.script(
        """
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on',
          current_database()); END $$
        """
      )
      let later = Pool(settings, limit: 1)
      let error = await failure(PostgresStore(pool: later))
      #expect(error?.cause == .readOnly && error?.code == .unavailable)
      await later.close()
    }
  }

  @Test("leases and signs of life have connections of their own")
  func vital() async throws {
    try await RealLedger.lend { ledger in
      let shared = Pool(ledger.settings, limit: 1)
      let vital = Pool(ledger.settings, limit: 1)
      let store = PostgresStore(pool: shared, vitalPool: vital)
      try await shared.withConnection { (_) throws(PostgresError) in
        #expect(await failure(store) == nil)
        let renewed = try? await store.renew([], worker: Samples.worker(1), lease: .seconds(60))
        #expect(renewed == [])
      }
      await shared.close()
      await vital.close()
    }
  }

  /// The kind of failure with which a heartbeat fails.
  private func code(_ store: PostgresStore) async -> StoreError.Code? {
    await failure(store)?.code
  }

  private func failure(_ store: PostgresStore) async -> StoreError? {
    do throws(StoreError) {
      _ = try await store.heartbeat(Samples.presence(Samples.worker(1), limits: Scene.fast))
      return nil
    } catch {
      return error
    }
  }
}
