-- How jobs stand: job_status has every job, for operators and readers, and my_jobs has a producer's own.
-- Both have the same columns, so both are made of one text. They read with their owner's rights, so row
-- security does not choose the rows.
--
-- The newest job comes first, so a query for the latest few jobs reads them off the primary key.
--
-- In my_jobs each column is null while a row of somebody else is looked at. Postgres may compare columns
-- before it looks whose row it is, if the comparison is leakproof, and EXPLAIN ANALYZE counts the rows
-- that a comparison removes. And the planner's estimates come from statistics about all rows, but not
-- those of an expression. So a producer measures nothing of the rows of others but how many there are.
DO $do$
DECLARE
  c_progress constant text := $view$
SELECT j.id, j.reward_id, j.state, j.count, j.issued, j.outstanding, j.surplus,
       round(100.0 * j.issued / j.count, 1) AS percent,
       round(j.issued / p.seconds, 1) AS codes_per_second,
       -- By what is ahead in the line. A reward that is closed or was refused, and a held call, wait for
       -- something that no line tells.
       (SELECT date_trunc('second', codemint.time_until_done(
                 j.priority, j.created_by, j.is_new, j.queue_position, j.id,
                 (j.count - j.issued - j.outstanding + 499) / 500,
                 greatest(j.next_call_at, r.paused_until)))
        FROM (SELECT) AS one LEFT JOIN codemint.rewards r ON r.reward_id = j.reward_id
        WHERE j.state IN ('queued', 'running') AND NOT j.paused AND NOT j.held AND NOT j.awaits_approval
          AND r.closed_at IS NULL AND r.awaits_listing IS NOT TRUE AND coalesce(r.failures, 0) = 0
          AND j.unclaimable_since IS NULL
          AND NOT EXISTS (SELECT FROM codemint.refused_work w WHERE w.reward_id = j.reward_id AND w.work = 'claim')
          AND NOT EXISTS (SELECT FROM codemint.calls c
                          WHERE c.reward_id = j.reward_id AND c.state = 'in_doubt' AND c.job_id = j.id)
       ) AS time_left,
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
       -- This reads every code of the job, but only if the query asks for the column.
       (SELECT jsonb_object_agg(s.system, s.counts || CASE WHEN j.issued > s.codes
                 THEN jsonb_build_object('none', j.issued - s.codes) ELSE '{}' END)
        FROM (SELECT w.system, sum(w.codes) AS codes, jsonb_object_agg(w.word, w.codes) AS counts
              FROM (SELECT CASE WHEN e.key IN ('shopify', 'stripe') THEN e.key ELSE 'other' END AS system,
                           CASE WHEN e.value ->> 'syncStatus' IN ('none', 'pending', 'synced', 'error')
                                THEN e.value ->> 'syncStatus' ELSE 'other' END AS word,
                           count(*) AS codes
                    FROM codemint.codes c
                    CROSS JOIN LATERAL jsonb_each(
                      CASE WHEN jsonb_typeof(c.external_ids) = 'object'
                           THEN c.external_ids ELSE '{}' END) AS e
                    WHERE c.job_id = j.id AND NOT c.surplus AND jsonb_typeof(e.value) = 'object'
                    GROUP BY 1, 2) AS w
              GROUP BY w.system) AS s) AS sync_systems,
       j.sync_done_at,
       j.paused, j.held, j.awaits_approval, j.priority, j.prefix, j.next_call_at, j.error_code, j.error_message,
       j.created_by, j.created_at, j.started_at, j.finished_at, j.run_at, j.dedupe_key, j.metadata, j.api
FROM %JOBS% j
CROSS JOIN LATERAL (
  -- greatest ignores nulls, so a job that has not started needs a null of its own.
  SELECT CASE WHEN isfinite(j.started_at) AND isfinite(coalesce(j.finished_at, j.started_at)) THEN
           greatest(extract(epoch FROM coalesce(j.finished_at, clock_timestamp()) - j.started_at),
                    0.001) END AS seconds) p
ORDER BY j.id DESC
$view$;
  v_own text := (
    SELECT string_agg(format('CASE WHEN o.created_by = current_user THEN %s END AS %I',
                             CASE WHEN a.attname = 'error_message' THEN 'codemint.own_message(o)'
                                  ELSE format('o.%I', a.attname) END, a.attname),
                      ', ' ORDER BY a.attnum)
    FROM pg_attribute a
    WHERE a.attrelid = 'codemint.jobs'::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attname <> 'id');
BEGIN
  EXECUTE 'CREATE OR REPLACE VIEW codemint.job_status AS '
          || replace(c_progress, '%JOBS%', 'codemint.jobs');
  EXECUTE 'CREATE OR REPLACE VIEW codemint.my_jobs WITH (security_barrier) AS '
          || replace(c_progress, '%JOBS%', format(
               '(SELECT o.id, %s FROM codemint.jobs o WHERE o.created_by = current_user)', v_own));
END
$do$;

COMMENT ON VIEW codemint.job_status IS
  'Every job, with its progress, pace, doubts, sync and last error.';
COMMENT ON COLUMN codemint.job_status.percent IS 'How many per cent of count are issued.';
COMMENT ON COLUMN codemint.job_status.codes_per_second IS
  'Codes per second from the first call until now, or until the end.';
COMMENT ON COLUMN codemint.job_status.time_left IS
  'About how long it takes until the job has its codes: by what is ahead of it in the line, at the pace '
  'now. Jobs of other producers that come later take turns with it. Null if nobody can tell: the job is paused, '
  'held or awaits an approval, one of its calls or its reward is in doubt, its reward was refused or failed last, '
  'no daemon lives, or nothing is sent for now.';
COMMENT ON COLUMN codemint.job_status.in_doubt IS
  'How many calls of the job may or may not have made codes; see codemint.doubts.';
COMMENT ON COLUMN codemint.job_status.sync_none IS
  'How many codes of the job go to no other system.';
COMMENT ON COLUMN codemint.job_status.sync_pending IS
  'How many codes of the job a system has not taken yet.';
COMMENT ON COLUMN codemint.job_status.sync_synced IS
  'How many codes of the job are in all their systems.';
COMMENT ON COLUMN codemint.job_status.sync_error IS
  'How many codes of the job a system has refused; see codemint.sync_problems.';
COMMENT ON COLUMN codemint.job_status.sync_systems IS
  'How many codes of the job have which status in which system, such as '
  '{"shopify": {"pending": 3, "synced": 97}}. A system or a word that the API''s documents do not have is '
  'other: it could quote a code. codemint_reader sees it in codes.external_ids.';

COMMENT ON VIEW codemint.my_jobs IS
  'The jobs that the current role inserted; the columns are those of codemint.job_status. error_message has no login, '
  'note or URL of an operator.';
