public import Postgres

/// What the status page and the metrics show. Neither ever holds the value of a code.
public struct OverviewDesk: Sendable {
  private let pool: Pool

  /// Looks at this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// Everything that the status page shows, as one JSON object.
  public func page() async throws(PostgresError) -> String {
    try await pool.query(OverviewStatements.page).one().text("page")
  }

  /// The numbers for the metrics.
  public func gauges() async throws(PostgresError) -> LedgerGauges {
    let row = try await pool.query(OverviewStatements.gauges).one()
    return LedgerGauges(
      queued: Int(try row.int64("queued")),
      running: Int(try row.int64("running")),
      ending: Int(try row.int64("ending")),
      held: Int(try row.int64("held")),
      paused: Int(try row.int64("paused")),
      codesWanted: Int(try row.int64("codes_wanted")),
      doubts: Int(try row.int64("doubts")),
      heldCalls: Int(try row.int64("held_calls")),
      oldestDoubtSeconds: try row.double("oldest_doubt_seconds"),
      closedRewards: Int(try row.int64("closed_rewards")),
      strays: Int(try row.int64("strays")),
      syncGivenUp: Int(try row.int64("sync_given_up")),
      accountState: try row.text("account_state"),
      requestsPerSecond: try row.optionalDouble("requests_per_second"),
      inFlight: Int(try row.int64("in_flight")),
      workers: Int(try row.int64("workers"))
    )
  }
}
