/// Where the database is and how to talk to it.
///
/// What the URL says wins over what libpq finds in its own `PG*` variables and service files, and
/// both win over the defaults here. Nothing here weakens the URL's `sslmode`. A description names
/// host, port, database and user, never a password.
public struct ConnectionSettings: Sendable {
  /// The name that the server shows for the connection, unless the URL or `PGAPPNAME` give one.
  public var applicationName: String?
  /// The longest wait for one host, unless the URL or `PGCONNECT_TIMEOUT` give one. Whole seconds,
  /// at least 2: libpq knows nothing finer. Zero waits as long as the system does.
  public var connectTimeout: Duration = .seconds(5)
  /// The longest wait for a connection, all hosts and name resolution included.
  public var connectDeadline: Duration = .seconds(15)
  /// The longest wait for a statement that was given no deadline of its own.
  public var statementDeadline: Duration = .seconds(30)
  /// The server's own limit on a statement; nil sends nothing. Behind a pooler, neither this nor the
  /// other two limits of the server are sent, since others use the same sessions.
  public var statementTimeout: Duration?
  /// The server's own limit on the wait for a lock; nil sends nothing.
  public var lockTimeout: Duration?
  /// The server's own limit on a transaction's idling; nil sends nothing.
  public var idleInTransactionTimeout: Duration?

  /// How long sent bytes may stay unacknowledged before the system gives the connection up
  /// (`TCP_USER_TIMEOUT`, in milliseconds), unless the URL says.
  private static let tcpUserTimeout = "20000"
  /// Both ends probe a silent connection, and so notice within half a minute that the other is gone:
  /// seconds of silence before the first probe, seconds between probes, and how many may be lost.
  private static let keepalives = [("idle", 10), ("interval", 5), ("count", 4)]

  /// What the URL says.
  let given: [ConnectionOption]

  /// Settings from a URL (`postgresql://...`, also with several hosts) or a `keyword=value` string.
  /// Empty means libpq's own `PG*` variables and defaults.
  /// - Throws: `invalidSettings`, without quoting the URL.
  public init(_ url: String = "") throws(PostgresError) {
    given = try ConnectionOptions.parse(url)
  }

  /// All options for libpq, in the order in which it reads them; of doubles the last one counts.
  var options: [ConnectionOption] {
    let known = ConnectionOptions.known
    let chosen = ConnectionOptions.chosenByEnvironment.union(given.map(\.keyword))
    // What a service file says is found by libpq alone, and only where nothing is given.
    let hasService = chosen.contains("service")
    var options = given
    func add(_ keyword: String, _ value: String) {
      guard known.contains(keyword), !chosen.contains(keyword), !hasService else { return }
      options.append(ConnectionOption(keyword: keyword, value: value))
    }
    if let applicationName { add("fallback_application_name", applicationName) }
    if connectTimeout > .zero {
      add("connect_timeout", String(max(2, (connectTimeout.wholeMilliseconds + 999) / 1000)))
    }
    add("tcp_user_timeout", Self.tcpUserTimeout)
    for (name, value) in Self.keepalives { add("keepalives_\(name)", String(value)) }
    // Rows are read as UTF-8 here; no locale of the caller may change that.
    options.removeAll { $0.keyword == "client_encoding" }
    options.append(ConnectionOption(keyword: "client_encoding", value: "UTF8"))
    return options
  }

  /// Takes back what a database or a login sets for all sessions: statements are written for `READ
  /// COMMITTED`, connections stay open while there is nothing to do, and each transaction has bounds of
  /// its own. Plans are what they are by default: with an index or a way to use it missing, just-in-time
  /// compilation would take seconds for a statement of a millisecond. Intervals are written one way, by which
  /// it is known whether somebody changed a function. A server that does not know a setting passes over it.
  private static let ownDefaults = """
    SELECT pg_catalog.set_config(o.name, o.value, false)
    FROM (SELECT v.name, v.value
          FROM (VALUES ('default_transaction_isolation', 'read committed'), ('jit', 'off'),
                       ('idle_session_timeout', '0'), ('transaction_timeout', '0'),
                       ('IntervalStyle', 'postgres')) v (name, value)
          UNION ALL
          SELECT 'enable_' || w.way, 'on'
          FROM pg_catalog.unnest('{seqscan,indexscan,indexonlyscan,bitmapscan,tidscan,nestloop,hashjoin,mergejoin,sort,
                        hashagg,material,memoize}'::text[]) AS w (way)) o
    WHERE pg_catalog.current_setting(o.name, true) <> o.value
    """

  /// What to set after connecting, unless it is a pooler. PgBouncer refuses unknown parameters in
  /// the startup packet, so these are statements.
  var openingStatements: [String] {
    let timeouts: [(String, Duration?)] = [
      ("statement_timeout", statementTimeout),
      ("lock_timeout", lockTimeout),
      ("idle_in_transaction_session_timeout", idleInTransactionTimeout),
    ]
    let limits: [String] = timeouts.compactMap { name, value in
      guard let value else { return nil }
      // To the server zero is no limit, which half a millisecond must not become.
      let least: Int64 = value > .zero ? 1 : 0
      let milliseconds = min(max(least, value.wholeMilliseconds), Int64(Int32.max))
      return "SET \(name) = \(milliseconds)"
    }
    // The server looks for a client that is gone as soon as the client for a server: by its own
    // defaults what a dead host had begun stays open for hours.
    return [Self.ownDefaults] + limits
      + Self.keepalives.map { name, value in "SET tcp_keepalives_\(name) = \(value)" }
  }
}

extension ConnectionSettings: CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// Host, port, database, user and sslmode as they will be used; never a password.
  public var description: String {
    let shown = ["host", "hostaddr", "port", "dbname", "user", "sslmode", "target_session_attrs"]
    let effective = effective
    let words = shown.compactMap { keyword in effective[keyword].map { "\(keyword)=\($0)" } }
    return words.isEmpty ? "libpq's defaults" : words.joined(separator: " ")
  }

  /// Whether the server has to prove by its certificate who it is (`sslmode` verify-full, or
  /// verify-ca, which leaves the name out), as the URL or libpq's own variables ask.
  public var verifiesServer: Bool {
    // What the system's authorities sign counts for nothing but the whole name (libpq 16).
    effective["sslrootcert"] == "system"
      || ["verify-ca", "verify-full"].contains(effective["sslmode"] ?? "")
  }

  /// Whether the URL itself holds a password, and so must be kept from others.
  public var holdsPassword: Bool {
    given.contains { ["password", "sslpassword"].contains($0.keyword) }
  }

  /// What the URL or libpq's own variables say, by keyword.
  private var effective: [String: String] {
    Dictionary(
      (ConnectionOptions.environment + given).map { ($0.keyword, $0.value) },
      uniquingKeysWith: { $1 }
    )
  }

  /// The same as `description`.
  public var debugDescription: String { description }
  /// Shows what `description` shows.
  public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
