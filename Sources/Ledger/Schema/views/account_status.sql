-- Of tables of one row it says so (LIMIT 1), and it asks for facts in the order of an index: a server that has never
-- analysed them would expect millions of rows, compile the view (jit) for half a second, and read all facts.
CREATE OR REPLACE VIEW codemint.account_status AS
SELECT a.requests_per_second,
       round(p.pace::numeric, 3)::double precision AS current_requests_per_second,
       CASE WHEN p.pace < a.requests_per_second THEN a.pace_reason END AS pace_reason,
       a.burst, a.max_in_flight, a.max_in_flight_per_reward,
       CASE WHEN o.sets > 0 THEN 'set_limits' ELSE 'settings' END AS limits_from,
       CASE WHEN o.sets > 0 AND has_any_column_privilege('codemint.operator_limits', 'SELECT') THEN o.set_by END AS set_by,
       a.in_flight,
       CASE WHEN i.suspended_at IS NOT NULL THEN 'suspended'
            WHEN q.question IS NOT NULL THEN 'unaccepted'
            WHEN a.blocked_at IS NOT NULL THEN 'blocked'
            WHEN a.breaker = 'open' THEN 'failing'
            WHEN a.upgrading_until > clock_timestamp() THEN 'upgrading'
            WHEN codemint.codes_left(a, clock_timestamp()) <= 0 THEN 'spent'
            WHEN a.paused_until > clock_timestamp() THEN 'paused'
            WHEN a.failures > 0 THEN 'trying'
            ELSE 'open' END AS state,
       CASE WHEN i.suspended_at IS NOT NULL THEN 'other_cluster'
            WHEN q.question IS NOT NULL THEN 'api_not_accepted'
            WHEN a.blocked_at IS NOT NULL THEN a.blocked_code
            WHEN a.paused_until > clock_timestamp() OR a.failures > 0 THEN a.pause_reason
            END AS reason,
       CASE WHEN i.suspended_at IS NOT NULL
            THEN i.suspended_reason
            WHEN q.question IS NOT NULL THEN q.question
            WHEN a.blocked_at IS NOT NULL THEN a.blocked_message
            WHEN a.breaker = 'open' THEN codemint.describe_failures(a)
            WHEN a.upgrading_until > clock_timestamp()
            THEN 'codemint migrate waits for calls in flight'
            WHEN codemint.codes_left(a, clock_timestamp()) <= 0
            THEN format('the %s codes of this day (UTC) were asked for; it goes on tomorrow', a.codes_per_day)
            WHEN a.failures > 0 THEN 'one call at a time until one is clean' END AS message,
       CASE WHEN a.paused_until > clock_timestamp() THEN a.paused_until END AS paused_until,
       a.blocked_at, a.probe_at, a.failures,
       (SELECT count(*) FROM codemint.workers w WHERE w.expires_at >= clock_timestamp()) AS workers,
       h.mended_at, h.mended, codemint.stalled_since() AS stalled_since,
       (SELECT string_agg(format('%s was seen as %s', c.fact, c.values), '; ' ORDER BY c.fact)
               || ': see codemint.api_facts'
        FROM (SELECT f.fact, string_agg(DISTINCT f.value, ' and as ') AS values
              FROM (SELECT * FROM codemint.observed_facts n WHERE n.contradicted_at IS NOT NULL
                    ORDER BY n.contradicted_at DESC LIMIT 1000) f
              WHERE f.contradicted_at > clock_timestamp() - interval '7 days'
              GROUP BY f.fact) c) AS api_contradictions,
       a.api, codemint.is_stand_in(a.api) AS is_stand_in, a.api_accepted_at, a.codes_per_day,
       CASE WHEN a.codes_per_day IS NOT NULL
            THEN greatest(codemint.codes_left(a, clock_timestamp()), 0) END AS codes_left_today,
       codemint.approve_above() AS approve_above,
       CASE WHEN i.suspended_at IS NOT NULL
            THEN 'SELECT codemint.accept_cluster(''why''); -- only if no daemon works on another copy of this database'
            WHEN q.question IS NOT NULL THEN 'codemint accept-api, if codes may be bought there'
            WHEN a.blocked_at IS NOT NULL THEN codemint.key_remedy()
            WHEN NOT codemint.is_daemon_at_work(clock_timestamp())
            THEN 'start a daemon; if one runs, see its log and codemint doctor'
            WHEN codemint.stalled_since() IS NOT NULL THEN 'see the daemons'' logs, and codemint doctor'
            ELSE 'none: it proceeds by itself' END AS what_to_do
