import Postgres

/// Which jobs `codemint status` shows.
public struct JobFilter: Hashable, Sendable {
  /// A state of a job, `open`, `held` or `paused`; nil for all.
  public var state: String?
  /// The reward's id, or how it begins.
  public var reward: String?
  /// The role that inserted the job.
  public var creator: String?
  /// The earliest time of insertion, as Postgres reads a time.
  public var since: String?

  /// A filter; nil leaves all jobs in.
  public init(
    state: String? = nil,
    reward: String? = nil,
    creator: String? = nil,
    since: String? = nil
  ) {
    self.state = state
    self.reward = reward
    self.creator = creator
    self.since = since
  }

  /// What `state` may be.
  public static let states = [
    "open", "held", "paused", "queued", "running", "ending", "completed", "failed", "cancelled",
  ]
}

/// What people ask who want to know how it is: answers are JSON as Postgres makes it, with times as ISO 8601
/// writes them and with every null.
extension JobQueries {
  /// The columns of a job in lists. Sync counts are among them, so a list is no question for every second.
  private static let listed = """
    id, state, paused, held, reward_id, prefix, count, issued, outstanding, surplus, in_doubt,
    codes_per_second, time_left, sync_pending, sync_error, sync_done_at, priority, error_code, error_message,
    next_call_at, run_at, created_by, dedupe_key, metadata, metadata ->> 'campaign' AS campaign, created_at, started_at,
    finished_at
    """

  /// $1 is the most jobs, $2 to $5 are the filter, and $6 are jobs by number. Held jobs come first, then those
  /// that run, those that wait, and those that have ended. Each part is cut where it is read.
  private static func list(_ view: String, waits: String?, judges: Bool) -> Statement {
    let filter = """
      ($2::text IS NULL OR state = $2 OR $2 = 'held' AND held AND finished_at IS NULL
        OR $2 = 'paused' AND paused AND finished_at IS NULL OR $2 = 'open' AND finished_at IS NULL)
      AND ($3::text IS NULL OR starts_with(reward_id::text, lower($3)))
      AND ($4::text IS NULL OR created_by = $4)
      AND ($5::text IS NULL OR created_at >= $5::text::timestamptz)
      AND ($6::bigint[] IS NULL OR id = ANY ($6))
      """
    let parts = [
      "held AND state IN ('queued', 'running', 'ending')",
      "NOT held AND state IN ('running', 'ending')",
      "NOT held AND state = 'queued'",
      "state IN ('completed', 'failed', 'cancelled')",
    ].enumerated().map { rank, condition in
      "(SELECT id, \(rank) AS rank FROM \(view) WHERE \(condition) AND \(filter) LIMIT $1)"
    }.joined(separator: "\nUNION ALL\n")
    let judgement = """
      'verdict', (SELECT to_jsonb(v) FROM codemint.verdict v),
      'needs_you', (SELECT coalesce(jsonb_agg(n), '[]') FROM codemint.needs_you n),
      """
    let reasons = waits.map {
      """
      (SELECT job_id, reason, why, until, since, \(judges ? "what_to_do, command" : "NULL::text AS what_to_do, NULL::text AS command") FROM \($0)
       WHERE job_id = ANY (ARRAY(SELECT id FROM chosen)))
      """
    }
    let noReasons = """
      (SELECT NULL::bigint AS job_id, NULL::text AS reason, NULL::text AS why, NULL::timestamptz AS until,
              NULL::timestamptz AS since, NULL::text AS what_to_do, NULL::text AS command LIMIT 0)
      """
    return Statement(
      """
      WITH chosen AS MATERIALIZED (
        SELECT * FROM (\(parts)) found ORDER BY rank, id DESC LIMIT $1
      ), jobs AS (
        SELECT c.rank, j.*, w.reason, w.why, w.since, w.until, w.what_to_do, w.command
        FROM chosen c
        JOIN (SELECT \(listed) FROM \(view) WHERE id = ANY (ARRAY(SELECT id FROM chosen))) j USING (id)
        LEFT JOIN \(reasons ?? noReasons) w ON w.job_id = c.id
      )
      SELECT jsonb_build_object(
        'as_of', date_trunc('second', clock_timestamp()),
        \(judges ? judgement : "")
        'account', (SELECT to_jsonb(a) FROM codemint.account_status a LIMIT 1),
        'jobs', (SELECT coalesce(jsonb_agg(to_jsonb(j) - 'rank' ORDER BY j.rank, j.id DESC), '[]') FROM jobs j),
        'total', (SELECT count(*) FROM (
                    SELECT FROM \(view)
                    WHERE \(filter)
                      AND (num_nonnulls($2, $3, $4, $5) > 0 OR $6 IS NOT NULL
                           OR state IN ('queued', 'running', 'ending'))
                    LIMIT 10001) t)
      )::text AS report
      """
    )
  }

