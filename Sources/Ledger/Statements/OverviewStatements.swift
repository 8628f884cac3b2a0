import Postgres

/// What the status page and the metrics run: each part of it by an index, since they ask for ever.
enum OverviewStatements {
  /// Jobs that somebody wants to see: those that run or wait for a person, the next in the line, the
  /// latest that have ended. The pace of a job that runs is reckoned from its start. It is jsonb,
  /// which prints on one line, as an event of the page has to.
  static let page: Statement = """
    WITH chosen AS (
      (SELECT id FROM codemint.jobs WHERE held ORDER BY id LIMIT 50)
      UNION
      (SELECT id FROM codemint.jobs WHERE state IN ('running', 'ending') ORDER BY id LIMIT 50)
      UNION
      (SELECT id FROM codemint.jobs WHERE turn IS NOT NULL ORDER BY priority, turn, id LIMIT 20)
      UNION
      (SELECT id FROM codemint.jobs WHERE finished_at IS NOT NULL
       ORDER BY finished_at DESC LIMIT 20)
    ), jobs AS (
      SELECT j.id, j.reward_id, j.state, j.count, j.issued, j.outstanding, j.surplus, j.priority,
             j.paused, j.held, j.error_code, j.error_message, j.created_at, j.finished_at,
             j.next_call_at,
             CASE WHEN j.state = 'running' AND j.issued > 0 THEN round(
               (j.count - j.issued)
               * extract(epoch FROM clock_timestamp() - j.started_at) / j.issued) END AS seconds_left
      FROM codemint.jobs j JOIN chosen USING (id)
    )
    SELECT jsonb_build_object(
      'account', (SELECT to_jsonb(a) FROM codemint.account_status a LIMIT 1),
      'jobs', (SELECT coalesce(jsonb_agg(j ORDER BY j.finished_at DESC NULLS FIRST, j.id), '[]')
               FROM jobs j),
      'doubts', (SELECT coalesce(jsonb_agg(d), '[]') FROM (
                   SELECT call_id, job_id, reward_id, size, error_code, error_message, held_at,
                          hold_reason, codes_found, what_to_do,
                          extract(epoch FROM since)::bigint AS seconds
                   FROM codemint.doubts ORDER BY held_at NULLS LAST, call_id LIMIT 50) d),
      'workers', (SELECT coalesce(jsonb_agg(w), '[]') FROM (
                    SELECT id, host, process, version, draining,
                           started_at
                    FROM codemint.workers WHERE expires_at >= clock_timestamp()
                    ORDER BY started_at LIMIT 50) w)
    )::text AS page
    """

  static let gauges: Statement = """
    SELECT j.*, c.*, a.state AS account_state,
           a.current_requests_per_second AS requests_per_second, a.in_flight::bigint,
           a.workers::bigint,
           (SELECT count(*) FROM codemint.rewards WHERE closed_at IS NOT NULL) AS closed_rewards,
           (SELECT count(*) FROM codemint.strays) AS strays
    FROM (
      SELECT count(*) FILTER (WHERE state = 'queued') AS queued,
             count(*) FILTER (WHERE state = 'running') AS running,
             count(*) FILTER (WHERE state = 'ending') AS ending,
             count(*) FILTER (WHERE held) AS held,
             count(*) FILTER (WHERE paused) AS paused,
             coalesce(sum(count - issued) FILTER (WHERE state = 'running'), 0) AS codes_wanted
      FROM codemint.jobs WHERE state IN ('queued', 'running', 'ending')
    ) AS j
    CROSS JOIN (
      SELECT count(*) FILTER (WHERE held_at IS NULL) AS doubts,
             count(*) FILTER (WHERE held_at IS NOT NULL) AS held_calls,
             coalesce(extract(epoch FROM clock_timestamp() - min(updated_at)), 0)::double precision
               AS oldest_doubt_seconds
      FROM codemint.calls WHERE state = 'in_doubt'
    ) AS c
    CROSS JOIN (SELECT * FROM codemint.account_status WHERE name = 'default') AS a
    """
}
