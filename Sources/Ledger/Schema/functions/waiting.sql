-- Why a job waits; the view waits shows it. Reasons of the job that need a person come first. Then
-- come the reasons that stop every job, then those of the reward, then those that pass by
-- themselves. The conditions are those of codemint.may_take.
CREATE OR REPLACE FUNCTION codemint.reason_to_wait(
  p_job codemint.jobs, p_reward codemint.rewards, p_account codemint.account,
  p_suspended boolean, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_open         boolean := p_job.state IN ('queued', 'running');
  v_is_queued    boolean := p_job.is_new OR p_job.queue_position IS NOT NULL;
  v_has_held_call boolean := p_job.held AND EXISTS (
    SELECT FROM codemint.calls c WHERE c.job_id = p_job.id AND c.held_at IS NOT NULL);
BEGIN
  RETURN CASE
    WHEN p_job.finished_at IS NOT NULL THEN 'sync'
    WHEN v_has_held_call THEN 'decision'
    WHEN v_open AND p_job.held THEN 'held'
    WHEN v_open AND p_job.paused THEN 'paused'
    WHEN v_open AND NOT v_is_queued AND p_job.next_call_at > p_now THEN 'time'
    WHEN p_suspended THEN 'suspended'
    WHEN NOT EXISTS (SELECT FROM codemint.workers w
                     WHERE w.expires_at >= p_now AND NOT w.draining) THEN 'daemon'
    WHEN p_account.blocked_at IS NOT NULL THEN 'blocked'
    WHEN p_account.breaker = 'open' THEN 'failing'
    WHEN p_reward.closed_at IS NOT NULL THEN 'doubt'
    WHEN NOT v_open OR p_job.issued + p_job.outstanding >= p_job.count THEN 'answers'
    WHEN p_account.upgrading_until > p_now THEN 'upgrade'
    WHEN p_reward.awaits_listing THEN 'listing'
    WHEN p_reward.paused_until > p_now THEN 'refused'
    WHEN p_account.paused_until > p_now THEN 'pause'
    WHEN p_reward.in_flight >= p_account.max_in_flight_per_reward THEN 'reward'
    WHEN NOT codemint.may_send(p_account, p_now) THEN 'slots'
    ELSE 'turn' END;
END
$$;
