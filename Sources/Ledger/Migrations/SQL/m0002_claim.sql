-- Claiming: one call, committed as `sending` before a byte of it leaves.
--
-- Locks are taken in the order reward, job, call, account, and a function waits only for the
-- first of each kind, so that no two of them can wait for each other.
--
-- What a claim calls is plpgsql even where it is one expression: a function in SQL that cannot be
-- inlined, as none can that pins its search_path, is parsed anew at every call.

-- Who is to be served, as next_candidate sees it without any lock.
CREATE TYPE codemint.candidate AS (
  job_id        bigint,
  reward_id     uuid,
  -- Its turn then; 0 for a newcomer.
  turn          bigint,
  -- Whether both a newcomer and the round wanted this call, and whose the last one was.
  is_contested  boolean,
  newcomer_last boolean,
  -- Whether so many arrivals cannot be served that others may be behind them.
  is_crowded    boolean
);

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
  OUT answered_at      timestamptz,
  OUT spacing_us       bigint,
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
  v_now       timestamptz := clock_timestamp();
  v_call      codemint.calls;
  v_candidate codemint.candidate;
  v_reward    codemint.rewards;
  v_job       codemint.jobs;
  v_account   codemint.accounts;
BEGIN
  PERFORM codemint.commit_for_sure();
  outcome := 'nothing';
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  IF NOT FOUND THEN
    SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
    due_us := codemint.next_due(v_now);
    -- Another cluster, or another timeline: tending finds out which, and what has to come first.
    IF v_account.timeline IS DISTINCT FROM left(pg_walfile_name(pg_current_wal_lsn()), 8) THEN
      due_us := CASE WHEN v_account.suspended_at IS NULL THEN 0 ELSE due_us END;
      RETURN;
    END IF;
    IF NOT codemint.may_send(v_account) THEN
      RETURN;
    END IF;
    SELECT * INTO v_candidate FROM codemint.next_candidate(v_account, v_now);
    IF v_candidate.is_crowded AND codemint.meet_arrivals() THEN
      wait_us := 0;
      RETURN;
    END IF;
    IF v_candidate.job_id IS NULL THEN
      wait_us := codemint.next_reopening(v_now);
      RETURN;
    END IF;
    wait_us := codemint.wait_for_slot(v_account, v_now, p_horizon, p_lease);
    IF wait_us IS NOT NULL THEN
      RETURN;
    END IF;

    v_reward := codemint.lock_reward(v_candidate.reward_id);
    SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_candidate.job_id FOR UPDATE;
    SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
    v_now := clock_timestamp();
    IF NOT codemint.may_take(v_account, v_reward, v_job, v_now)
       OR NOT codemint.is_still_next(v_account, v_job, v_candidate) THEN
      -- Somebody was faster, or the head of the line is out of date: ask again at once.
      PERFORM codemint.refresh_line(v_candidate.reward_id);
      wait_us := 0;
      RETURN;
    END IF;
    wait_us := codemint.wait_for_slot(v_account, v_now, p_horizon, p_lease);
    IF wait_us IS NOT NULL THEN
      RETURN;
    END IF;
    v_call := codemint.insert_call(p_call, p_worker, p_lease, p_largest, v_job, v_account, v_now);
  ELSIF v_call.state <> 'sending' OR v_call.worker <> p_worker THEN
    wait_us := 0;
    RETURN;
  ELSE
    SELECT * INTO v_reward FROM codemint.rewards r WHERE r.reward_id = v_call.reward_id;
    SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_call.job_id;
    SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  END IF;

  outcome := 'call';
  job_id := v_call.job_id;
  reward_id := v_call.reward_id;
  prefix := v_call.prefix;
  size := v_call.size;
  answered_at := clock_timestamp();
  slot_us := codemint.microseconds(answered_at, v_call.send_at);
  spacing_us := extract(epoch FROM (codemint.next_slot(v_account, v_now)).spacing) * 1000000;
  job_failures := v_job.stalls;
  reward_failures := v_reward.failures;
  account_failures := v_account.failures;
