-- What operators look at.

-- A producer sees its own jobs here; who may look at calls or codes sees every job. The view reads with its
-- owner's rights, so row security does not choose for it.
--
-- It is in order, the newest first: who asks for the latest few then gets them off the primary key.
-- Behind a security barrier another order would count the codes of every job before it can be cut.
CREATE VIEW codemint.job_status WITH (security_barrier) AS
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
       -- By system: {"shopify": {"none": 2, "synced": 98}}. Looks at every code, if it is asked for.
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

CREATE VIEW codemint.call_log AS
SELECT c.created_at, c.id, c.job_id, c.reward_id, c.state, c.size, c.received, c.http_status,
       c.duration_ms, c.error_code, c.error_message, c.worker, c.send_at, c.lease_expires_at,
       c.settled_at
FROM codemint.calls c
ORDER BY c.created_at DESC, c.id;

-- How many codes `adopt` would take for a held call. Operators may know how many, not which: so it runs
-- with its owner's rights, and only for a call as it is in the ledger.
CREATE FUNCTION codemint.count_strays(p_call uuid) RETURNS bigint
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (SELECT cardinality(codemint.strays_for(c)) FROM codemint.calls c WHERE c.id = p_call);
END
$$;

CREATE VIEW codemint.doubts AS
SELECT c.id AS call_id, c.job_id, c.reward_id, c.prefix, c.size, c.send_at, c.lease_expires_at,
       c.http_status, c.error_code, c.error_message, r.closed_at AS reward_closed_at,
       clock_timestamp() - c.updated_at AS since, c.held_at, c.hold_reason,
       CASE WHEN c.held_at IS NULL THEN 0 ELSE codemint.count_strays(c.id) END AS codes_found,
       CASE WHEN c.held_at IS NOT NULL
            THEN format('SELECT codemint.resolve_call(%L, ''adopt'', ''why''); -- or ''absent''', c.id)
            ELSE 'none: codemint is finding out' END AS what_to_do
FROM codemint.calls c
JOIN codemint.rewards r ON r.reward_id = c.reward_id
WHERE c.state = 'in_doubt';

CREATE VIEW codemint.account_status AS
SELECT a.name, a.requests_per_second,
       round(p.pace::numeric, 3)::double precision AS current_requests_per_second,
       CASE WHEN p.pace < a.requests_per_second THEN a.pace_reason END AS pace_reason,
       a.burst, a.max_in_flight, a.max_in_flight_per_reward,
       CASE WHEN a.set_by IS NOT NULL THEN 'set_limits' ELSE 'settings' END AS limits_from,
       a.set_by, a.in_flight,
       CASE WHEN a.suspended_at IS NOT NULL THEN 'suspended'
            WHEN a.blocked_at IS NOT NULL THEN 'blocked'
            WHEN a.breaker = 'open' THEN 'failing'
            WHEN a.paused_until > clock_timestamp() THEN 'paused'
            WHEN a.failures > 0 THEN 'trying'
            ELSE 'open' END AS state,
       CASE WHEN a.suspended_at IS NOT NULL THEN 'other_cluster'
            WHEN a.blocked_at IS NOT NULL THEN a.blocked_code
            WHEN a.paused_until > clock_timestamp() OR a.failures > 0 THEN a.pause_reason
            END AS reason,
       CASE WHEN a.suspended_at IS NOT NULL
            THEN a.suspended_reason || ': SELECT codemint.accept_cluster(''why'')'
            WHEN a.blocked_at IS NOT NULL THEN a.blocked_message
            WHEN a.breaker = 'open'
            THEN a.failures || ' failures in a row; asked with GET /v1/team until it answers'
            WHEN a.failures > 0 THEN 'one call at a time until one is clean' END AS message,
       CASE WHEN a.paused_until > clock_timestamp() THEN a.paused_until END AS paused_until,
       a.blocked_at, a.probe_at, a.failures,
       (SELECT count(*) FROM codemint.workers w WHERE w.expires_at >= clock_timestamp()) AS workers
FROM codemint.accounts a
CROSS JOIN LATERAL (SELECT codemint.current_pace(a, clock_timestamp()) AS pace) p;

COMMENT ON VIEW codemint.job_status IS 'Every job with progress, pace, doubts, sync and last error.';
COMMENT ON COLUMN codemint.job_status.time_left IS
  'Until it is complete, at the pace so far; null unless it runs and has codes.';
COMMENT ON VIEW codemint.call_log IS 'Every request, newest first.';
COMMENT ON VIEW codemint.doubts IS 'Calls of which nobody knows whether they made codes.';
COMMENT ON FUNCTION codemint.count_strays(uuid) IS
  'How many codes adopt would take for a held call.';
COMMENT ON VIEW codemint.account_status IS 'Whether calls may be sent now, how fast, and if not, why.';
COMMENT ON COLUMN codemint.job_status.percent IS 'How much of count is issued.';
COMMENT ON COLUMN codemint.job_status.codes_per_second IS
  'Codes a second from the first call until now, or until the end.';
COMMENT ON COLUMN codemint.job_status.in_doubt IS
  'Calls of it of which nobody knows whether they made codes; see codemint.doubts.';
COMMENT ON COLUMN codemint.job_status.sync_none IS 'Codes that no other system is to have.';
COMMENT ON COLUMN codemint.job_status.sync_pending IS 'Codes that some system has yet to take.';
COMMENT ON COLUMN codemint.job_status.sync_synced IS 'Codes that all their systems have.';
COMMENT ON COLUMN codemint.job_status.sync_error IS
  'Codes that some system has refused; see codemint.sync_problems.';
COMMENT ON COLUMN codemint.call_log.id IS 'The call.';
COMMENT ON COLUMN codemint.doubts.call_id IS 'The call; what codemint.resolve_call is given.';
COMMENT ON COLUMN codemint.doubts.reward_closed_at IS
  'Since when its reward takes no new call because of a doubt; null if it does.';
COMMENT ON COLUMN codemint.doubts.since IS 'How long it has been in doubt, or held.';
COMMENT ON COLUMN codemint.doubts.codes_found IS
  'How many codes adopt would take for it now.';
COMMENT ON COLUMN codemint.doubts.what_to_do IS 'The statement that decides it, if it waits for you.';
COMMENT ON COLUMN codemint.account_status.reason IS 'Why nothing is sent, or little; null if all is well.';
COMMENT ON COLUMN codemint.account_status.message IS 'The same in words, with what to do.';
COMMENT ON COLUMN codemint.account_status.workers IS 'Daemons that live.';
