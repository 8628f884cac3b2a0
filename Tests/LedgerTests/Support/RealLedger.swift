import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport

/// A ledger in a real database, on the server's own clock.
struct RealLedger: Sendable {
  let settings: ConnectionSettings
  let pool: Pool
  let store: PostgresStore
  /// Somebody else than the worker.
  let bystander: Connection

  /// Lends a fresh one.
  static func lend(
    connections: Int = 4,
    _ body: (RealLedger) async throws -> Void
  ) async throws {
    try await TestServer.lend(.migrated) { settings in
      let pool = Pool(settings, limit: connections)
      let ledger = RealLedger(
        settings: settings,
        pool: pool,
        store: PostgresStore(pool: pool),
        bystander: try await Connection.open(settings)
      )
      do {
        try await body(ledger)
      } catch {
        await pool.close()
        throw error
      }
      await pool.close()
      await ledger.bystander.close()
    }
  }

  /// Inserts a job.
  func insert(_ count: Int, of reward: RewardID) async throws -> JobID {
    let request = JobRequest(reward: reward.description, count: Int32(count))
    return JobID(try await JobQueries(pool: pool).enqueue(request).job)
  }

  /// Announces a worker with limits that do not matter.
  func announce(_ limits: Limits) async throws {
    _ = try await store.heartbeat(Samples.presence(Samples.worker(1), limits: limits))
  }
}

extension RealLedger {
  /// Lets the next heartbeat compare what is derived with what it derives from.
  static let healingDue = "UPDATE codemint.healing SET checked_at = NULL"

  /// Shows that the worker lives, and returns what that found.
  func heartbeat(limits: Limits = Scene.fast) async throws -> Heartbeat {
    try await store.heartbeat(Samples.presence(Samples.worker(1), limits: limits))
  }
}
