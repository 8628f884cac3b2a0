public import Postgres

/// What the status page and the metrics show. Neither ever holds the value of a code.
public struct OverviewQueries: Sendable {
  /// How long an answer may take: who watches over a daemon waits no longer.
  public static let deadline: Duration = .seconds(5)

  private let pool: Pool

  /// Jobs that somebody wants to see: those that run, are paused or wait for a person, the heads of the queues, the
  /// latest that have ended. It is jsonb, which prints on one line, as an event of the page has to.
  ///
  /// Rewards whose codes other systems do not take, or that cannot be listed, come from the few
  /// rows that say so: `codemint.sync_problems` reads every code in error, which is too much for
  /// every second. Up to 100 such codes are counted, and say why in words of ours.
  public static let page: Statement = """
    WITH chosen AS MATERIALIZED (
      (SELECT id FROM codemint.jobs WHERE held ORDER BY id LIMIT 50)
      UNION
      (SELECT id FROM codemint.jobs WHERE state IN ('running', 'ending') ORDER BY id LIMIT 50)
      UNION
      (SELECT id FROM codemint.jobs WHERE paused AND state IN ('queued', 'running', 'ending')
       ORDER BY id LIMIT 50)
      UNION
      (SELECT new_job FROM codemint.rewards
       WHERE new_job IS NOT NULL AND closed_at IS NULL AND NOT awaits_listing
       ORDER BY queue_priority, new_position, new_job LIMIT 20)
      UNION
      (SELECT job_id FROM codemint.pending_placements ORDER BY priority, position, job_id LIMIT 20)
      UNION
      (SELECT id FROM codemint.jobs WHERE finished_at IS NOT NULL
       ORDER BY finished_at DESC LIMIT 20)
    ), jobs AS (
      SELECT j.id, j.reward_id, j.state, j.count, j.issued, j.outstanding, j.surplus, j.priority,
             j.paused, j.held, j.error_code, j.error_message, j.created_at, j.finished_at,
             j.next_call_at, j.prefix, j.created_by, j.dedupe_key, j.started_at, j.run_at,
             left(j.metadata ->> 'campaign', 100) AS campaign, w.reason, w.why, w.since, w.until,
             CASE WHEN NOT j.held AND j.paused AND j.finished_at IS NULL
                  THEN format('SELECT codemint.resume_job(%s)', j.id)
                  WHEN j.held AND NOT EXISTS (SELECT FROM codemint.calls c
                                              WHERE c.job_id = j.id AND c.held_at IS NOT NULL
                                                AND c.state = 'in_doubt')
                  THEN format('SELECT codemint.retry_job(%s, ''why'')', j.id) END AS what_to_do,
             (SELECT count(*) FROM (
                SELECT FROM codemint.codes c
                WHERE c.job_id = j.id AND c.sync_status = 'error' AND NOT c.surplus
                LIMIT 100) e) AS sync_errors,
             (SELECT s.time_left FROM codemint.job_status s WHERE s.id = j.id) AS time_left
      FROM codemint.jobs j JOIN chosen USING (id)
      LEFT JOIN (SELECT * FROM codemint.waits WHERE job_id = ANY (ARRAY(SELECT id FROM chosen))) w
        ON w.job_id = j.id
    ), sync AS (
      SELECT t.reward_id, t.system, t.resyncs, t.next_pass_at, t.given_up_at, t.request_error,
             count(c.id) AS codes,
             mode() WITHIN GROUP (ORDER BY codemint.error_class(c.external_ids -> t.system ->> 'error')) AS error,
             CASE WHEN t.given_up_at IS NOT NULL
                  THEN format('SELECT codemint.track_sync(%L)', t.reward_id) END AS what_to_do
      FROM (
        (SELECT r.reward_id, r.system, r.attempts AS resyncs, f.next_pass_at,
                coalesce(r.given_up_at, f.given_up_at) AS given_up_at,
                coalesce(r.error_message, f.error_message) AS request_error
         FROM (SELECT * FROM codemint.resyncs ORDER BY given_up_at, reward_id, system LIMIT 20) r
         LEFT JOIN codemint.tracked_rewards f ON f.reward_id = r.reward_id)
        UNION ALL
        (SELECT f.reward_id, NULL, 0, f.next_pass_at, f.given_up_at, f.error_message
         FROM (SELECT * FROM codemint.tracked_rewards
               WHERE given_up_at IS NOT NULL OR failures > 0
               ORDER BY given_up_at, reward_id LIMIT 100) f
         LEFT JOIN LATERAL (
           SELECT r.system FROM codemint.resyncs r WHERE r.reward_id = f.reward_id LIMIT 1) r ON true
         WHERE r.system IS NULL
         ORDER BY f.given_up_at, f.reward_id
         LIMIT 20)
        ORDER BY given_up_at NULLS LAST, reward_id, system
        LIMIT 20) t
      LEFT JOIN LATERAL (
        -- Each LIMIT keeps its part apart, so that the planner begins with the reward and reads indexes. Of a
        -- reward with thousands of jobs the first 500 are looked at.
        SELECT k.id, k.external_ids
        FROM (SELECT j.id FROM codemint.jobs j
              WHERE j.reward_id = t.reward_id AND j.has_codes
              LIMIT 500) j
        CROSS JOIN LATERAL (
          SELECT c.id, c.external_ids FROM codemint.codes c
          WHERE c.job_id = j.id AND c.sync_status = CASE WHEN t.system IS NULL THEN 'pending'
                                                         ELSE 'error' END
            AND (t.system IS NULL OR c.external_ids -> t.system ->> 'syncStatus' = 'error')
          LIMIT 100) k
        LIMIT 100) c ON true
      GROUP BY 1, 2, 3, 4, 5, 6
    )
    SELECT jsonb_build_object(
      'database', current_database(),
      'verdict', (SELECT to_jsonb(v) FROM codemint.verdict v),
      'needs_you', (SELECT coalesce(jsonb_agg(n), '[]') FROM codemint.needs_you n),
      'counts', (SELECT to_jsonb(c) FROM codemint.count_jobs() c),
      'account', (SELECT to_jsonb(a) FROM codemint.account_status a LIMIT 1),
      'jobs', (SELECT coalesce(jsonb_agg(j ORDER BY j.finished_at DESC NULLS FIRST, j.id), '[]')
               FROM jobs j),
      'doubts', (SELECT coalesce(jsonb_agg(d), '[]') FROM (
                   SELECT call_id, job_id, reward_id, size, error_code, error_message, held_at,
                          hold_reason, codes_found, seen, look_for, adopt_means, absent_means,
                          what_to_do,
                          extract(epoch FROM since)::bigint AS seconds
                   FROM codemint.doubts ORDER BY held_at NULLS LAST, call_id LIMIT 50) d),
      'sync', (SELECT coalesce(jsonb_agg(s), '[]') FROM sync s),
      'api', (SELECT coalesce(jsonb_agg(f), '[]') FROM (
                SELECT fact, subject, value, state, seen, means, first_seen_at, last_seen_at,
                       witnesses
                FROM codemint.api_facts
                ORDER BY state <> 'contradicted', state = 'as documented', fact, subject, value
                LIMIT 50) f),
      'webhooks', (SELECT coalesce(jsonb_agg(b ORDER BY b.webhook), '[]') FROM codemint.webhook_backlog b),
      'workers', (SELECT coalesce(jsonb_agg(w), '[]') FROM (
                    SELECT id, host, process, version, draining,
                           started_at
                    FROM codemint.workers WHERE expires_at >= clock_timestamp()
                    ORDER BY started_at LIMIT 50) w),
      'unexplained', (SELECT coalesce(jsonb_agg(u), '[]') FROM codemint.unexplained_jobs() u),
      'standstill', codemint.standstill()
    )::text AS page,
    to_json(date_trunc('second', clock_timestamp())) #>> '{}' AS as_of
    """

