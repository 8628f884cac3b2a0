import Postgres

/// What an export runs, within one transaction. The database writes the lines.
enum ExportStatements {
  static let utc: Statement = "SET LOCAL TIME ZONE 'UTC'"

  static let exists: Statement = "SELECT id FROM codemint.jobs WHERE id = $1"

  static let next: Statement = "FETCH 2000 FROM export"

  /// The names of the columns, in the order of a line.
  static let columns =
    "id,code,job_id,reward_id,status,sync_status,external_ids,created_at,expires_at,updated_at,"
    + "stored_at,synced_at"

  static let jsonLines: Statement = """
    DECLARE export NO SCROLL CURSOR FOR
    SELECT row_to_json(c)::text AS line
    FROM (SELECT id, code, job_id, reward_id, status, sync_status, external_ids, created_at,
                 expires_at, updated_at, stored_at, synced_at
          FROM codemint.codes WHERE job_id = $1 AND NOT surplus) AS c
    """

  /// Texts are put into quotes where they have to be; times are as in JSON.
  static let csv: Statement = """
    DECLARE export NO SCROLL CURSOR FOR
    SELECT concat_ws(',', c.id::text, q.code, c.job_id::text, c.reward_id::text, q.status,
             c.sync_status, q.external_ids,
             coalesce(to_json(c.created_at) #>> '{}', ''),
             coalesce(to_json(c.expires_at) #>> '{}', ''),
             coalesce(to_json(c.updated_at) #>> '{}', ''),
             coalesce(to_json(c.stored_at) #>> '{}', ''),
             coalesce(to_json(c.synced_at) #>> '{}', '')) AS line
    FROM codemint.codes c
    CROSS JOIN LATERAL (
      SELECT CASE WHEN c.code ~ '[",\\r\\n]' THEN '"' || replace(c.code, '"', '""') || '"'
                  ELSE c.code END AS code,
             CASE WHEN c.status ~ '[",\\r\\n]' THEN '"' || replace(c.status, '"', '""') || '"'
                  ELSE c.status END AS status,
             '"' || replace(c.external_ids::text, '"', '""') || '"' AS external_ids) AS q
    WHERE c.job_id = $1 AND NOT c.surplus
    """
}
