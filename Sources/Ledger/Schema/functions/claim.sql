-- Claiming: the next call is committed as `sending` before a byte of its request leaves.
--
-- Locks are taken in the order reward, job, call, tracked reward, account, api_clock. A function
-- waits only for the first lock of each kind, so no two functions can wait for each other. A claim takes its
-- turn before any of these locks. There is one exception: a COPY inserts ids before its transaction
-- waits for the reward. If the holder of the reward's lock inserts one of these ids too, each waits
-- for the other. The server then ends one of the two after a second, and the worker repeats that
-- one.
--
-- A function that is called from outside pins its search_path. A function that only such functions
-- call, for every call of the API, inherits the search_path: pinning it again would take a tenth of
-- the time of a claim or a settlement. These functions are PL/pgSQL even if they are one
-- expression, because a function in SQL that cannot be inlined is parsed at every call.

-- Claims the next call for a worker.
--
-- The worker makes p_call, the id of the call. So a claim that is repeated after a lost
-- acknowledgement finds the call that it made. If that call is not sending any more, nothing is
-- claimed. p_code is the checksum of the functions that the worker was built with (require_code).
-- set_durability explains p_waits.
CREATE OR REPLACE FUNCTION codemint.claim_call(
  p_call uuid, p_worker uuid, p_lease interval, p_code text, p_waits boolean DEFAULT true
) RETURNS codemint.claimed
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now   timestamptz := clock_timestamp();
  v_claim codemint.claimed;
  v_call  codemint.calls;
BEGIN
  PERFORM codemint.set_durability(p_waits);
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  IF NOT FOUND THEN
    v_claim := codemint.take_call(p_call, p_worker, p_lease, p_code);
    IF v_claim.outcome = 'nothing' AND v_claim.due_us IS NULL THEN
      v_claim.due_us := codemint.next_due(v_now);
    END IF;
  ELSIF v_call.state <> 'sending' OR v_call.worker <> p_worker THEN
    v_claim.outcome := 'nothing';
    v_claim.wait_us := 0;
  ELSE
    IF p_waits THEN
      -- The first claim may not be on disk yet, and nothing is written here that would wait for it.
      PERFORM codemint.await_durable(p_call);
    END IF;
    v_claim := codemint.show_claim(
      v_call, codemint.next_slot(a, v_now),
      NOT EXISTS (SELECT FROM codemint.calls c
                  WHERE c.job_id = v_call.job_id AND c.created_at < v_call.created_at))
      FROM codemint.account a;
  END IF;
  RETURN v_claim;
END
$$;

-- Finds the job at the head of the queue, and makes a call for that job.
--
-- Claims take turns, so that two claims never find the same candidate; the second claim would wait
-- for the reward's lock and then find nothing. Whether the reward is closed is read from its row
-- under the lock. A query on `calls` would use the snapshot from before the wait for the lock, and
-- the claim could slip in beside a doubtful call.
CREATE OR REPLACE FUNCTION codemint.take_call(
  p_call uuid, p_worker uuid, p_lease interval, p_code text
) RETURNS codemint.claimed
LANGUAGE plpgsql
AS $$
DECLARE
  v_now       timestamptz;
  v_claim     codemint.claimed;
  v_candidate codemint.candidate;
  v_reward    codemint.rewards;
  v_job       codemint.jobs;
  v_account   codemint.account;
  v_next      codemint.slot;
BEGIN
  PERFORM pg_advisory_xact_lock(7226321903129);
  v_now := clock_timestamp();
  v_claim.outcome := 'nothing';
  IF NOT codemint.is_at_home() THEN
    -- The worker's next heartbeat finds out where the ledger is, and what has to be done first.
    v_claim.due_us := CASE WHEN NOT codemint.is_suspended() THEN 0 END;
    RETURN v_claim;
  END IF;
  SELECT * INTO v_account FROM codemint.account a;
  IF NOT codemint.may_send(v_account, v_now) THEN
    RETURN v_claim;
  END IF;
  v_candidate := codemint.next_candidate(v_account, v_now);
  IF v_candidate.is_crowded AND codemint.place_pending() THEN
    v_claim.wait_us := 0;
    RETURN v_claim;
  END IF;
  IF v_candidate.job_id IS NULL THEN
    v_claim.wait_us := codemint.next_reopening(v_now);
    RETURN v_claim;
  END IF;
  v_claim.wait_us := codemint.wait_for_slot(codemint.next_slot(v_account, v_now), v_now, p_lease);
  IF v_claim.wait_us IS NOT NULL THEN
    RETURN v_claim;
  END IF;

  v_reward := codemint.lock_reward(v_candidate.reward_id);
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_candidate.job_id FOR UPDATE;
  SELECT * INTO v_account FROM codemint.account a FOR UPDATE;
  -- Here and not at the beginning: codemint migrate holds the account when it commits, so other
  -- functions may be in place since the wait.
  PERFORM codemint.require_code(p_code);
  v_now := clock_timestamp();
  IF NOT codemint.may_take(v_account, v_reward, v_job, v_now)
     OR (v_job.is_new, v_job.queue_position)
        IS DISTINCT FROM (v_candidate.is_new, v_candidate.queue_position) THEN
    -- Something other than a claim has changed the job meanwhile: the worker asks again at once.
    PERFORM codemint.refresh_queue(v_reward.reward_id);
    v_claim.wait_us := 0;
    RETURN v_claim;
  END IF;
  v_next := codemint.next_slot(v_account, v_now);
  v_claim.wait_us := codemint.wait_for_slot(v_next, v_now, p_lease);
  IF v_claim.wait_us IS NULL THEN
    v_claim := codemint.show_claim(
      codemint.insert_call(p_call, p_worker, p_lease, v_job, v_next, v_now), v_next,
      v_job.state = 'queued');
  END IF;
  RETURN v_claim;