  /// The codes that calls of the last half hour brought, by minute, the oldest first. The calls of a busy hour are
  /// many, so this is not asked every second, and 100000 calls are read at most.
  public static let minutes: Statement = """
    SELECT coalesce(jsonb_agg(coalesce(c.codes, 0) ORDER BY m.minute), '[]')::text AS minutes
    FROM generate_series(date_trunc('minute', clock_timestamp()) - interval '29 minutes',
                         date_trunc('minute', clock_timestamp()), interval '1 minute') AS m (minute)
    LEFT JOIN (
      SELECT date_trunc('minute', r.created_at) AS minute, sum(r.size - r.outstanding) AS codes
      FROM (SELECT created_at, size, outstanding, state FROM codemint.calls
            WHERE created_at > clock_timestamp() - interval '30 minutes'
            ORDER BY created_at DESC LIMIT 100000) r
      WHERE r.state IN ('issued', 'adopted')
      GROUP BY 1) c USING (minute)
    """

  /// What a health check asks for: a few rows, however large the ledger is.
  public static let standstill: Statement = "SELECT codemint.standstill() AS words"

  /// What the metrics ask for.
  public static let gauges: Statement = """
    SELECT j.*, c.*, a.state AS account_state,
           a.current_requests_per_second AS requests_per_second, a.in_flight::bigint,
           a.workers::bigint,
           (SELECT count(*) FROM codemint.rewards WHERE closed_at IS NOT NULL) AS closed_rewards,
           (SELECT count(*) FROM codemint.unattributed_codes)
             AS unattributed_codes,
           (SELECT count(*) FROM (
              SELECT reward_id FROM codemint.tracked_rewards WHERE given_up_at IS NOT NULL
              UNION
              SELECT reward_id FROM codemint.resyncs WHERE given_up_at IS NOT NULL) g
           ) AS sync_given_up,
           (SELECT count(DISTINCT (f.fact, f.subject)) FROM codemint.observed_facts f
            WHERE f.contradicted_at > clock_timestamp() - interval '7 days') AS contradicted_facts,
           coalesce(extract(epoch FROM clock_timestamp() - a.stalled_since), 0)::double precision
             AS stalled_seconds,
           (SELECT count(*) FROM codemint.unexplained_jobs()) AS unexplained,
           coalesce(extract(epoch FROM clock_timestamp() - codemint.unnumbered_since()), 0)::double precision
             AS unnumbered_seconds, codemint.unread_share() AS unread_share, w.*
    FROM (
      -- Queued jobs can be a million, so they are counted in an index: all that are open, less the others.
      SELECT o.open - r.running - r.ending AS queued, r.running, r.ending, h.held, p.paused,
             r.codes_wanted
      FROM (SELECT count(*) AS open FROM codemint.jobs
            WHERE state IN ('queued', 'running', 'ending')) o,
           (SELECT count(*) FILTER (WHERE state = 'running') AS running,
                   count(*) FILTER (WHERE state = 'ending') AS ending,
                   coalesce(sum(count - issued) FILTER (WHERE state = 'running'), 0) AS codes_wanted
            FROM codemint.jobs WHERE state IN ('running', 'ending')) r,
           (SELECT count(*) AS held FROM codemint.jobs WHERE held) h,
           (SELECT count(*) AS paused FROM codemint.jobs
            WHERE paused AND state IN ('queued', 'running', 'ending')) p
    ) AS j
    CROSS JOIN (
      SELECT count(*) FILTER (WHERE held_at IS NULL) AS doubts,
             count(*) FILTER (WHERE held_at IS NOT NULL) AS held_calls,
             coalesce(extract(epoch FROM clock_timestamp()
               - min(updated_at) FILTER (WHERE held_at IS NULL)), 0)::double precision AS oldest_doubt_seconds
      FROM codemint.calls WHERE state = 'in_doubt'
    ) AS c
    CROSS JOIN (SELECT * FROM codemint.account_status) AS a
    CROSS JOIN (
      SELECT coalesce(sum(waiting), 0)::bigint AS webhook_backlog, coalesce(sum(dead), 0)::bigint AS dead_letters,
             coalesce(extract(epoch FROM clock_timestamp() - min(failing_since)), 0)::double precision
               AS webhook_failing_seconds
      FROM codemint.webhook_backlog
    ) AS w
    """

