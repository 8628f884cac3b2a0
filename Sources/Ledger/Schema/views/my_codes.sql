-- The codes of a producer's own jobs. As in my_jobs, each column is null while a code of somebody else's
-- job is looked at.
DO $do$
DECLARE
  v_own text := (
    SELECT string_agg(format('CASE WHEN j.created_by = current_user THEN c.%1$I END AS %1$I', a.attname),
                      ', ' ORDER BY a.attnum)
    FROM pg_attribute a
    WHERE a.attrelid = 'codemint.codes'::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attname IN ('id', 'reward_id', 'code', 'status', 'sync_status', 'external_ids', 'created_at',
                        'expires_at', 'updated_at', 'stored_at', 'synced_at'));
BEGIN
  EXECUTE format(
    'CREATE OR REPLACE VIEW codemint.my_codes WITH (security_barrier) AS
     SELECT j.id AS job_id, %s
     FROM codemint.jobs j JOIN codemint.codes c ON c.job_id = j.id
     WHERE j.created_by = current_user AND NOT c.surplus', v_own);
END
$do$;

COMMENT ON VIEW codemint.my_codes IS
  'The codes of the jobs that the current role inserted, without surplus.';
