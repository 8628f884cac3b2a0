import Postgres

/// What an audit runs.
enum AuditStatements {
  /// The order makes a code that is stored win over a stray of the same id.
  static let codes: Statement = """
    SELECT id, NULL::bigint AS job_id, true AS surplus, true AS stray, false AS raw
    FROM codemint.strays WHERE reward_id = $1
    UNION ALL
    SELECT id, NULL::bigint, true, false, true
    FROM codemint.raw_codes WHERE reward_id = $1
    UNION ALL
    SELECT id, job_id, surplus, false, false
    FROM codemint.codes WHERE reward_id = $1
    """

  static let openCalls: Statement = """
    SELECT count(*)::integer AS number FROM codemint.calls
    WHERE reward_id = $1 AND state IN ('sending', 'in_doubt')
    """
}