  /// Queries to this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// Everything that the status page shows.
  public func page() async throws(PostgresError) -> StatusFacts {
    let row = try await pool.read(Self.page, within: Self.deadline).one()
    return StatusFacts(json: try row.text("page"), asOf: try row.text("as_of"))
  }

  /// Everything about one job, as one JSON object; nil if there is no such job. The sync state looks at 5000 codes.
  /// - Parameter deadline: For all of it.
  public func explain(_ job: Int64, within deadline: Duration = Self.deadline)
    async throws(PostgresError) -> String?
  {
    try await JobQueries.explainInBrief(job, pool, within: deadline)
  }

  /// The codes of each minute of the last half hour, as a JSON array.
  public func minutes() async throws(PostgresError) -> String {
    try await pool.read(Self.minutes, within: Self.deadline).one().text("minutes")
  }

  /// Why nothing is done although there is work, in words for everybody; nil if that is not so.
  public func standstill() async throws(PostgresError) -> String? {
    try await pool.read(Self.standstill, within: Self.deadline).one().optionalText("words")
  }

  /// The numbers for the metrics.
  public func gauges() async throws(PostgresError) -> LedgerGauges {
    let row = try await pool.read(Self.gauges, within: Self.deadline).one()
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
      unattributedCodes: Int(try row.int64("unattributed_codes")),
      syncGivenUp: Int(try row.int64("sync_given_up")),
      contradictedFacts: Int(try row.int64("contradicted_facts")),
      stalledSeconds: try row.double("stalled_seconds"),
      unexplained: Int(try row.int64("unexplained")),
      unnumberedSeconds: try row.double("unnumbered_seconds"),
      unreadShare: try row.double("unread_share"),
      webhookBacklog: Int(try row.int64("webhook_backlog")),
      deadLetters: Int(try row.int64("dead_letters")),
      webhookFailingSeconds: try row.double("webhook_failing_seconds"),
      accountState: try row.text("account_state"),
      requestsPerSecond: try row.optionalDouble("requests_per_second"),
      inFlight: Int(try row.int64("in_flight")),
      workers: Int(try row.int64("workers"))
    )
  }
}

