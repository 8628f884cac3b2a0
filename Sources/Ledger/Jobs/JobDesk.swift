public import Postgres

/// What producers and operators do: insert jobs and look how they stand. The worker has no part
/// in it; anything here can be done with psql as well.
public struct JobDesk: Sendable {
  private let pool: Pool

  /// A desk at this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// Inserts a job, as any producer may with an INSERT of its own.
  /// - Returns: The job's number.
  /// - Throws: `LedgerError` with the constraint's sentence if the database refuses the row.
  public func enqueue(_ job: JobRequest) async throws -> Int64 {
    do throws(PostgresError) {
      let rows = try await pool.query(
        JobStatements.enqueue,
        [
          .text(job.reward), .int4(job.count), .text(job.prefix), .int2(job.priority),
          .text(job.runAt), .text(job.dedupeKey), .text(job.metadata),
        ]
      )
      return try rows.one().int64("id")
    } catch {
      if let constraint = error.constraint { throw LedgerError(.job, constraint) }
      if error.isContentRefused { throw LedgerError(.job, error.message) }
      throw error
    }
  }

  /// How these jobs stand, in the order of their numbers.
  /// - Throws: `LedgerError` naming a job that does not exist, or the database's error.
  public func status(of jobs: [Int64]) async throws -> [JobStatus] {
    let rows = try await pool.query(JobStatements.status, [.int8s(jobs)])
    let found = try rows.map { try JobStatus($0) }
    let missing = Set(jobs).subtracting(found.map(\.id)).sorted()
    guard missing.isEmpty else {
      throw LedgerError(.job, "there is no job \(missing.map(String.init).joined(separator: ", "))")
    }
    return found
  }

  /// Every open job and the latest finished ones, newest first, up to `limit` in all.
  public func recent(limit: Int) async throws(PostgresError) -> [JobStatus] {
    var found: [JobStatus] = []
    for row in try await pool.query(JobStatements.recent, [.int4(Int32(limit))]) {
      found.append(try JobStatus(row))
    }
    return found
  }

  /// How far the codes of these jobs are in other systems.
  public func sync(of jobs: [Int64]) async throws(PostgresError) -> [Int64: JobSync] {
    var found: [Int64: JobSync] = [:]
    for row in try await pool.query(JobStatements.sync, [.int8s(jobs)]) {
      found[try row.int64("id")] = JobSync(
        pending: try row.integer("sync_pending"),
        error: try row.integer("sync_error"),
        doneAt: try row.optionalText("sync_done_at")
      )
    }
    return found
  }

  /// Whether calls may be sent now, and if not, why.
  public func account() async throws(PostgresError) -> AccountStatus {
    try AccountStatus(try await pool.query(JobStatements.account).one())
  }

  /// Decides a held call, as an operator does with `codemint.resolve_call`.
  /// - Parameter adopts: True to take the codes that were found for it, false to free its room.
  /// - Returns: A sentence that says what came of it.
  /// - Throws: `LedgerError` if there is nothing to resolve, or the database's error.
  public func resolve(_ call: String, adopts: Bool, note: String) async throws -> String {
    try await refusable { () throws(PostgresError) in
      try await pool.query(
        JobStatements.resolve,
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

  /// Runs what the database may refuse with a sentence of its own.
  private func refusable<Value>(
    _ body: () async throws(PostgresError) -> Value
  ) async throws -> Value {
    do throws(PostgresError) {
      return try await body()
    } catch {
      guard let sqlState = error.sqlState, JobStatements.refusals.contains(sqlState) else {
        throw error
      }
      throw LedgerError(.job, error.message)
    }
  }
}
