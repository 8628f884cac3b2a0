import Ledger
import Postgres

/// A short session with the ledger, for the commands that insert jobs or look at them.
enum JobSession {
  /// Opens a session, runs `body`, closes it.
  static func run<Value>(
    _ settings: Settings,
    _ body: (JobDesk) async throws -> Value
  ) async throws -> Value {
    let pool = Pool(try settings.connectionSettings(), limit: 1)
    do {
      let value = try await body(JobDesk(pool: pool))
      await pool.close()
      return value
    } catch {
      await pool.close()
      if let error = error as? PostgresError, error.sqlState == "42P01" || error.sqlState == "3F000"
      {
        throw CommandError(.config, SchemaState.behind(missing: Migration.all).remedy)
      }
      throw error
    }
  }
}
