import Postgres

extension AccountStatus {
  /// A row of `JobStatements.account`.
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
      workers: try row.integer("workers")
    )
  }
}