  /// Everything about one job, with its sync as this query has it. A producer sees nothing but its own job, what
  /// happened to it and why it waits.
  private static func explanation(_ sync: String, forProducer: Bool = false) -> Statement {
    let none = "'[]'::jsonb"
    func list(_ order: String, _ rows: String) -> String {
      "(SELECT coalesce(jsonb_agg(l ORDER BY \(order)), '[]') FROM (\(rows)) l)"
    }
    let calls = list(
      "l.created_at DESC, l.id",
      "SELECT \(call) FROM codemint.calls WHERE job_id = j.id ORDER BY created_at DESC, id LIMIT 20"
    )
    let actions = list(
      "l.id DESC",
      "SELECT \(action) FROM codemint.job_actions WHERE job_id = j.id ORDER BY id DESC LIMIT 20"
    )
    let needs =
      "(SELECT coalesce(jsonb_agg(n), '[]') FROM codemint.needs_you n WHERE n.job_id = j.id)"
    let doubts = """
      (SELECT coalesce(jsonb_agg(to_jsonb(d) - 'since'), '[]') FROM (
         SELECT * FROM codemint.doubts WHERE job_id = j.id ORDER BY held_at, call_id LIMIT 20) d)
      """
    let waits =
      forProducer
      ? """
      (SELECT to_jsonb(w) || jsonb_build_object('what_to_do', '', 'command', NULL) FROM codemint.my_waits w WHERE w.job_id = j.id)
      """
      : "(SELECT to_jsonb(w) FROM codemint.waits w WHERE w.job_id = j.id)"
    return Statement(
      """
      SELECT jsonb_build_object(
        'as_of', date_trunc('second', clock_timestamp()),
        'job', to_jsonb(j),
        'waits', \(waits),
        'needs_you', \(forProducer ? none : needs),
        'doubts', \(forProducer ? none : doubts),
        'sync', \(sync),
        'calls', \(forProducer ? none : calls),
        'actions', \(forProducer ? none : actions),
        'events', (SELECT coalesce(jsonb_agg(e ORDER BY e.id DESC), '[]') FROM (
                     SELECT id, kind, at, detail FROM codemint.\(forProducer ? "my_events" : "events")
                     WHERE job_id = j.id ORDER BY id DESC LIMIT 20) e)
      )::text AS report
      FROM (SELECT id, state, paused, held, reward_id, prefix, count, issued, outstanding, surplus, in_doubt,
                   codes_per_second, time_left, priority, error_code, error_message, next_call_at, run_at,
                   created_by, dedupe_key, metadata, created_at, started_at, finished_at, sync_done_at
            FROM codemint.\(forProducer ? "my_jobs" : "job_status") WHERE id = $1) j
      """
    )
  }

  /// The sync of all codes. Operators may not read `external_ids`, but the view counts for them.
  private static let explained = explanation(syncCounts(in: "job_status"))

  private static let explainedToProducer = explanation(
    syncCounts(in: "my_jobs"),
    forProducer: true
  )

  private static func syncCounts(in view: String) -> String {
    """
    (SELECT coalesce(jsonb_agg(jsonb_build_object('system', s.key, 'sync_status', w.key, 'codes', w.value)
                               ORDER BY s.key, w.key), '[]')
     FROM codemint.\(view) v CROSS JOIN jsonb_each(v.sync_systems) s CROSS JOIN jsonb_each(s.value) w
     WHERE v.id = j.id)
    """
  }