END
$$;

-- Whether the account may send a generate call at all, beside its pace. After a failure one goes out
-- at a time until one is clean (protocol, rule 17), and none while the breaker is open.
CREATE FUNCTION codemint.may_send(p_account codemint.accounts) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_account.blocked_at IS NULL AND p_account.suspended_at IS NULL
         AND p_account.breaker IS DISTINCT FROM 'open'
         AND p_account.in_flight < least(coalesce(p_account.max_in_flight, 0),
                                         CASE WHEN p_account.failures > 0 THEN 1 END);
END
$$;

-- Whether a call may be taken of this job, its reward and the account, all of them locked.
CREATE FUNCTION codemint.may_take(
  p_account codemint.accounts, p_reward codemint.rewards, p_job codemint.jobs, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_reward.closed_at IS NULL
         AND p_reward.in_flight < p_account.max_in_flight_per_reward
         AND coalesce(p_reward.paused_until, '-infinity') <= p_now
         AND p_reward.watch_step >= 0
         AND p_job.turn IS NOT NULL
         AND codemint.may_send(p_account);
END
$$;

-- Requests a second that are sent now. What was lowered comes back to what is configured by the
-- passing of time alone: as much as is configured, in five minutes. `Pace` has the same rule.
CREATE FUNCTION codemint.current_pace(p_account codemint.accounts, p_now timestamptz)
RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN least(
    p_account.requests_per_second,
    p_account.pace + p_account.requests_per_second
      * greatest(extract(epoch FROM p_now - p_account.pace_at)::double precision, 0) / 300);
END
$$;

-- The account's next slot, should somebody take it now, and what the limiter's one number of state
-- is then. The generic cell rate algorithm, as in `SlotLimiter`: whose slot is at once may leave as
-- late as the leeway, so the one behind it is reckoned from there.
CREATE FUNCTION codemint.next_slot(
  p_account codemint.accounts, p_now timestamptz,
  OUT spacing interval, OUT leeway interval, OUT slot timestamptz, OUT following timestamptz
)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_pace  double precision := codemint.current_pace(p_account, p_now);
  -- Below the configured pace nothing is saved up for a burst.
  v_burst integer := CASE WHEN v_pace < p_account.requests_per_second
                          THEN 1 ELSE p_account.burst END;
BEGIN
  spacing := interval '1 microsecond' * ceil(1010000 / v_pace);
  leeway := CASE WHEN v_burst > 1 THEN interval '0'
                 ELSE interval '1 microsecond' * least(floor(ceil(1010000 / v_pace) / 2), 50000) END;
  slot := greatest(p_now, p_account.next_slot_at - spacing * (v_burst - 1),
                   p_account.paused_until);
  following := greatest(p_now + leeway, p_account.next_slot_at, slot) + spacing;
END
$$;

-- Microseconds until the next slot may be taken; null if it may now. No slot is taken further ahead
-- than one spacing, or p_horizon if that is longer, and never than a lease.
CREATE FUNCTION codemint.wait_for_slot(
  p_account codemint.accounts, p_now timestamptz, p_horizon interval, p_lease interval
) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_next    record;
  v_horizon interval;
BEGIN
  v_next := codemint.next_slot(p_account, p_now);
  v_horizon := least(greatest(v_next.spacing, p_horizon), p_lease);
  RETURN CASE WHEN v_next.slot - p_now > v_horizon
              THEN codemint.microseconds(p_now, v_next.slot - v_horizon) END;
END
$$;

-- A new slot for a call that has missed its own; the call keeps its lease and its row. Who was late
-- once is likely to be late again, so the slot behind the new one leaves the leeway for it.
-- Microseconds until the slot; null if the call is not this worker's to send any more, or no slot is near.
CREATE FUNCTION codemint.move_slot(p_call uuid, p_worker uuid, OUT slot_us bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz;
  v_account codemint.accounts;
  v_next    record;
BEGIN
  -- Losing this to a crash moves a slot back by milliseconds; waiting for the disk may cost another.
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM FROM codemint.calls c
  WHERE c.id = p_call AND c.worker = p_worker AND c.state = 'sending' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  v_now := clock_timestamp();
  v_next := codemint.next_slot(v_account, v_now);
  IF v_next.slot - v_now > interval '5 seconds' OR v_account.blocked_at IS NOT NULL
     OR v_account.suspended_at IS NOT NULL OR v_account.breaker = 'open' THEN
    RETURN;
  END IF;
  UPDATE codemint.calls c SET send_at = v_next.slot, updated_at = v_now WHERE c.id = p_call;
  UPDATE codemint.accounts a
  SET next_slot_at = greatest(v_next.following, v_next.slot + v_next.leeway + v_next.spacing)
  WHERE a.name = 'default';
  slot_us := codemint.microseconds(clock_timestamp(), v_next.slot);
END
$$;

-- Inserts a call of this job in the next slot; job, reward and account are locked.
CREATE FUNCTION codemint.insert_call(
  p_call uuid, p_worker uuid, p_lease interval, p_largest integer,
  p_job codemint.jobs, p_account codemint.accounts, p_now timestamptz
) RETURNS codemint.calls
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call codemint.calls;
  v_next record;
  v_room integer := p_job.count - p_job.issued - p_job.outstanding;
BEGIN
  v_next := codemint.next_slot(p_account, p_now);
  INSERT INTO codemint.calls
    (id, job_id, reward_id, prefix, size, state, worker, lease_expires_at, send_at)
  VALUES
    (p_call, p_job.id, p_job.reward_id, p_job.prefix, least(v_room, p_largest), 'sending',
     p_worker, p_now + p_lease, v_next.slot)
  RETURNING * INTO v_call;
  UPDATE codemint.jobs j
  SET state = 'running',
      outstanding = j.outstanding + v_call.size,
      started_at = coalesce(j.started_at, p_now),
      turn = CASE WHEN v_room > v_call.size THEN nextval('codemint.turns') END,
      next_call_at = CASE WHEN v_room > v_call.size THEN j.next_call_at END,
      updated_at = p_now
  WHERE j.id = p_job.id;
  PERFORM codemint.refresh_line(p_job.reward_id, 1);
  UPDATE codemint.accounts a
  SET in_flight = a.in_flight + 1, next_slot_at = v_next.following,
      newcomer_last = p_job.turn = 0
  WHERE a.name = 'default';
  RETURN v_call;
END
$$;

-- What this transaction does must be on disk, and with a standby that is waited for there too, before
-- anybody is told, whatever the database's own setting: a claim that a crash took back would be sent
-- again. Settings that ask for more stay.
CREATE FUNCTION codemint.commit_for_sure() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END
$$;
COMMENT ON FUNCTION codemint.commit_for_sure() IS
  'Raises synchronous_commit to on for the rest of the transaction.';

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
LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (least(extract(epoch FROM p_to - p_from), 86400) * 1000000)::bigint;
END
$$;

-- Microseconds until the next job leaves the waiting room; null if it is empty.
CREATE FUNCTION codemint.next_due(p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT codemint.microseconds(p_now, next_call_at)
    FROM codemint.jobs
    WHERE turn IS NULL AND next_call_at IS NOT NULL
    ORDER BY next_call_at
    LIMIT 1);
END
$$;

-- Microseconds until the first pause of an open reward ends; null if none is paused.
CREATE FUNCTION codemint.next_reopening(p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT codemint.microseconds(p_now, min(r.paused_until))
    FROM codemint.rewards r WHERE r.paused_until > p_now AND r.closed_at IS NULL);
END
$$;
