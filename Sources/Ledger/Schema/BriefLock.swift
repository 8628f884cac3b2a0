import Postgres

/// Locks of tables that are waited for briefly. While a lock is waited for, everybody who comes later
/// waits behind, INSERTs of producers too. So it is asked for again and again, each time for a moment.
enum BriefLock {
  /// How long a lock is waited for, in a transaction.
  static let setting = "SET LOCAL lock_timeout = '200ms'"

  /// How long others have the tables to themselves before a lock is asked for again.
  private static let pause: Duration = .milliseconds(500)

  private static let notAvailable = "55P03"

  /// Who has locked a table of the schema.
  private static let holders: Statement = """
    SELECT coalesce(string_agg(DISTINCT coalesce(
             format('%s, pid %s, since %s', a.usename, l.pid, date_trunc('second', a.xact_start)),
             'a prepared transaction'), '; '), 'somebody') AS holders
    FROM pg_locks l
    JOIN pg_class c ON c.oid = l.relation AND c.relnamespace = 'codemint'::regnamespace
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.mode <> 'AccessShareLock'
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.pid IS DISTINCT FROM pg_backend_pid()
    """

  /// Runs a transaction that begins with this statement, whose own lock is waited for as long as needed.
  /// - Returns: nil if somebody has locked a table; then nothing was changed.
  static func transaction<Value: Sendable>(
    on connection: Connection,
    after first: Statement,
    _ body: (Connection) async throws(PostgresError) -> Value
  ) async throws(PostgresError) -> Value? {
    do throws(PostgresError) {
      return try await connection.transaction { (connection) throws(PostgresError) in
        _ = try await connection.query(first)
        try await connection.script(setting)
        return try await body(connection)
      }
    } catch {
      guard error.sqlState == notAvailable else { throw error }
      return nil
    }
  }

  /// Waits a moment for those who have locked a table, while claims go on.
  /// - Parameters:
  ///   - told: Who had when they were last reported.
  ///   - report: Called with them, if they are others by now.
  /// - Returns: Who has.
  /// - Throws: `LedgerError` naming them when the time is over, or the database's error.
  static func wait(
    on connection: Connection,
    until end: ContinuousClock.Instant,
    _ told: String?,
    _ report: (String) -> Void
  ) async throws -> String {
    let names = try await connection.query(holders).one().text("holders")
    guard ContinuousClock.now < end else {
      throw LedgerError(.schema, "a table stays locked by \(names); nothing was changed")
    }
    if told != names { report(names) }
    _ = try await connection.query(Migrator.Statements.resumeClaims)
    try await Task.sleep(for: pause)
    return names
  }
}
