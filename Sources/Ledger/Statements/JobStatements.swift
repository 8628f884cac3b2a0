import Postgres

/// What producers and operators run.
enum JobStatements {
  /// Text is cast in the database, so that what it refuses is refused in its own words, and
  /// whatever Postgres reads as a time will do.
  static let enqueue: Statement = """
    INSERT INTO codemint.jobs (reward_id, count, prefix, priority, run_at, dedupe_key, metadata)
    VALUES ($1::text::uuid, $2, $3, coalesce($4::smallint, 5),
            coalesce($5::text::timestamptz, clock_timestamp()), $6, $7::text::jsonb)
    RETURNING id
    """

  static let status: Statement = """
    SELECT id, reward_id, state, count, issued, outstanding, surplus, in_doubt,
           codes_per_second::double precision, time_left::text, paused, held, priority,
           error_code, error_message, next_call_at::text, created_at::text, finished_at::text
    FROM codemint.job_status
    WHERE id = ANY ($1::bigint[])
    ORDER BY id
    """

  /// Open jobs come before finished ones when there is not room for all. Each half is cut where it
  /// is read, so that it does not matter how many jobs there are.
  static let recent: Statement = """
    SELECT * FROM (
      SELECT * FROM (
        (SELECT id, reward_id, state, count, issued, outstanding, surplus, in_doubt,
                codes_per_second::double precision, time_left::text, paused, held, priority,
                error_code, error_message, next_call_at::text, created_at::text, finished_at::text
         FROM codemint.job_status
         WHERE state IN ('queued', 'running', 'ending') ORDER BY id DESC LIMIT $1)
        UNION ALL
        (SELECT id, reward_id, state, count, issued, outstanding, surplus, in_doubt,
                codes_per_second::double precision, time_left::text, paused, held, priority,
                error_code, error_message, next_call_at::text, created_at::text, finished_at::text
         FROM codemint.job_status
         WHERE state IN ('completed', 'failed', 'cancelled') ORDER BY id DESC LIMIT $1)) AS found
      ORDER BY finished_at IS NOT NULL, id DESC
      LIMIT $1
    ) AS chosen
    ORDER BY id DESC
    """

  /// By itself, since it looks at codes: who asks every moment how jobs stand has no need of it.
  static let sync: Statement = """
    SELECT id, sync_pending, sync_error, sync_done_at::text
    FROM codemint.job_status
    WHERE id = ANY ($1::bigint[])
    """

  static let account: Statement = """
    SELECT state, reason, message, paused_until::text, requests_per_second,
           current_requests_per_second, pace_reason, in_flight,
           workers::integer
    FROM codemint.account_status
    WHERE name = 'default'
    """

  static let resolve: Statement = """
    SELECT codemint.resolve_call($1::text::uuid, $2, $3) AS outcome
    """

  static let cancel: Statement = "SELECT codemint.cancel_job($1, $2) AS outcome"
  static let pause: Statement = "SELECT codemint.pause_job($1, $2) AS outcome"
  static let resume: Statement = "SELECT codemint.resume_job($1, $2) AS outcome"
  static let retry: Statement = "SELECT codemint.retry_job($1, $2) AS outcome"

  /// What the functions for operators refuse with: a word they do not know, a call or job that does
  /// not exist or is in another state, and what is no UUID.
  static let refusals: Set<String> = ["22023", "P0002", "55000", "22P02", "02000"]
}
