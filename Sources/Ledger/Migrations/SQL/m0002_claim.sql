-- Claiming: one call, committed as `sending` before a byte of it leaves.
--
-- Locks are taken in the order reward, job, call, account, and a function waits only for the
-- first of each kind, so that no two of them can wait for each other.

-- Takes the next call of the job whose turn it is.
--
-- The worker makes p_call, so that a claim whose acknowledgement was lost finds itself when it is
-- repeated. Whether the reward is closed is read from its row under its lock: a look at `calls`
-- would use the snapshot taken before the wait for the lock and could claim beside a doubtful call.
--
-- outcome: 'call', or 'nothing' with wait_us (until time alone may bring a slot or end a pause)
-- and due_us (until the next job leaves the waiting room).
CREATE FUNCTION codemint.claim_call(
  p_call     uuid,
  p_worker   uuid,
  p_lease    interval,
  p_largest  integer,
  p_horizon  interval,
  OUT outcome          text,
  OUT job_id           bigint,
  OUT reward_id        uuid,
  OUT prefix           text,
  OUT size             integer,
  OUT slot_us          bigint,
  OUT wait_us          bigint,
  OUT due_us           bigint,
  OUT job_failures     integer,
  OUT reward_failures  integer,
  OUT account_failures integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_call    codemint.calls;
  v_reward  codemint.rewards;
  v_job     codemint.jobs;
  v_account codemint.accounts;
  v_spacing interval;
  v_horizon interval;
  v_slot    timestamptz;
  v_room    integer;
BEGIN
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  IF FOUND THEN
    IF v_call.state <> 'sending' OR v_call.worker <> p_worker THEN
      outcome := 'nothing';
      wait_us := 0;
      RETURN;
    END IF;
    outcome := 'call';
    job_id := v_call.job_id;
    reward_id := v_call.reward_id;
    prefix := v_call.prefix;
    size := v_call.size;
    slot_us := codemint.microseconds(v_now, v_call.send_at);
    SELECT j.stalls INTO job_failures FROM codemint.jobs j WHERE j.id = v_call.job_id;
    SELECT r.failures INTO reward_failures
      FROM codemint.rewards r WHERE r.reward_id = v_call.reward_id;
    SELECT a.failures INTO account_failures FROM codemint.accounts a WHERE a.name = 'default';
    RETURN;
  END IF;

  outcome := 'nothing';
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  due_us := codemint.next_due(v_now);
  -- Another cluster, or another timeline: tending finds out which, and what has to come first.
  IF v_account.timeline IS DISTINCT FROM left(pg_walfile_name(pg_current_wal_lsn()), 8) THEN
    due_us := CASE WHEN v_account.suspended_at IS NULL THEN 0 ELSE due_us END;
    RETURN;
  END IF;
  IF v_account.blocked_at IS NOT NULL OR v_account.suspended_at IS NOT NULL
     OR v_account.in_flight >= coalesce(v_account.max_in_flight, 0) THEN
    RETURN;
  END IF;

  -- The candidate is only a hint, found without a lock; the rows are asked again under theirs.
  SELECT j.id, j.reward_id INTO v_job.id, v_job.reward_id
  FROM codemint.jobs j
  LEFT JOIN codemint.rewards r ON r.reward_id = j.reward_id
  WHERE j.turn IS NOT NULL
    AND r.closed_at IS NULL
    AND coalesce(r.in_flight, 0) < v_account.max_in_flight_per_reward
    AND coalesce(r.paused_until, '-infinity') <= v_now
  ORDER BY j.priority, j.turn, j.id
  LIMIT 1;
  IF NOT FOUND THEN
    SELECT codemint.microseconds(v_now, min(r.paused_until)) INTO wait_us
      FROM codemint.rewards r WHERE r.paused_until > v_now AND r.closed_at IS NULL;
    RETURN;
  END IF;

  v_spacing := interval '1 microsecond' * ceil(1010000 / v_account.requests_per_second);
  v_horizon := least(greatest(v_spacing, p_horizon), p_lease);
  v_slot := greatest(v_now, v_account.next_slot_at - v_spacing * (v_account.burst - 1),
                     v_account.paused_until);
  IF v_slot - v_now > v_horizon THEN
    wait_us := codemint.microseconds(v_now, v_slot - v_horizon);
    RETURN;
  END IF;

  v_reward := codemint.lock_reward(v_job.reward_id);
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_job.id FOR UPDATE;
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;

  -- Somebody was faster: nothing has been written, ask again at once.
  v_now := clock_timestamp();
  IF v_reward.closed_at IS NOT NULL
     OR v_reward.in_flight >= v_account.max_in_flight_per_reward
     OR v_reward.paused_until > v_now
     OR v_job.turn IS NULL
     OR v_account.blocked_at IS NOT NULL
     OR v_account.in_flight >= v_account.max_in_flight THEN
    wait_us := 0;
    RETURN;
  END IF;
  v_slot := greatest(v_now, v_account.next_slot_at - v_spacing * (v_account.burst - 1),
                     v_account.paused_until);
  IF v_slot - v_now > v_horizon THEN
    wait_us := codemint.microseconds(v_now, v_slot - v_horizon);
    RETURN;
  END IF;

  v_room := v_job.count - v_job.issued - v_job.outstanding;
  size := least(v_room, p_largest);
  INSERT INTO codemint.calls
    (id, job_id, reward_id, prefix, size, state, worker, lease_expires_at, send_at)
  VALUES
    (p_call, v_job.id, v_job.reward_id, v_job.prefix, size, 'sending', p_worker,
     v_now + p_lease, v_slot);
  UPDATE codemint.rewards r SET in_flight = r.in_flight + 1
    WHERE r.reward_id = v_job.reward_id;
  UPDATE codemint.jobs j
  SET state = 'running',
      outstanding = j.outstanding + claim_call.size,
      started_at = coalesce(j.started_at, v_now),
      turn = CASE WHEN v_room > claim_call.size THEN nextval('codemint.turns') END,
      next_call_at = CASE WHEN v_room > claim_call.size THEN j.next_call_at END,
      updated_at = v_now
  WHERE j.id = v_job.id;
  UPDATE codemint.accounts a
  SET in_flight = a.in_flight + 1,
      next_slot_at = greatest(v_now, a.next_slot_at, v_slot) + v_spacing
  WHERE a.name = 'default';

  outcome := 'call';
  job_id := v_job.id;
  reward_id := v_job.reward_id;
  prefix := v_job.prefix;
  slot_us := codemint.microseconds(clock_timestamp(), v_slot);
  job_failures := v_job.stalls;
  reward_failures := v_reward.failures;
  account_failures := v_account.failures;
END
$$;

-- Locks a reward's row, which it makes when the reward is met for the first time.
CREATE FUNCTION codemint.lock_reward(p_reward uuid) RETURNS codemint.rewards
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward codemint.rewards;
BEGIN
  SELECT * INTO v_reward FROM codemint.rewards r WHERE r.reward_id = p_reward FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO codemint.rewards (reward_id) VALUES (p_reward) ON CONFLICT DO NOTHING;
    SELECT * INTO v_reward FROM codemint.rewards r WHERE r.reward_id = p_reward FOR UPDATE;
  END IF;
  RETURN v_reward;
END
$$;

-- From p_from to p_to in microseconds, never more than a day: who waits asks again anyway, and a
-- run_at thousands of years ahead must not overflow anything.
CREATE FUNCTION codemint.microseconds(p_from timestamptz, p_to timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT (least(extract(epoch FROM p_to - p_from), 86400) * 1000000)::bigint
$$;

-- Microseconds until the next job leaves the waiting room; null if it is empty.
CREATE FUNCTION codemint.next_due(p_now timestamptz) RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT codemint.microseconds(p_now, next_call_at)
  FROM codemint.jobs
  WHERE turn IS NULL AND next_call_at IS NOT NULL
  ORDER BY next_call_at
  LIMIT 1
$$;
