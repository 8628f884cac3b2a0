import Postgres

/// What an audit runs.
enum AuditStatements {
  /// The order makes a code that is stored win over a stray of the same id.
  ///
  /// Codes have no index by reward, which each would pay for as it is stored: they are found by their
  /// jobs. Beside those there are surplus codes of no job, and the ids of purged jobs' codes, which are
  /// looked through only where a job of the reward was purged.
  static let codes: Statement = """
    SELECT id, NULL::bigint AS job_id, true AS surplus, true AS stray, false AS raw
    FROM codemint.strays WHERE reward_id = $1
    UNION ALL
    SELECT id, NULL::bigint, true, false, true
    FROM codemint.raw_codes WHERE reward_id = $1
    UNION ALL
    SELECT c.id, c.job_id, c.surplus, false, false
    FROM codemint.jobs j JOIN codemint.codes c ON c.job_id = j.id
    WHERE j.reward_id = $1 AND j.issued + j.surplus > 0
    UNION ALL
    SELECT id, job_id, surplus, false, false
    FROM codemint.codes WHERE reward_id = $1 AND surplus AND job_id IS NULL
    UNION ALL
    SELECT id, job_id, surplus, false, false
    FROM codemint.codes
    WHERE job_id IS NULL AND sync_status = 'none' AND purged_at IS NOT NULL AND reward_id = $1
      AND EXISTS (SELECT FROM codemint.purges p WHERE p.reward_id = $1)
    """

  /// Each kind by its own small index.
  static let openCalls: Statement = """
    SELECT ((SELECT count(*) FROM codemint.calls WHERE reward_id = $1 AND state = 'sending')
            + (SELECT count(*) FROM codemint.calls WHERE reward_id = $1 AND state = 'in_doubt')
           )::integer AS number
    """
}
