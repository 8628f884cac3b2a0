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
  /// How long sent bytes may stay unacknowledged before the system gives the connection up
  /// (`TCP_USER_TIMEOUT`), unless the URL says; nil leaves it to the system.
  public var tcpUserTimeout: Duration? = .seconds(20)
  /// When the system probes a silent connection, unless the URL says; nil leaves it to the system.
  public var keepalives: Keepalives? = Keepalives()
  /// The server's own limit on a statement; nil sends nothing. Behind a pooler, neither this nor the
  /// other two limits of the server are sent, since others use the same sessions.
  public var statementTimeout: Duration?
  /// The server's own limit on the wait for a lock; nil sends nothing.
  public var lockTimeout: Duration?
  /// The server's own limit on a transaction's idling; nil sends nothing.
  public var idleInTransactionTimeout: Duration?
  /// Whether statements are prepared once for each connection. Behind a pooler, which a connection
  /// notices by itself, none is.
  public var preparesStatements = true
  /// Whether to try the hosts of a multi-host URL in random order. Left out where libpq is older
  /// than 16 and does not know how.
  public var balancesHosts = false

  /// When the system probes a silent connection.
  public struct Keepalives: Hashable, Sendable {
    /// The silence before the first probe, in whole seconds.
    public var idle: Duration
    /// The time between probes, in whole seconds.
    public var interval: Duration
    /// How many unanswered probes end the connection.
    public var count: Int

    /// Probes that notice a dead peer within about half a minute.
    public init(idle: Duration = .seconds(10), interval: Duration = .seconds(5), count: Int = 4) {
      self.idle = idle
      self.interval = interval
      self.count = count
    }
  }

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
    let settled = ConnectionOptions.chosenByEnvironment.union(given.map(\.keyword))
    // What a service file says is found by libpq alone, and only where nothing is given.
    let hasService = settled.contains("service")
    var options = given
    func add(_ keyword: String, _ value: String?) {
      guard let value, known.contains(keyword), !settled.contains(keyword), !hasService else {
        return
      }
      options.append(ConnectionOption(keyword: keyword, value: value))
    }
    func seconds(_ duration: Duration, atLeast least: Int64) -> String {
      String(max(least, (duration.wholeMilliseconds + 999) / 1000))
    }
    add("fallback_application_name", applicationName)
    add(
      "connect_timeout",
      connectTimeout > .zero ? seconds(connectTimeout, atLeast: 2) : nil
    )
    add("tcp_user_timeout", tcpUserTimeout.map { String($0.wholeMilliseconds) })
    add("keepalives_idle", keepalives.map { seconds($0.idle, atLeast: 1) })
    add("keepalives_interval", keepalives.map { seconds($0.interval, atLeast: 1) })
    add("keepalives_count", keepalives.map { String($0.count) })
    add("load_balance_hosts", balancesHosts ? "random" : nil)
    // Rows are read as UTF-8 here; no locale of the caller may change that.
    options.removeAll { $0.keyword == "client_encoding" }
    options.append(ConnectionOption(keyword: "client_encoding", value: "UTF8"))
    return options
  }

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
    let lookouts = keepalives.map { keepalives in
      [
        "SET tcp_keepalives_idle = \(max(1, keepalives.idle.wholeMilliseconds / 1000))",
        "SET tcp_keepalives_interval = \(max(1, keepalives.interval.wholeMilliseconds / 1000))",
        "SET tcp_keepalives_count = \(keepalives.count)",
      ]
    }
    return limits + (lookouts ?? [])
  }
}

extension ConnectionSettings: CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// Host, port, database, user and sslmode as they will be used; never a password.
  public var redacted: String {
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

  /// The same as `redacted`.
  public var description: String { redacted }
  /// The same as `redacted`.
  public var debugDescription: String { redacted }
  /// Shows what `redacted` shows.
  public var customMirror: Mirror { Mirror(self, children: ["redacted": redacted]) }
}