  /// The sync of 5000 codes at most, because anybody may ask for the page, and as often as they like.
  private static let explainedInBrief = explanation(
    """
    (SELECT coalesce(jsonb_agg(s), '[]') FROM (
         -- Only names and words that the API's documents have are shown: others could quote a code.
         SELECT CASE WHEN e.key IN ('shopify', 'stripe') THEN e.key ELSE 'other' END AS system,
                CASE WHEN e.value ->> 'syncStatus' IN ('none', 'pending', 'synced', 'error')
                     THEN e.value ->> 'syncStatus' ELSE 'other' END AS sync_status,
                count(*) AS codes
         FROM (SELECT c.external_ids FROM codemint.codes c
               WHERE c.job_id = j.id AND NOT c.surplus LIMIT 5000) c
         CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(c.external_ids) = 'object'
                                            THEN c.external_ids ELSE '{}' END) AS e
         WHERE jsonb_typeof(e.value) = 'object'
         GROUP BY 1, 2 ORDER BY 1, 2) s)
    """
  )

  private static let call = """
    created_at, id, job_id, reward_id, state, size, received, http_status, duration_ms, error_code, error_message,
    held_at, hold_reason, resolution, resolved_by, resolved_at, resolution_note, send_at, settled_at
    """
  private static let action =
    "id, job_id, action, note, done_by, done_at, state_before, state_after"

  private static let calls = Statement(
    """
    SELECT coalesce(jsonb_agg(c ORDER BY c.created_at DESC, c.id), '[]')::text AS report FROM (
      SELECT \(call) FROM codemint.calls
      WHERE ($1::bigint IS NULL OR job_id = $1) AND ($2::text IS NULL OR state = $2)
      ORDER BY created_at DESC, id LIMIT $3) c
    """
  )

  private static let actions = Statement(
    """
    SELECT coalesce(jsonb_agg(a ORDER BY a.id DESC), '[]')::text AS report FROM (
      SELECT \(action) FROM codemint.job_actions
      WHERE $1::bigint IS NULL OR job_id = $1
      ORDER BY id DESC LIMIT $2) a
    """
  )

  /// Producers and readers are not asked to judge. Producers see why their own jobs wait.
  private static let sight: Statement = """
    SELECT CASE WHEN has_any_column_privilege('codemint.job_status', 'SELECT') THEN 'codemint.job_status'
                ELSE 'codemint.my_jobs' END AS view,
           has_any_column_privilege('codemint.verdict', 'SELECT') AS judges,
           CASE WHEN has_any_column_privilege('codemint.waits', 'SELECT') THEN 'codemint.waits'
                WHEN has_any_column_privilege('codemint.my_waits', 'SELECT') THEN 'codemint.my_waits' END AS waits
    """

  /// How it is, and the jobs that match, as one JSON object.
  /// - Parameter jobs: Their numbers; nil for all that match the filter.
  public func report(
    _ filter: JobFilter,
    jobs: [Int64]?,
    limit: Int
  ) async throws -> String {
    do throws(PostgresError) {
      let sight = try await pool.read(Self.sight).one()
      return try await pool.read(
        Self.list(
          try sight.text("view"),
          waits: try sight.optionalText("waits"),
          judges: try sight.bool("judges")
        ),
        [
          .int4(Int32(limit)), .text(filter.state), .text(filter.reward), .text(filter.creator),
          .text(filter.since), jobs.map { .int8s($0) } ?? .null,
        ]
      ).one().text("report")
    } catch {
      guard error.isContentRefused else { throw error }
      throw LedgerError(.job, error.message)
    }
  }

  /// Everything about one job, as one JSON object.
  /// - Throws: `LedgerError` if there is no such job, or the database's error.
  public func explain(_ job: Int64) async throws -> String {
    let judges = try await pool.read(Self.sight).one().bool("judges")
    let statement = judges ? Self.explained : Self.explainedToProducer
    guard let report = try await pool.read(statement, [.int8(job)]).first?.text("report") else {
      throw LedgerError(.job, "there is no job \(job)")
    }
    return report
  }

  /// The same for the page; nil if there is no such job.
  static func explainInBrief(_ job: Int64, _ pool: Pool, within deadline: Duration)
    async throws(PostgresError) -> String?
  {
    try await pool.read(explainedInBrief, [.int8(job)], within: deadline).first?.text("report")
  }

  /// The latest calls, newest first, as a JSON array.
  public func calls(of job: Int64?, state: String?, limit: Int) async throws -> String {
    try await pool.read(
      Self.calls,
      [.int8(job), .text(state), .int4(Int32(limit))]
    ).one().text("report")
  }

  /// The latest actions of operators, newest first, as a JSON array.
  public func actions(on job: Int64?, limit: Int) async throws -> String {
    try await pool.read(
      Self.actions,
      [.int8(job), .int4(Int32(limit))]
    ).one().text("report")
  }
}
