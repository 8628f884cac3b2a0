import Postgres

/// The row of `codemint.account_status`: whether calls may be sent now, and if not, why.
public struct AccountStatus: Hashable, Sendable {
  /// The states that the view knows.
  public static let states = [
    "open", "trying", "spent", "unaccepted", "paused", "upgrading", "failing", "blocked",
    "suspended",
  ]

  /// One of `states`.
  public let state: String
  /// Why it is not open.
  public let reason: String?
  /// The API's own message, if it is blocked.
  public let message: String?
  /// Until when it is paused, as Postgres writes a time.
  public let pausedUntil: String?
  /// Requests a second in force; nil if no worker has ever announced itself.
  public let requestsPerSecond: Double?
  /// Requests a second that are sent now.
  public let currentPace: Double?
  /// Why that is less.
  public let paceReason: String?
  /// Calls that are sending.
  public let inFlight: Int
  /// Workers that live.
  public let workers: Int
  /// Whether a daemon is at work, by what it says of itself or by what it does.
  public let isDaemonAtWork: Bool
  /// The base URL of the API that calls go to; nil before the first call.
  public let api: String?
  /// How many more codes may be asked for before midnight UTC; nil for no limit.
  public let codesLeftToday: Int?
  /// Facts about the API that were contradicted lately, in words; nil if there are none.
  public let apiContradictions: String?
}

extension AccountStatus {
  static let statement: Statement = """
    SELECT state, reason, message, paused_until::text, requests_per_second,
           current_requests_per_second, pace_reason, in_flight,
           workers::integer, codemint.is_daemon_at_work(clock_timestamp()) AS is_daemon_at_work, api,
           codes_left_today, api_contradictions
    FROM codemint.account_status
    """

  init(_ row: Row) throws(PostgresError) {
    self.init(
      state: try row.text("state"),
      reason: try row.optionalText("reason"),
      message: try row.optionalText("message"),
      pausedUntil: try row.optionalText("paused_until"),
      requestsPerSecond: try row.optionalDouble("requests_per_second"),
      currentPace: try row.optionalDouble("current_requests_per_second"),
      paceReason: try row.optionalText("pace_reason"),
      inFlight: try row.integer("in_flight"),
      workers: try row.integer("workers"),
      isDaemonAtWork: try row.bool("is_daemon_at_work"),
      api: try row.optionalText("api"),
      codesLeftToday: try row.optionalInt64("codes_left_today").map(Int.init),
      apiContradictions: try row.optionalText("api_contradictions")
    )
  }
}
