import Postgres

/// What an operator may do to a job.
public enum JobAction: String, Sendable, CaseIterable {
  /// Stops it for good.
  case cancel
  /// Lets it take no new call.
  case pause
  /// Lets a paused job proceed.
  case resume
  /// Opens a failed or cancelled job again for what it lacks.
  case retry
  /// Lets a job proceed that waits for an approval.
  case approve

  fileprivate var statement: Statement {
    switch self {
    case .cancel: "SELECT codemint.cancel_job($1, $2) AS outcome"
    case .pause: "SELECT codemint.pause_job($1, $2) AS outcome"
    case .resume: "SELECT codemint.resume_job($1, $2) AS outcome"
    case .retry: "SELECT codemint.retry_job($1, $2) AS outcome"
    case .approve: "SELECT codemint.approve_job($1, $2) AS outcome"
    }
  }
}

/// What operators do to jobs and decide about calls. It can be done with psql as well.
extension JobQueries {
  private static let resolve: Statement = """
    SELECT codemint.resolve_call($1::text::uuid, $2, $3) AS outcome
    """

  private static let acceptAPI: Statement = "SELECT codemint.accept_api($1, $2) AS outcome"

  private static let askedPurchase: Statement = "SELECT codemint.asked_purchase() AS question"

  /// What the functions for operators refuse with: a word they do not know, a call or job that does
  /// not exist or is in another state, and what is no UUID.
  private static let refusals: Set<String> = ["22023", "P0002", "55000", "22P02", "02000"]

  /// Decides a held call, as an operator does with `codemint.resolve_call`.
  /// - Parameter adopts: True to take the codes that were found for it, false to free its room.
  /// - Returns: A sentence that says what came of it.
  /// - Throws: `LedgerError` if there is nothing to resolve, or the database's error.
  public func resolve(_ call: String, adopts: Bool, note: String) async throws -> String {
    try await refusable { () throws(PostgresError) in
      try await pool.query(
        Self.resolve,
        [.text(call), .text(adopts ? "adopt" : "absent"), .text(note)]
      ).one().text("outcome")
    }
  }

  /// Does to a job what an operator asks for, as with the function of the same name in the
  /// database. Asked again, it changes nothing.
  /// - Parameter note: Why; kept with the job.
  /// - Returns: A sentence that says how the job stands.
  /// - Throws: `LedgerError` if that cannot be done to the job, or the database's error.
  public func steer(_ job: Int64, _ action: JobAction, note: String?) async throws -> String {
    try await refusable { () throws(PostgresError) in
      try await pool.query(action.statement, [.int8(job), .text(note)]).one().text("outcome")
    }
  }

  /// Says that codes may be bought from the API with this base URL, as with `codemint.accept_api`.
  /// - Returns: A sentence that says from when on.
  /// - Throws: `LedgerError` if calls of another API have no outcome yet, or the database's error.
  public func acceptAPI(_ url: String, note: String?) async throws -> String {
    try await refusable { () throws(PostgresError) in
      try await pool.query(Self.acceptAPI, [.text(url), .text(note)]).one().text("outcome")
    }
  }

  /// What would be bought if an operator accepted the API; nil if nothing is asked.
  public func askedPurchase() async throws -> String? {
    try await pool.read(Self.askedPurchase).one().optionalText("question")
  }

  /// Changes the priority of a job that has not ended, 0 (first) to 9 (last).
  /// - Returns: A sentence that says what was done, or why nothing was.
  public func prioritize(_ job: Int64, _ priority: Int32, note: String?) async throws -> String {
    try await outcome(
      "SELECT codemint.set_priority($1, $2, $3) AS outcome",
      [.int8(job), .int4(priority), .text(note)]
    )
  }

  /// Removes a job that has ended, its calls and its codes for good.
  public func purge(_ job: Int64, note: String?) async throws -> String {
    try await outcome("SELECT codemint.purge_job($1, $2) AS outcome", [.int8(job), .text(note)])
  }

  /// Tracks a reward again whose codes other systems have not taken.
  public func followSync(_ reward: String) async throws -> String {
    try await outcome("SELECT codemint.track_sync($1::text::uuid) AS outcome", [.text(reward)])
  }

  /// Confirms that this database is the one to work on.
  public func acceptCluster(note: String) async throws -> String {
    try await outcome("SELECT codemint.accept_cluster($1) AS outcome", [.text(note)])
  }

  /// The limits in force, as a sentence.
  public func limits() async throws -> String {
    try await outcome(
      """
      SELECT CASE WHEN requests_per_second IS NULL THEN 'no limits are in force: no daemon has started yet'
                  ELSE format('%s request(s) a second, %s at once, %s call(s) in flight, %s for one reward; from %s',
                              requests_per_second, burst, max_in_flight, max_in_flight_per_reward,
                              CASE WHEN set_by IS NULL THEN 'the settings' ELSE 'set_limits by ' || set_by END) END
               AS outcome
      FROM codemint.account_status
      """,
      []
    )
  }

  /// Sets limits for all daemons; one that is nil goes back to the settings.
  public func setLimits(
    requestsPerSecond: Double?,
    burst: Int32?,
    maxInFlight: Int32?,
    maxInFlightPerReward: Int32?
  ) async throws -> String {
    try await outcome(
      "SELECT codemint.set_limits($1, $2, $3, $4) AS outcome",
      [
        .float8(requestsPerSecond), .int4(burst), .int4(maxInFlight), .int4(maxInFlightPerReward),
      ]
    )
  }

  /// The sentence of a function for operators.
  func outcome(_ statement: Statement, _ parameters: [Parameter]) async throws -> String {
    try await refusable { () throws(PostgresError) in
      try await pool.query(statement, parameters).one().text("outcome")
    }
  }

  /// Runs what the database may refuse with a sentence of its own.
  private func refusable<Value>(
    _ body: () async throws(PostgresError) -> Value
  ) async throws -> Value {
    do throws(PostgresError) {
      return try await body()
    } catch {
      guard let sqlState = error.sqlState, Self.refusals.contains(sqlState) else {
        throw error
      }
      throw LedgerError(.job, error.message)
    }
  }
}
