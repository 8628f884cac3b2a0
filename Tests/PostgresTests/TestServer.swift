import LocalPostgres
import Postgres
import TestSupport

extension TestServer {
  private static let starting = Task { try await TestServer() }

  /// The server that the tests of this process share. Tests that stop or suspend one start their own.
  static func shared() async throws -> LocalPostgres { try await starting.value.server }

  /// Settings for an empty database of the test's own.
  static func database(over transport: LocalPostgres.Transport = .socket) async throws
    -> ConnectionSettings
  {
    let shared = try await starting.value
    return try shared.settings(await shared.makeDatabase(), over: transport)
  }

  /// A connection to a database of the test's own.
  static func connection() async throws -> Connection {
    try await Connection.open(database())
  }

  /// Lends a server of the test's own, and removes it.
  static func withOwn(
    _ options: LocalPostgres.Options = LocalPostgres.Options(),
    _ body: (LocalPostgres) async throws -> Void
  ) async throws {
    let server = try await LocalPostgres.start(options)
    do {
      try await body(server)
    } catch {
      try await server.remove()
      throw error
    }
    try await server.remove()
  }
}

/// The error that `body` throws, or nil.
func failure<Value>(
  _ body: () async throws(PostgresError) -> Value
) async -> PostgresError? {
  do throws(PostgresError) {
    _ = try await body()
    return nil
  } catch {
    return error
  }
}

/// Waits until SQL answers `true`, for what the server tells nobody by itself. The server does the
/// waiting between two looks.
func until(_ connection: Connection, _ condition: Statement) async throws -> Bool {
  for _ in 0..<1000 {
    if try await connection.query(condition).one().bool(0) { return true }
    _ = try await connection.query("SELECT pg_sleep(0.01)")
  }
  return false
}

/// Whether a statement of this database is in `pg_sleep`.
let someoneSleeps: Statement = """
  SELECT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE wait_event = 'PgSleep' AND datname = current_database() AND pid <> pg_backend_pid())
  """

/// Tries again what a pool's backoff may still refuse: the backoff spaces the attempts.
func eventually(_ attempt: () async throws -> Bool?) async throws -> Bool {
  for _ in 0..<200 {
    if try await attempt() == true { return true }
  }
  return false
}
