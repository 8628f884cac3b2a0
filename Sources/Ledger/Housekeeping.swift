public import Postgres

/// What has to be done again and again, and holds up no call: events get their numbers, the line of
/// waiting jobs is measured, and old events are forgotten.
public struct Housekeeping: Sendable {
  private let pool: Pool

  private static let number: Statement = "SELECT codemint.number_events($1) AS number"

  private static let measure: Statement = "SELECT codemint.measure_line()"

  private static let forget: Statement = "SELECT codemint.forget_events($1, $2)"

  /// Events to number or to forget at once: some milliseconds of work.
  private static let batch: Int32 = 5000

  /// Measuring a line of a million jobs takes seconds.
  private static let deadline: Duration = .seconds(60)

  /// Housekeeping in this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// Does everything that is due. It may be done at any time, by anybody.
  /// - Parameter age: How long events are kept; nil for ever.
  public func keep(forgettingAfter age: Duration?) async throws(PostgresError) {
    try await numberEvents()
    _ = try await pool.query(Self.measure, deadline: Self.deadline)
    guard let age else { return }
    _ = try await pool.query(
      Self.forget,
      [.interval(age), .int4(Self.batch)],
      deadline: Self.deadline
    )
  }

  /// Numbers all events that are committed, each batch in a transaction of its own.
  public func numberEvents() async throws(PostgresError) {
    var number = Int(Self.batch)
    while number == Int(Self.batch) {
      let row = try await pool.query(Self.number, [.int4(Self.batch)], deadline: Self.deadline)
        .one()
      number = try row.integer("number")
    }
  }
}
