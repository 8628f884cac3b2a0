-- Claiming: one call, committed as `sending` before a byte of it leaves.
--
-- Locks are taken in the order reward, job, call, account, and a function waits only for the
-- first of each kind, so that no two of them can wait for each other; a claim's turn comes before all. The one exception is an id that
-- a COPY has inserted before it waits for the reward, and that the reward's holder inserts too: the
-- server ends one of the two after a second, and it is repeated.
--
-- What is called from outside pins its search_path. What only such functions call, for every call of
-- the API, inherits it: to set it anew takes a tenth of a claim and of a settlement. All of it is plpgsql
-- even where it is one expression: a function in SQL that cannot be inlined is parsed at every call.

-- Who is to be served, as next_candidate sees it without any lock.
CREATE TYPE codemint.candidate AS (
  job_id        bigint,
  reward_id     uuid,
  -- Its turn then; 0 for a newcomer.
  turn          bigint,
  -- Whether so many arrivals cannot be served that others may be behind them.
  is_crowded    boolean
);

-- A slot that can be had, and what the limiter's one number of state is once it is taken.
CREATE TYPE codemint.slot AS (
  spacing   interval,
  leeway    interval,
  slot      timestamptz,
  following timestamptz
);

-- What asking for a call gave. outcome: 'call', or 'nothing' with wait_us (until time alone may bring
-- a slot or end a pause) and due_us (until the next job leaves the waiting room).
CREATE TYPE codemint.claimed AS (
  outcome          text,
  job_id           bigint,
  reward_id        uuid,
  prefix           text,
  size             integer,
  slot_us          bigint,
  answered_at      timestamptz,
  spacing_us       bigint,
  leeway_us        bigint,
  wait_us          bigint,
  due_us           bigint,
  job_failures     integer,
  reward_failures  integer,
  account_failures integer,
  starts_job       boolean
);

-- Takes the next call of the job whose turn it is.
--
-- The worker makes p_call, so that a claim whose acknowledgement was lost finds itself when it is
-- repeated, unless the call has gone on meanwhile. p_waits is as in commit_for_sure.
CREATE FUNCTION codemint.claim_call(
  p_call uuid, p_worker uuid, p_lease interval, p_largest integer, p_horizon interval,
  p_waits boolean DEFAULT true
) RETURNS codemint.claimed
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_claim   codemint.claimed;
  v_call    codemint.calls;
  v_reward  codemint.rewards;
  v_job     codemint.jobs;
  v_account codemint.accounts;
BEGIN
  PERFORM codemint.commit_for_sure(p_waits);
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  IF NOT FOUND THEN
    v_claim := codemint.take_call(p_call, p_worker, p_lease, p_largest, p_horizon);
    IF v_claim.outcome = 'nothing' AND v_claim.due_us IS NULL THEN
      v_claim.due_us := codemint.next_due(v_now);
    END IF;
  ELSIF v_call.state <> 'sending' OR v_call.worker <> p_worker THEN
    v_claim.outcome := 'nothing';
    v_claim.wait_us := 0;
  ELSE
    IF p_waits THEN
      -- Nothing is written here that would take to disk what was.
      PERFORM codemint.make_sure(p_call);
    END IF;
    SELECT * INTO v_reward FROM codemint.rewards r WHERE r.reward_id = v_call.reward_id;
    SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_call.job_id;
    SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
    v_claim := codemint.show_claim(v_call, v_job, v_reward, v_account,
                                   codemint.next_slot(v_account, v_now));
    v_claim.starts_job := NOT EXISTS (
      SELECT FROM codemint.calls c
      WHERE c.job_id = v_job.id AND c.created_at < v_call.created_at);
  END IF;
  RETURN v_claim;
END
$$;

-- Looks for the job whose turn it is, and takes a call of it.
--
-- Claims take turns, so that two never find the same candidate: the second would have waited for the
-- first one's reward for nothing. Whether the reward is closed is read from the row under its lock: a
-- look at `calls` would use the snapshot taken before the wait for the lock and could claim beside a
-- doubtful call.
CREATE FUNCTION codemint.take_call(
  p_call uuid, p_worker uuid, p_lease interval, p_largest integer, p_horizon interval
) RETURNS codemint.claimed
LANGUAGE plpgsql
AS $$
DECLARE
  v_now       timestamptz;
  v_claim     codemint.claimed;
  v_candidate codemint.candidate;
  v_reward    codemint.rewards;
  v_job       codemint.jobs;
  v_account   codemint.accounts;
  v_next      codemint.slot;
BEGIN
  PERFORM pg_advisory_xact_lock(7226321903129);
  v_now := clock_timestamp();
  v_claim.outcome := 'nothing';
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  -- Another cluster, or another timeline: tending finds out which, and what has to come first.
  IF v_account.timeline IS DISTINCT FROM left(pg_walfile_name(pg_current_wal_lsn()), 8) THEN
    v_claim.due_us := CASE WHEN v_account.suspended_at IS NULL THEN 0 END;
    RETURN v_claim;
  END IF;
  IF NOT codemint.may_send(v_account) THEN
    RETURN v_claim;
  END IF;
  v_candidate := codemint.next_candidate(v_account, v_now);
  IF v_candidate.is_crowded AND codemint.meet_arrivals() THEN
    v_claim.wait_us := 0;
    RETURN v_claim;
  END IF;
  IF v_candidate.job_id IS NULL THEN
    v_claim.wait_us := codemint.next_reopening(v_now);
    RETURN v_claim;
  END IF;
  v_claim.wait_us := codemint.wait_for_slot(codemint.next_slot(v_account, v_now), v_now, p_horizon,
                                            p_lease);
  IF v_claim.wait_us IS NOT NULL THEN
    RETURN v_claim;
  END IF;

  v_reward := codemint.lock_reward(v_candidate.reward_id);
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_candidate.job_id FOR UPDATE;
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  v_now := clock_timestamp();
  IF NOT codemint.may_take(v_account, v_reward, v_job, v_now)
     OR v_job.turn IS DISTINCT FROM v_candidate.turn THEN
    -- Something other than a claim has changed it meanwhile: ask again at once.
    PERFORM codemint.refresh_line(v_reward.reward_id);
    v_claim.wait_us := 0;
    RETURN v_claim;
  END IF;
  v_next := codemint.next_slot(v_account, v_now);
  v_claim.wait_us := codemint.wait_for_slot(v_next, v_now, p_horizon, p_lease);
  IF v_claim.wait_us IS NULL THEN
    v_claim := codemint.show_claim(
      codemint.insert_call(p_call, p_worker, p_lease, p_largest, v_job, v_next, v_now),
      v_job, v_reward, v_account, v_next);
  END IF;
  RETURN v_claim;
