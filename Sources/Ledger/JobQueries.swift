public import Postgres

/// What producers and operators do: insert jobs, and see how they stand. The worker has no part in it;
/// psql can do all of it as well.
public struct JobQueries: Sendable {
  let pool: Pool

  /// Text is cast in the database, so that what it refuses is refused in its own words, and
  /// whatever Postgres reads as a time will do.
  private static let enqueue: Statement = """
    INSERT INTO codemint.jobs (reward_id, count, prefix, priority, run_at, dedupe_key, metadata)
    VALUES ($1::text::uuid, $2, $3, coalesce($4::smallint, 5),
            coalesce($5::text::timestamptz, clock_timestamp()), $6, $7::text::jsonb)
    RETURNING id
    """

  /// The columns that `JobStatus` reads.
  private static let columns = """
    id, reward_id, state, count, issued, outstanding, surplus, in_doubt,
    codes_per_second::double precision, time_left::text, paused, held, priority,
    error_code, error_message, next_call_at::text, created_at::text, finished_at::text
    """

  private static func status(_ view: String) -> Statement {
    Statement("SELECT \(columns) FROM \(view) WHERE id = ANY ($1::bigint[]) ORDER BY id")
  }

  /// Open jobs come before finished ones if not all fit. Each half is cut where it is read, so that it
  /// does not matter how many jobs there are.
  private static func recent(_ view: String) -> Statement {
    Statement(
      """
      SELECT * FROM (
        SELECT * FROM (
          (SELECT \(columns)
           FROM \(view)
           WHERE state IN ('queued', 'running', 'ending') ORDER BY id DESC LIMIT $1)
          UNION ALL
          (SELECT \(columns)
           FROM \(view)
           WHERE state IN ('completed', 'failed', 'cancelled') ORDER BY id DESC LIMIT $1)) AS found
        ORDER BY finished_at IS NOT NULL, id DESC
        LIMIT $1
      ) AS chosen
      ORDER BY id DESC
      """
    )
  }

  /// A statement of its own, because it reads codes: a progress display does not need that each time.
  private static func sync(_ view: String) -> Statement {
    Statement(
      """
      SELECT id, sync_pending, sync_error, sync_done_at::text FROM \(view)
      WHERE id = ANY ($1::bigint[])
      """
    )
  }

  /// Producers see their own jobs in a view of their own.
  private static let view: Statement = """
    SELECT CASE WHEN has_any_column_privilege('codemint.job_status', 'SELECT') THEN 'codemint.job_status'
                ELSE 'codemint.my_jobs' END AS view
    """

  /// Queries to this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// Inserts a job, as any producer may with an INSERT of its own.
  /// - Returns: The job's number.
  /// - Throws: `LedgerError` with the constraint's sentence if the database refuses the row.
  public func enqueue(_ job: JobRequest) async throws -> Int64 {
    do throws(PostgresError) {
      let rows = try await pool.query(
        Self.enqueue,
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

  /// The view in which this login sees jobs.
  private func view() async throws(PostgresError) -> String {
    try await pool.query(Self.view).one().text("view")
  }

  /// How these jobs stand, in the order of their numbers.
  /// - Throws: `LedgerError` naming a job that does not exist, or the database's error.
  public func status(of jobs: [Int64]) async throws -> [JobStatus] {
    let rows = try await pool.query(Self.status(view()), [.int8s(jobs)])
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
    for row in try await pool.query(Self.recent(view()), [.int4(Int32(limit))]) {
      found.append(try JobStatus(row))
    }
    return found
  }

  /// How far the codes of these jobs are in other systems.
  public func sync(of jobs: [Int64]) async throws(PostgresError) -> [Int64: JobSync] {
    var found: [Int64: JobSync] = [:]
    for row in try await pool.query(Self.sync(view()), [.int8s(jobs)]) {
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
    try AccountStatus(try await pool.query(AccountStatus.statement).one())
  }
}

/// What a producer asks for: one row of `codemint.jobs`.
///
/// Nothing is checked here; the database refuses what it does not take, with a sentence.
public struct JobRequest: Hashable, Sendable {
  /// The reward, as text.
  public var reward: String
  /// How many codes.
  public var count: Int32
  /// What the codes shall begin with.
  public var prefix: String?
  /// 0 (first) to 9 (last); nil for the database's default.
  public var priority: Int16?
  /// An SQL timestamp, such as `2026-12-24 08:00+01` or `tomorrow`; nil for now.
  public var runAt: String?
  /// Unique for ever.
  public var dedupeKey: String?
  /// A JSON object.
  public var metadata: String?

  /// A request for codes.
  public init(
    reward: String,
    count: Int32,
    prefix: String? = nil,
    priority: Int16? = nil,
    runAt: String? = nil,
    dedupeKey: String? = nil,
    metadata: String? = nil
  ) {
    self.reward = reward
    self.count = count
    self.prefix = prefix
    self.priority = priority
    self.runAt = runAt
    self.dedupeKey = dedupeKey
    self.metadata = metadata
  }
}
