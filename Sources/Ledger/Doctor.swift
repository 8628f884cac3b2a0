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
            - coalesce(current_setting('reserved_connections', true)::integer, 0)
            - (SELECT sum(d.numbackends) FROM pg_stat_database d))::integer AS free
    """

  private static let notify: Statement = """
    SELECT pg_notify($1, '')
    """

  private static let facts: Statement = """
    SELECT fact, state, seen, means, witnesses,
           to_char(first_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS since
    FROM codemint.api_facts
    ORDER BY state <> 'contradicted', state = 'as documented', fact, subject, value LIMIT 50
    """

  /// The newest calls are few, and of a ledger of any size.
  private static let figures: Statement = """
    SELECT (SELECT max(f.value::bigint) FROM codemint.observed_facts f WHERE f.fact = 'list_lag')
             AS list_lag,
           (SELECT f.value::double precision FROM codemint.observed_facts f
            WHERE f.fact = 'rate_limit' ORDER BY f.last_seen_at DESC LIMIT 1) AS rate_limit,
           (SELECT max(c.duration_ms)
            FROM (SELECT l.duration_ms FROM codemint.calls l ORDER BY l.created_at DESC LIMIT 1000) c)
             AS longest_ms
    """

  private static let silencers: Statement = """
    SELECT 'row security of codemint.' || h.name AS what, true AS keeps_out, codemint.sight_remedy(h.name) AS what_helps
    FROM unnest(codemint.hidden_tables()) AS h (name)
    UNION ALL
    (SELECT what, kind <> 'trigger', what_helps FROM codemint.silencers() LIMIT 50)
    """

  /// Null if the queue is not filling up.
  private static let unread: Statement =
    "SELECT (SELECT words FROM codemint.unread_holders()) AS words"

  private static let webhooks: Statement = """
    SELECT webhook, state, waiting, dead, CASE WHEN failing_since IS NOT NULL THEN last_error END AS error
    FROM codemint.webhook_backlog ORDER BY webhook LIMIT 50
    """

  /// Asks on this connection.
  public init(_ connection: Connection) {
    self.connection = connection
  }

  /// The server's clock, in seconds since the epoch.
  public func clock() async throws(PostgresError) -> Double {
    try await connection.query(Self.clock).one().double("now")
  }

  /// The encoding that the ledger needs: what the API sends and takes is UTF-8.
  public static let requiredEncoding = "UTF8"

  /// The encoding of the database.
  public func encoding() async throws(PostgresError) -> String {
    try await connection.query("SELECT getdatabaseencoding() AS encoding").one().text("encoding")
  }

  /// How many connections more the server takes, and how many at most. Those that are kept for
  /// superusers and the like are not counted as free. Every login sees how many each database has
  /// (`pg_stat_database`), and what others do (`pg_stat_activity`) only some.
  public func connections() async throws(PostgresError) -> (free: Int, most: Int) {
    let row = try await connection.query(Self.connections).one()
    return (try row.integer("free"), try row.integer("most"))
  }

  /// Whether calls may be sent, and if not, why.
  public func account() async throws(PostgresError) -> AccountStatus {
    try AccountStatus(try await connection.query(AccountStatus.statement).one())
  }

  /// What has been seen of the API; what matters most comes first.
  public func facts() async throws(PostgresError) -> [ObservedFact] {
    var facts: [ObservedFact] = []
    for row in try await connection.query(Self.facts) { facts.append(try ObservedFact(row)) }
    return facts
  }

  /// What has been seen of the API in figures that settings can contradict.
  public func figures() async throws(PostgresError) -> APIFigures {
    let row = try await connection.query(Self.figures).one()
    return APIFigures(
      listLag: try row.optionalInt64("list_lag").map { .seconds($0) },
      requestsPerSecond: try row.optionalDouble("rate_limit"),
      longestCall: try row.optionalInteger("longest_ms").map { .milliseconds($0) }
    )
  }

  /// Row security that hides rows, and somebody's own triggers, rules and policies that can keep rows out and say
  /// nothing.
  public func silencers() async throws(PostgresError) -> [Silencer] {
    var silencers: [Silencer] = []
    for row in try await connection.query(Self.silencers) {
      silencers.append(
        Silencer(
          what: try row.text("what"),
          keepsOut: try row.bool("keeps_out"),
          whatHelps: try row.text("what_helps")
        )
      )
    }
    return silencers
  }

  /// That the server's queue of notifications is filling up, and who may be the cause; nil if it is not.
  public func unread() async throws(PostgresError) -> String? {
    try await connection.query(Self.unread).one().optionalText("words")
  }

  /// How the webhooks are.
  public func webhooks() async throws(PostgresError) -> [WebhookFigures] {
    var webhooks: [WebhookFigures] = []
    for row in try await connection.query(Self.webhooks) {
      webhooks.append(
        WebhookFigures(
          name: try row.text("webhook"),
          state: try row.text("state"),
          waiting: try row.int64("waiting"),
          dead: try row.int64("dead"),
          error: try row.optionalText("error")
        )
      )
    }
    return webhooks
  }

  /// Whether a notification that another connection sends arrives on this one, as the daemon needs it:
  /// a pooler in transaction mode passes on what a client sends to itself.
  public func hears(_ caller: Connection) async throws(PostgresError) -> Bool {
    // One of its own, so that two doctors do not take each other's for theirs.
    let channel = "codemint_doctor_\(UInt64.random(in: .min ... .max))"
    try await connection.script("LISTEN \(channel)")
    _ = try await caller.query(Self.notify, [.text(channel)])
    return try await !connection.notifications(within: .seconds(2)).isEmpty
  }
}

/// A trigger, a rule or a policy of somebody's own.
public struct Silencer: Hashable, Sendable {
  /// Its name and its table.
  public let what: String
  /// Whether it is there to keep rows out: a rule, or a restrictive policy.
  public let keepsOut: Bool
  /// The statement that ends it.
  public let whatHelps: String
}

/// How a webhook is.
public struct WebhookFigures: Hashable, Sendable {
  /// Its name in the settings.
  public let name: String
  /// As `codemint.webhook_backlog` has it.
  public let state: String
  /// Events that it has still to get.
  public let waiting: Int64
  /// Events that it did not take.
  public let dead: Int64
  /// What failed last; nil if nothing has since its last success.
  public let error: String?

  /// A webhook in figures.
  public init(name: String, state: String, waiting: Int64, dead: Int64, error: String?) {
    self.name = name
    self.state = state
    self.waiting = waiting
    self.dead = dead
    self.error = error
  }
}

/// Figures of the API; nil if nothing has shown them.
public struct APIFigures: Hashable, Sendable {
  /// The longest time that a list was behind an answer.
  public let listLag: Duration?
  /// Requests per second that headers allow.
  public let requestsPerSecond: Double?
  /// The longest of the newest thousand calls.
  public let longestCall: Duration?

  /// Figures of the API.
  public init(listLag: Duration?, requestsPerSecond: Double?, longestCall: Duration?) {
    self.listLag = listLag
    self.requestsPerSecond = requestsPerSecond
    self.longestCall = longestCall
  }
}

/// A row of `codemint.api_facts`: what has been seen of the API, in words.
public struct ObservedFact: Hashable, Sendable {
  /// How what was seen compares with the API's documents.
  public enum State: String, Hashable, Sendable {
    case documented = "as documented"
    case differs
    /// Within the last week the API did this and something that excludes it.
    case contradicted
  }

  /// What the fact is about.
  public let fact: String
  /// How it compares with the API's documents.
  public let state: State
  /// What has been seen.
  public let seen: String
  /// What it means for the promise; nil for a fact that this version does not know.
  public let means: String?
  /// How many codes have shown it.
  public let witnesses: Int64
  /// The day on which it was first seen.
  public let since: String

  init(_ row: Row) throws(PostgresError) {
    fact = try row.text("fact")
    state = try row.named("state")
    seen = try row.text("seen")
    means = try row.optionalText("means")
    witnesses = try row.int64("witnesses")
    since = try row.text("since")
  }
}