END
$$;

-- What a worker needs to know of a call that it may send.
CREATE FUNCTION codemint.show_claim(
  p_call codemint.calls, p_job codemint.jobs, p_reward codemint.rewards,
  p_account codemint.accounts, p_next codemint.slot
) RETURNS codemint.claimed
LANGUAGE plpgsql
AS $$
DECLARE
  v_claim codemint.claimed;
BEGIN
  v_claim.outcome := 'call';
  v_claim.job_id := p_call.job_id;
  v_claim.reward_id := p_call.reward_id;
  v_claim.prefix := p_call.prefix;
  v_claim.size := p_call.size;
  v_claim.answered_at := clock_timestamp();
  v_claim.slot_us := codemint.microseconds(v_claim.answered_at, p_call.send_at);
  v_claim.spacing_us := extract(epoch FROM p_next.spacing) * 1000000;
  v_claim.leeway_us := extract(epoch FROM p_next.leeway) * 1000000;
  v_claim.job_failures := p_job.stalls;
  v_claim.reward_failures := p_reward.failures;
  v_claim.account_failures := p_account.failures;
  v_claim.starts_job := p_job.state = 'queued';
  RETURN v_claim;
END
$$;

-- Whether the account may send a generate call at all, beside its pace. After a failure one goes out
-- at a time until one is clean (protocol, rule 17), and none while the breaker is open.
CREATE FUNCTION codemint.may_send(p_account codemint.accounts) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
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

-- The account's next slot, should somebody take it now. The generic cell rate algorithm, as in
-- `SlotLimiter`: whose slot is at once may leave as late as the leeway, so the one behind it is
-- reckoned from there.
CREATE FUNCTION codemint.next_slot(p_account codemint.accounts, p_now timestamptz)
RETURNS codemint.slot
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  v_pace  double precision := codemint.current_pace(p_account, p_now);
  -- Below the configured pace nothing is saved up for a burst.
  v_burst integer := CASE WHEN v_pace < p_account.requests_per_second
                          THEN 1 ELSE p_account.burst END;
  v_next  codemint.slot;
BEGIN
  v_next.spacing := interval '1 microsecond' * ceil(1010000 / v_pace);
  v_next.leeway := interval '1 microsecond'
    * least(floor(ceil(1010000 / v_pace) * greatest(v_burst - 1, 1) / 2), 50000);
  v_next.slot := greatest(p_now, p_account.next_slot_at - v_next.spacing * (v_burst - 1),
                          p_account.paused_until);
  v_next.following :=
    greatest(p_now + v_next.leeway, p_account.next_slot_at, v_next.slot) + v_next.spacing;
  RETURN v_next;
END
$$;

-- Microseconds until a slot may be taken; null if it may now. No slot is taken further ahead than
-- one spacing, or p_horizon if that is longer, and never than a lease.
CREATE FUNCTION codemint.wait_for_slot(
  p_next codemint.slot, p_now timestamptz, p_horizon interval, p_lease interval
) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  v_horizon interval := least(greatest(p_next.spacing, p_horizon), p_lease);
BEGIN
  RETURN CASE WHEN p_next.slot - p_now > v_horizon
              THEN codemint.microseconds(p_now, p_next.slot - v_horizon) END;
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
  v_next    codemint.slot;
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

-- Inserts a call of this job in this slot; job, reward and account are locked.
CREATE FUNCTION codemint.insert_call(
  p_call uuid, p_worker uuid, p_lease interval, p_largest integer,
  p_job codemint.jobs, p_next codemint.slot, p_now timestamptz
) RETURNS codemint.calls
LANGUAGE plpgsql
AS $$
DECLARE
  v_call codemint.calls;
  v_room integer := p_job.count - p_job.issued - p_job.outstanding;
BEGIN
  INSERT INTO codemint.calls
    (id, job_id, reward_id, prefix, size, state, worker, lease_expires_at, send_at)
  VALUES
    (p_call, p_job.id, p_job.reward_id, p_job.prefix, least(v_room, p_largest), 'sending',
     p_worker, p_now + p_lease, p_next.slot)
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
  SET in_flight = a.in_flight + 1, next_slot_at = p_next.following,
      newcomer_last = p_job.turn = 0
  WHERE a.name = 'default';
  RETURN v_call;
END
$$;

-- Locks a reward's row, which it makes when the reward is met for the first time.
CREATE FUNCTION codemint.lock_reward(p_reward uuid) RETURNS codemint.rewards
LANGUAGE plpgsql
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
AS $$
BEGIN
  RETURN (least(extract(epoch FROM p_to - p_from), 86400) * 1000000)::bigint;
END
$$;
