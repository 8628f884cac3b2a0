public import Postgres

/// What is asked of a database to see whether a daemon could work on it. Changes nothing.
public struct DoctorQueries: Sendable {
  private let connection: Connection

  private static let clock: Statement = """
    SELECT extract(epoch FROM clock_timestamp())::double precision AS now
    """

  private static let connections: Statement = """
    SELECT current_setting('max_connections')::integer AS most,
           (current_setting('max_connections')::integer
            - current_setting('superuser_reserved_connections')::integer
            - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'))::integer
             AS free
    """

  private static let notify: Statement = """
    SELECT pg_notify($1, $2)
    """

  /// Asks on this connection.
  public init(_ connection: Connection) {
    self.connection = connection
  }

  /// The server's clock, in seconds since the epoch.
  public func clock() async throws(PostgresError) -> Double {
    try await connection.query(Self.clock).one().double("now")
  }

  /// How many connections more the server takes, and how many at most. Those that are kept for
  /// superusers are not counted as free.
  public func connections() async throws(PostgresError) -> (free: Int, most: Int) {
    let row = try await connection.query(Self.connections).one()
    return (try row.integer("free"), try row.integer("most"))
  }

  /// Whether calls may be sent, and if not, why.
  public func account() async throws(PostgresError) -> AccountStatus {
    try AccountStatus(try await connection.query(AccountStatus.statement).one())
  }

  /// Whether a notification that is sent on this connection's server arrives on this connection.
  public func hearsItself() async throws(PostgresError) -> Bool {
    let channel = "codemint_doctor"
    try await connection.script("LISTEN \(channel)")
    // One of its own process, so that two doctors do not take each other's for theirs.
    let mark = "\(await connection.serverProcess)"
    _ = try await connection.query(Self.notify, [.text(channel), .text(mark)])
    let arrived = try await connection.notifications(within: .seconds(2))
    return arrived.contains { $0.channel == channel && $0.payload == mark }
  }
}