/// What the status page shows.
public struct StatusFacts: Hashable, Sendable {
  /// One JSON object on one line, with times as ISO 8601 writes them.
  public let json: String
  /// When the database said so. It is apart, so that two answers can be compared.
  public let asOf: String

  /// The same object with the time in it, as `as_of`.
  public var dated: String { "{\"as_of\": \"\(asOf)\", " + json.dropFirst() }
}

/// How the ledger stands, in numbers that go up and down.
public struct LedgerGauges: Hashable, Sendable {
  /// Jobs that have had no call yet.
  public let queued: Int
  /// Jobs that calls are made for.
  public let running: Int
  /// Jobs that failed or were cancelled and wait for calls that are out.
  public let ending: Int
  /// Jobs that wait for a person.
  public let held: Int
  /// Jobs that an operator paused.
  public let paused: Int
  /// Codes that running jobs still want, those asked for included.
  public let codesWanted: Int
  /// Calls whose outcome is not known and is being found out.
  public let doubts: Int
  /// Calls whose outcome a person has to decide.
  public let heldCalls: Int
  /// Seconds since the oldest that is being found out fell in doubt; zero if there is none. What is
  /// held may wait for long.
  public let oldestDoubtSeconds: Double
  /// Rewards that take no new call because of a doubt.
  public let closedRewards: Int
  /// Codes upstream whose owner is not proven.
  public let unattributedCodes: Int
  /// Rewards with codes whose sync is not final, and that are not listed, or asked for, any more.
  public let syncGivenUp: Int
  /// Facts about the API that were contradicted within the last week.
  public let contradictedFacts: Int
  /// Seconds since nothing is claimed although jobs could be; zero unless that is a minute or more.
  public let stalledSeconds: Double
  /// Jobs of which codemint cannot tell why they wait; at most twenty are counted.
  public let unexplained: Int
  /// Seconds since the oldest event that has no number yet; zero if there is none.
  public let unnumberedSeconds: Double
  /// How full the server's queue of notifications is; from 1 on codemint sends none.
  public let unreadShare: Double
  /// Events that webhooks have still to get.
  public let webhookBacklog: Int
  /// Events that webhooks did not take, and that are not sent again by themselves.
  public let deadLetters: Int
  /// Seconds since the webhook that has failed the longest took anything; zero if none fails.
  public let webhookFailingSeconds: Double
  /// open, trying, paused, upgrading, failing, blocked or suspended.
  public let accountState: String
  /// The pace in force; nil before the first daemon has come.
  public let requestsPerSecond: Double?
  /// Calls of the whole fleet that wait for their answer.
  public let inFlight: Int
  /// Daemons that live.
  public let workers: Int
}