END
$$;

-- What a worker needs to know about a call that it may send.
CREATE OR REPLACE FUNCTION codemint.show_claim(
  p_call codemint.calls, p_next codemint.slot, p_starts_job boolean
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
  v_claim.starts_job := p_starts_job;
  RETURN v_claim;
END
$$;

-- Whether the account may send a generate call now; the pace is not checked here. After a failure
-- one call goes out at a time until one is clean (protocol, rule 17). No call goes out while the
-- key is refused, the breaker is open, or codemint migrate is about to replace the functions.
CREATE OR REPLACE FUNCTION codemint.may_send(p_account codemint.account, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN p_account.blocked_at IS NULL
         AND p_account.breaker IS DISTINCT FROM 'open'
         AND (p_account.upgrading_until > p_now) IS NOT TRUE
         AND p_account.in_flight < least(coalesce(p_account.max_in_flight, 0),
                                         CASE WHEN p_account.failures > 0 THEN 1 END);
END
$$;

-- Whether a call may be made for this job. The job, its reward and the account are locked.
CREATE OR REPLACE FUNCTION codemint.may_take(
  p_account codemint.account, p_reward codemint.rewards, p_job codemint.jobs, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN p_reward.closed_at IS NULL
         AND p_reward.in_flight < p_account.max_in_flight_per_reward
         AND coalesce(p_reward.paused_until, '-infinity') <= p_now
         AND NOT p_reward.awaits_listing
         AND (p_job.is_new OR p_job.queue_position IS NOT NULL)
         AND codemint.may_send(p_account, p_now);
END
$$;

-- Inserts a call for this job in this slot. The job, its reward and the account are locked. A call
-- asks for the codes that the job lacks, but for at most 500, the API's maximum.
CREATE OR REPLACE FUNCTION codemint.insert_call(
  p_call uuid, p_worker uuid, p_lease interval,
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
    (p_call, p_job.id, p_job.reward_id, p_job.prefix, least(v_room, 500), 'sending',
     p_worker, p_now + p_lease, p_next.slot)
  RETURNING * INTO v_call;
  UPDATE codemint.jobs j
  SET state = 'running',
      outstanding = j.outstanding + v_call.size,
      started_at = coalesce(j.started_at, p_now),
      is_new = false,
      queue_position = CASE WHEN v_room > v_call.size THEN nextval('codemint.queue_positions') END,
      next_call_at = CASE WHEN v_room > v_call.size THEN j.next_call_at END,
      updated_at = p_now
  WHERE j.id = p_job.id;
  PERFORM codemint.refresh_queue(p_job.reward_id, 1);
  UPDATE codemint.account a
  SET in_flight = a.in_flight + 1, next_slot_at = p_next.following,
      new_job_last = p_job.is_new;
  RETURN v_call;
END
$$;

-- Locks a reward's row. If the reward has no row yet, the function inserts one.
CREATE OR REPLACE FUNCTION codemint.lock_reward(p_reward uuid) RETURNS codemint.rewards
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

-- Microseconds from p_from to p_to, at most a day. Whoever waits asks again after a day anyway, and
-- a run_at that is thousands of years ahead must not overflow anything.
CREATE OR REPLACE FUNCTION codemint.microseconds(p_from timestamptz, p_to timestamptz) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
  RETURN (least(extract(epoch FROM p_to - p_from), 86400) * 1000000)::bigint;
END
$$;
