-- A producer sees its own jobs here; whoever may read calls or codes sees every job. The view reads
-- with its owner's rights, so row security does not choose for it.
--
-- The newest job comes first: a query for the latest few then reads them off the primary key. Behind a
-- security barrier another order would count the codes of every job before it can be cut.
CREATE OR REPLACE VIEW codemint.job_status WITH (security_barrier) AS
SELECT j.id, j.reward_id, j.state, j.count, j.issued, j.outstanding, j.surplus,
       round(100.0 * j.issued / j.count, 1) AS percent,
       round(j.issued / p.seconds, 1) AS codes_per_second,
       CASE WHEN j.state = 'running' AND j.issued > 0
            THEN date_trunc('second',
                            make_interval(secs => (j.count - j.issued) * p.seconds / j.issued))
       END AS time_left,
       (SELECT count(*) FROM codemint.calls c
        WHERE c.job_id = j.id AND c.state = 'in_doubt') AS in_doubt,
       (SELECT count(*) FROM codemint.codes c
        WHERE c.job_id = j.id AND c.sync_status = 'none' AND NOT c.surplus) AS sync_none,
       (SELECT count(*) FROM codemint.codes c
        WHERE c.job_id = j.id AND c.sync_status = 'pending' AND NOT c.surplus) AS sync_pending,
       (SELECT count(*) FROM codemint.codes c
        WHERE c.job_id = j.id AND c.sync_status = 'synced' AND NOT c.surplus) AS sync_synced,
       (SELECT count(*) FROM codemint.codes c
        WHERE c.job_id = j.id AND c.sync_status = 'error' AND NOT c.surplus) AS sync_error,
       -- By system: {"shopify": {"none": 2, "synced": 98}}. Reads every code, if it is asked for.
       (SELECT jsonb_object_agg(s.system, s.counts || CASE WHEN j.issued > s.codes
                 THEN jsonb_build_object('none', j.issued - s.codes) ELSE '{}' END)
        FROM (SELECT w.system, sum(w.codes) AS codes, jsonb_object_agg(w.word, w.codes) AS counts
              FROM (SELECT e.key AS system, coalesce(e.value ->> 'syncStatus', '') AS word,
                           count(*) AS codes
                    FROM codemint.codes c
                    CROSS JOIN LATERAL jsonb_each(
                      CASE WHEN jsonb_typeof(c.external_ids) = 'object'
                           THEN c.external_ids ELSE '{}' END) AS e
                    WHERE c.job_id = j.id AND NOT c.surplus AND jsonb_typeof(e.value) = 'object'
                    GROUP BY 1, 2) AS w
              GROUP BY w.system) AS s) AS sync_systems,
       j.sync_done_at,
       j.paused, j.held, j.priority, j.prefix, j.next_call_at, j.error_code, j.error_message,
       j.created_by, j.created_at, j.started_at, j.finished_at
FROM codemint.jobs j
CROSS JOIN LATERAL (
  -- Null before the start, which greatest alone would take for the shortest of times.
  SELECT CASE WHEN j.started_at IS NOT NULL THEN
           greatest(extract(epoch FROM coalesce(j.finished_at, clock_timestamp()) - j.started_at),
                    0.001) END AS seconds) p
WHERE j.created_by = current_user
   OR (SELECT has_any_column_privilege('codemint.calls', 'SELECT')
              OR has_table_privilege('codemint.codes', 'SELECT'))
ORDER BY j.id DESC;

COMMENT ON VIEW codemint.job_status IS 'Every job with progress, pace, doubts, sync and last error.';
COMMENT ON COLUMN codemint.job_status.percent IS 'How much of count is issued.';
COMMENT ON COLUMN codemint.job_status.codes_per_second IS
  'Codes per second from the first call until now, or until the end.';
COMMENT ON COLUMN codemint.job_status.time_left IS
  'Until the job is complete, at the pace so far; null unless it runs and has codes.';
COMMENT ON COLUMN codemint.job_status.in_doubt IS
  'Calls of the job of which nobody knows whether they made codes; see codemint.doubts.';
COMMENT ON COLUMN codemint.job_status.sync_none IS 'Codes that no other system is to have.';
COMMENT ON COLUMN codemint.job_status.sync_pending IS 'Codes that some system has yet to take.';
COMMENT ON COLUMN codemint.job_status.sync_synced IS 'Codes that all their systems have.';
COMMENT ON COLUMN codemint.job_status.sync_error IS
  'Codes that some system has refused; see codemint.sync_problems.';
COMMENT ON COLUMN codemint.job_status.sync_systems IS
  'Codes by system and the API''s own word, such as {"shopify": {"pending": 3, "synced": 97}}.';
