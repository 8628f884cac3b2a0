public import Postgres

/// What has to be done again and again, and holds up no call: events get their numbers, the line of
/// waiting jobs is measured, and old events are forgotten.
public struct Housekeeping: Sendable {
  private let pool: Pool

  private static let number: Statement = """
    SELECT codemint.number_events($1) AS number, c.running > 0 AS runs, c.open > 0 AS is_open
    FROM codemint.count_jobs() c
    """

  private static let measure: Statement = "SELECT codemint.measure_line() AS is_measured"

  private static let forget: Statement = "SELECT codemint.forget_events($1, $2) AS number"

  /// Events to number or to forget at once: some milliseconds of work.
  private static let batch: Int32 = 5000

  /// Measuring a line of a million jobs takes seconds.
  private static let deadline: Duration = .seconds(60)

  /// Housekeeping in this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// How much goes on in the ledger.
  public struct Activity: Hashable, Sendable {
    /// Whether events were numbered, or jobs run that cause some soon.
    public let isLively: Bool
    /// Whether there are jobs that have not ended.
    public let hasOpenJobs: Bool
  }

  /// Numbers all events that are committed, each batch in a transaction of its own.
  @discardableResult
  public func numberEvents() async throws(PostgresError) -> Activity {
    var total = 0
    while true {
      let row = try await pool.query(Self.number, [.int4(Self.batch)], deadline: Self.deadline)
        .one()
      let number = try row.integer("number")
      total += number
      guard number < Int(Self.batch) else { continue }
      let runs = try row.bool("runs")
      return Activity(isLively: total > 0 || runs, hasOpenJobs: try row.bool("is_open"))
    }
  }

  /// Measures the line of waiting jobs, unless that was done within seconds.
  ///
  /// - Returns: Whether it was measured.
  public func measureLine() async throws(PostgresError) -> Bool {
    try await pool.query(Self.measure, deadline: Self.deadline).one().bool("is_measured")
  }

  /// Forgets all events that are older than `age`, each batch in a transaction of its own.
  public func forgetEvents(after age: Duration) async throws(PostgresError) {
    var number = Int(Self.batch)
    while number == Int(Self.batch) {
      number = try await pool.query(
        Self.forget,
        [.interval(age), .int4(Self.batch)],
        deadline: Self.deadline
      ).one().integer("number")
    }
  }
}