FROM codemint.account a
CROSS JOIN (SELECT * FROM codemint.cluster_identity n LIMIT 1) i
LEFT JOIN (SELECT l.set_by, num_nonnulls(l.requests_per_second, l.burst, l.max_in_flight,
                                         l.max_in_flight_per_reward) AS sets
           FROM codemint.operator_limits l ORDER BY l.id DESC LIMIT 1) o ON true
LEFT JOIN (SELECT * FROM codemint.healing n LIMIT 1) h ON true
CROSS JOIN LATERAL (SELECT codemint.fleet_question() AS question) q
CROSS JOIN LATERAL (SELECT codemint.current_pace(a, clock_timestamp()) AS pace) p;

COMMENT ON VIEW codemint.account_status IS
  'Whether calls may be sent now, and how fast; if not, why.';
COMMENT ON COLUMN codemint.account_status.requests_per_second IS
  'The configured pace, which holds when nothing is wrong.';
COMMENT ON COLUMN codemint.account_status.current_requests_per_second IS
  'Requests per second that are sent now. A lowered pace rises again within five minutes.';
COMMENT ON COLUMN codemint.account_status.pace_reason IS
  'Why the pace is low: throttled, announced or recovering; null if it is not low.';
COMMENT ON COLUMN codemint.account_status.limits_from IS
  'set_limits if an operator has set any limit, else the daemons'' settings.';
COMMENT ON COLUMN codemint.account_status.set_by IS
  'Who set limits; null if nothing is set, and for who may not read operator_limits, which has what was set before.';
COMMENT ON COLUMN codemint.account_status.state IS
  'open, trying (one call at a time after a failure), spent (the codes of the day were asked for), '
  'unaccepted (nobody has said that codes may be bought from that API), paused, upgrading (codemint migrate waits for '
  'calls in flight), failing (no call until the API answers), blocked (the API refuses the key) or '
  'suspended (another database cluster).';
COMMENT ON COLUMN codemint.account_status.reason IS
  'Why nothing is sent, or less than usual; null if all is well.';
COMMENT ON COLUMN codemint.account_status.message IS 'The reason in words.';
COMMENT ON COLUMN codemint.account_status.what_to_do IS
  'The statement that helps, or what else to do; none if a person has nothing to do.';
COMMENT ON COLUMN codemint.account_status.mended_at IS
  'When codemint last found that its tables or its clock had been changed, and mended that.';
COMMENT ON COLUMN codemint.account_status.mended IS 'What was mended then.';
COMMENT ON COLUMN codemint.account_status.stalled_since IS
  'Since when jobs could be claimed and nobody claims anything, if that is a minute ago or more; else '
  'null.';
COMMENT ON COLUMN codemint.account_status.api IS 'The base URL of the API that calls go to.';
COMMENT ON COLUMN codemint.account_status.is_stand_in IS
  'Whether that API is a stand-in, on this machine or by what its answers say: no code of it is real.';
COMMENT ON COLUMN codemint.account_status.codes_left_today IS
  'How many more codes may be asked for before midnight UTC; null for no limit.';
COMMENT ON COLUMN codemint.account_status.approve_above IS
  'Jobs of more codes wait for an operator''s approval; null for no limit.';
COMMENT ON COLUMN codemint.account_status.workers IS 'How many daemons are alive.';
COMMENT ON COLUMN codemint.account_status.api_contradictions IS
  'Facts about the API that were contradicted within the last week; null if there are none.';
