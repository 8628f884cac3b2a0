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

  private static let first: Statement = """
    SELECT id, reward_id = $2::text::uuid AND count = $3 AND prefix IS NOT DISTINCT FROM $4 AS is_same,
           nullif(concat_ws(', ',
             CASE WHEN priority <> $5::smallint THEN format('priority %s and not %s', priority, $5) END,
             -- Of two times that have come, either means now.
             CASE WHEN run_at <> $6::text::timestamptz
                    AND greatest(run_at, $6::text::timestamptz) > clock_timestamp()
                  THEN format('run_at %s and not %s', run_at, $6::text::timestamptz) END,
             CASE WHEN metadata IS DISTINCT FROM $7::text::jsonb AND $7 IS NOT NULL THEN 'other metadata' END), '')
             AS differs
    FROM codemint.my_jobs WHERE dedupe_key = $1
    """

  private static let check: Statement = """
    SELECT verdict, about, finding
    FROM codemint.check_job($1::text::uuid, $2, $3, $4, $5, $6::text::timestamptz, $7::text::jsonb)
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

  /// Inserts a job, as any producer may with an INSERT of its own. If the same job was inserted before under its key,
  /// nothing happens: a program that does not know whether it was may ask again.
  /// - Returns: The job's number, whether it was inserted now, and what of it is not as it was asked for now.
  /// - Throws: `LedgerError` with the constraint's sentence if the database refuses the row.
  public func enqueue(_ job: JobRequest) async throws -> (
    job: Int64, isNew: Bool, differs: String?
  ) {
    do throws(PostgresError) {
      let rows = try await pool.query(
        Self.enqueue,
        [
          .text(job.reward), .int4(job.count), .text(job.prefix), .int2(job.priority),
          .text(job.runAt), .text(job.dedupeKey), .text(job.metadata),
        ]
      )
      return (try rows.one().int64("id"), true, nil)
    } catch {
      guard error.sqlState == "23505", let first = try? await first(like: job) else {
        throw Self.refusal(error)
      }
      guard first.isSame else {
        throw LedgerError(
          .job,
          "another job was inserted before with this dedupe_key: job \(first.job)"
        )
      }
      return (first.job, false, first.differs)
    }
  }

  /// The job of this login that has the key of another one, whether both ask for the same codes, and what else is not
  /// as the other one asks for it.
  private func first(like job: JobRequest) async throws(PostgresError) -> (
    job: Int64, isSame: Bool, differs: String?
  )? {
    let rows = try await pool.read(
      Self.first,
      [
        .text(job.dedupeKey), .text(job.reward), .int4(job.count), .text(job.prefix),
        .int2(job.priority), .text(job.runAt), .text(job.metadata),
      ]
    )
    guard let row = rows.first else { return nil }
    return (
      try row.int64("id"), try row.bool("is_same"), try row.optionalText("differs")
    )
  }

  /// What the database says of a job that it refuses, with the name of what is wrong.
  private static func refusal(_ error: PostgresError) -> any Error {
    let words = error.constraint ?? error.message
    switch error.sqlState {
    case "22007", "22008": return LedgerError(.job, "run_at: \(words)")
    case "22P02": return LedgerError(.job, "metadata: \(words)")
    case let state? where state.hasPrefix("23") || error.isContentRefused:
      return LedgerError(.job, words)
    default: return error
    }
  }

  /// What is known beforehand of such a job, as with `codemint.check_job`; nothing is inserted. The first
  /// finding is about the job as a whole.
  public func check(_ job: JobRequest) async throws -> [JobFinding] {
    do throws(PostgresError) {
      let rows = try await pool.read(
        Self.check,
        [
          .text(job.reward), .int4(job.count), .text(job.prefix),
          .int4(job.priority.map(Int32.init)), .text(job.dedupeKey), .text(job.runAt),
          .text(job.metadata),
        ]
      )
      return try rows.map { (row) throws(PostgresError) in
        JobFinding(
          verdict: try row.text("verdict"),
          about: try row.text("about"),
          finding: try row.text("finding")
        )
      }
    } catch {
      throw Self.refusal(error)
    }
  }

  /// The view in which this login sees jobs.
  private func view() async throws(PostgresError) -> String {
    try await pool.read(Self.view).one().text("view")
  }

  /// How these jobs stand, in the order of their numbers.
  /// - Throws: `LedgerError` naming a job that does not exist, or the database's error.
  public func status(of jobs: [Int64]) async throws -> [JobStatus] {
    let rows = try await pool.read(Self.status(view()), [.int8s(jobs)])
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
    for row in try await pool.read(Self.recent(view()), [.int4(Int32(limit))]) {
      found.append(try JobStatus(row))
    }
    return found
  }

  /// How far the codes of these jobs are in other systems.
  public func sync(of jobs: [Int64]) async throws(PostgresError) -> [Int64: JobSync] {
    var found: [Int64: JobSync] = [:]
    for row in try await pool.read(Self.sync(view()), [.int8s(jobs)]) {
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
    try AccountStatus(try await pool.read(AccountStatus.statement).one())
  }
}

/// Something that is known beforehand of a job that somebody may insert.
public struct JobFinding: Hashable, Sendable, Encodable {
  /// refused, waits, doubtful or ok.
  public let verdict: String
  /// What it is about.
  public let about: String
  /// In words.
  public let finding: String
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
