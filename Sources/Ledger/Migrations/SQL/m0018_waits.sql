-- Waiting: why a job does not get on, for who has nothing but psql.
--
-- Of several reasons one is shown: first what a person has to do something about for this job, then what
-- keeps everybody waiting, then its reward, then what passes by itself.

-- Why a job waits, chosen from how it, its reward and the account stand (as in codemint.may_take).
CREATE FUNCTION codemint.reason_to_wait(
  p_job codemint.jobs, p_reward codemint.rewards, p_account codemint.accounts, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_open boolean := p_job.state IN ('queued', 'running');
  v_held boolean := p_job.held AND EXISTS (
    SELECT FROM codemint.calls c WHERE c.job_id = p_job.id AND c.held_at IS NOT NULL);
BEGIN
  RETURN CASE
    WHEN p_job.finished_at IS NOT NULL THEN 'sync'
    WHEN v_held THEN 'decision'
    WHEN v_open AND p_job.held THEN 'held'
    WHEN v_open AND p_job.paused THEN 'paused'
    WHEN v_open AND p_job.turn IS NULL AND p_job.next_call_at > p_now THEN 'time'
    WHEN p_account.suspended_at IS NOT NULL THEN 'suspended'
    WHEN NOT EXISTS (SELECT FROM codemint.workers w
                     WHERE w.expires_at >= p_now AND NOT w.draining) THEN 'daemon'
    WHEN p_account.blocked_at IS NOT NULL THEN 'blocked'
    WHEN p_account.breaker = 'open' THEN 'failing'
    WHEN p_reward.closed_at IS NOT NULL THEN 'doubt'
    WHEN NOT v_open OR p_job.issued + p_job.outstanding >= p_job.count THEN 'answers'
    WHEN p_reward.watch_step < 0 THEN 'listing'
    WHEN p_reward.paused_until > p_now THEN 'refused'
    WHEN p_account.paused_until > p_now THEN 'pause'
    WHEN p_reward.in_flight >= p_account.max_in_flight_per_reward THEN 'reward'
    WHEN NOT codemint.may_send(p_account) THEN 'slots'
    ELSE 'turn' END;
END
$$;

-- Jobs that have not ended, and those whose codes other systems have yet to take.
CREATE VIEW codemint.waits AS
SELECT (s.job).id AS job_id, (s.job).reward_id, (s.job).state, w.reason,
       CASE w.reason
         WHEN 'decision' THEN 'it cannot be told what ' || d.number || ' of its calls did: '
           || d.hold_reason
         WHEN 'held' THEN concat_ws(': ', (s.job).error_code, (s.job).error_message)
         WHEN 'paused' THEN coalesce('paused by ' || p.done_by || ': ' || p.note,
                                     'paused by ' || p.done_by, 'paused')
         WHEN 'time' THEN CASE WHEN (s.job).run_at > clock_timestamp() THEN 'its run_at has not come'
           ELSE 'its last ' || (s.job).stalls || ' answer(s) held no new code' END
         WHEN 'suspended' THEN a.suspended_reason
         WHEN 'daemon' THEN 'no daemon lives, or all of them are stopping'
         WHEN 'blocked' THEN 'the API refuses the key: ' || concat_ws(': ', a.blocked_code,
                                                                      a.blocked_message)
         WHEN 'failing' THEN 'the API has failed ' || a.failures || ' times in a row'
         WHEN 'doubt' THEN
           CASE WHEN d.doubts > 0 THEN 'a call of it is in doubt'
                ELSE 'a call of another job of its reward is in doubt' END
           || CASE WHEN r.listing_failing_since IS NOT NULL
                   THEN ', and the reward cannot be listed since ' || r.listing_failing_since
                   WHEN r.in_flight > 0 THEN '; ' || r.in_flight || ' call(s) have to end first'
                   ELSE '' END
         WHEN 'answers' THEN 'calls for its last ' || (s.job).outstanding || ' codes are out'
         WHEN 'listing' THEN
           CASE r.watch_step WHEN -2 THEN 'the database failed over'
                             ELSE 'an answer was not what was asked for' END
           || coalesce(', and its reward cannot be listed: ' || r.watch_error,
                       ', so its reward is listed first')
         WHEN 'refused' THEN 'its reward was refused or failed ' || r.failures || ' time(s): '
           || concat_ws(': ', r.error_code, r.error_message)
         WHEN 'pause' THEN CASE a.pause_reason
           WHEN 'throttled' THEN 'the API has asked for a pause'
           ELSE concat_ws(': ', 'nothing is sent after a failure of the API', a.pause_reason) END
         WHEN 'reward' THEN 'its reward has ' || r.in_flight || ' call(s) out, as many as it may'
         WHEN 'slots' THEN a.in_flight || ' call(s) are out, as many as there may be'
           || CASE WHEN a.failures > 0 THEN ' after a failure' ELSE '' END
         WHEN 'sync' THEN CASE
           WHEN f.given_up_at IS NOT NULL THEN 'other systems have not taken its codes'
           WHEN f.failures > 0 THEN 'its codes cannot be looked at: ' || f.error_message
           ELSE 'other systems have yet to take its codes' END
         WHEN 'turn' THEN 'it runs, or other jobs go first'
       END AS why,
       CASE w.reason
         WHEN 'time' THEN (s.job).next_call_at
         WHEN 'blocked' THEN a.probe_at
         WHEN 'failing' THEN a.probe_at
         WHEN 'doubt' THEN r.reconcile_at
         WHEN 'listing' THEN greatest(r.watch_at, r.reconcile_at)
         WHEN 'refused' THEN r.paused_until
         WHEN 'pause' THEN a.paused_until
         WHEN 'sync' THEN f.look_at
       END AS until,
       CASE w.reason
         WHEN 'decision' THEN
           format('SELECT codemint.resolve_call(%L, ''adopt'', ''why''); -- or ''absent''', d.call_id)
         WHEN 'held' THEN
           format('SELECT codemint.retry_job(%s, ''why''); -- when that has been mended', (s.job).id)
         WHEN 'paused' THEN format('SELECT codemint.resume_job(%s)', (s.job).id)
         WHEN 'suspended' THEN
           'SELECT codemint.accept_cluster(''why''); -- if no other database is in use'
         WHEN 'daemon' THEN 'start one, or see why it does not start: codemint doctor'
         WHEN 'blocked' THEN 'give the daemons a key that is valid, and restart them'
         WHEN 'sync' THEN CASE
           WHEN f.given_up_at IS NOT NULL
           THEN format('SELECT codemint.follow_sync(%L); -- when that has been mended', (s.job).reward_id)
           ELSE 'none: codemint looks at them again' END
         WHEN 'turn' THEN format('none, or SELECT codemint.set_priority(%s, 0)', (s.job).id)
         ELSE 'none: it goes on by itself'
       END AS what_to_do
FROM (
  SELECT o AS job FROM codemint.jobs o WHERE o.state IN ('queued', 'running', 'ending')
  UNION ALL
  -- By their rewards, since finished jobs are many.
  SELECT o FROM codemint.follows t
  JOIN codemint.jobs o ON o.reward_id = t.reward_id AND o.issued + o.surplus > 0
  WHERE (t.look_at IS NOT NULL OR t.given_up_at IS NOT NULL)
    AND o.finished_at IS NOT NULL AND o.sync_done_at IS NULL
) s
CROSS JOIN codemint.accounts a
LEFT JOIN codemint.rewards r ON r.reward_id = (s.job).reward_id
LEFT JOIN codemint.follows f ON f.reward_id = (s.job).reward_id
CROSS JOIN LATERAL (
  SELECT codemint.reason_to_wait(s.job, r, a, clock_timestamp()) AS reason) w
LEFT JOIN LATERAL (
  SELECT count(*) FILTER (WHERE c.held_at IS NULL) AS doubts,
         count(*) FILTER (WHERE c.held_at IS NOT NULL) AS number,
         min(c.hold_reason) AS hold_reason,
         (array_agg(c.id ORDER BY c.held_at NULLS LAST, c.id))[1] AS call_id
  FROM codemint.calls c
  WHERE c.job_id = (s.job).id AND c.reward_id = (s.job).reward_id AND c.state = 'in_doubt'
) d ON w.reason IN ('decision', 'doubt')
LEFT JOIN LATERAL (
  SELECT x.done_by, x.note FROM codemint.job_actions x
  WHERE x.job_id = (s.job).id AND x.action = 'pause' ORDER BY x.id DESC LIMIT 1
) p ON w.reason = 'paused'
WHERE a.name = 'default';

COMMENT ON FUNCTION codemint.reason_to_wait IS 'The reason that codemint.waits shows.';
COMMENT ON VIEW codemint.waits IS
  'Why each job does not get on that has not ended, or whose codes other systems have yet to take, and '
  'what to do about it. Of several reasons the first to deal with.';
COMMENT ON COLUMN codemint.waits.job_id IS 'The job.';
COMMENT ON COLUMN codemint.waits.reward_id IS 'Its reward.';
COMMENT ON COLUMN codemint.waits.state IS 'The job''s state.';
COMMENT ON COLUMN codemint.waits.reason IS
  'For a person: decision (a held call), held, paused, suspended, daemon (none lives), blocked (the key). '
  'Else: time (not yet due), failing (the breaker), doubt, answers (calls are out), listing, refused '
  '(its reward backs off), pause (everybody does), reward or slots (enough calls are out), sync, turn.';
COMMENT ON COLUMN codemint.waits.why IS 'The same in words.';
COMMENT ON COLUMN codemint.waits.until IS
  'When it goes on, or is tried again; null if that is not known.';
COMMENT ON COLUMN codemint.waits.what_to_do IS
  'The statement that helps, or what else to do; none if it goes on by itself.';
