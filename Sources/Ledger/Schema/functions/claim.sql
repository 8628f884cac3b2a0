-- Claiming: the next call is committed as `sending` before a byte of its request leaves.
--
-- Locks are taken in the order reward, job, call, tracked reward, account, api_clock. A function
-- waits only for the first lock of each kind, so no two functions can wait for each other. A claim
-- takes its turn before any of these locks, and then waits for nothing but the account: a reward or
-- a job that somebody has locked is passed over. Locks are the weakest that will do (NO KEY), so
-- that a row of somebody else's table that refers to a job holds up nobody.
--
-- There is one exception to the order: a COPY inserts ids before its transaction waits for the
-- reward. If the holder of the reward's lock inserts one of these ids too, each waits for the other.
-- The server then ends one of the two after a second, and the worker repeats that one.
--
-- A function that is called from outside pins its search_path. A function that only such functions
-- call, for every call of the API, inherits the search_path: pinning it again would take a tenth of
-- the time of a claim or a settlement. These functions are PL/pgSQL even if they are one
-- expression, because a function in SQL that cannot be inlined is parsed at every call. And each of
-- their statements is planned once (plan_cache_mode): to plan one for its values takes ten times as
-- long as to run it, and none of the plans depends on the values.

-- Claims the next call for a worker.
--
-- The worker makes p_call, the id of the call. So a claim that is repeated after a lost
-- acknowledgement finds the call that it made. If that call is not sending any more, nothing is
-- claimed. p_code is the checksum of the functions that the worker was built with (require_code).
-- set_durability explains p_waits. p_api is the base URL that the worker would send the call to; null
-- if nothing is sent, as in a trial.
CREATE OR REPLACE FUNCTION codemint.claim_call(
  p_call uuid, p_worker uuid, p_lengths codemint.call_lengths, p_code text,
  p_waits boolean DEFAULT true, p_api text DEFAULT NULL
) RETURNS codemint.claimed
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- What keeps all claims waiting is a lock, and is to be called that: not a statement that takes too long. And
-- it keeps nobody who stops: a claim that is refused was not made.
SET lock_timeout = '2s'
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_now   timestamptz := clock_timestamp();
  v_claim codemint.claimed;
  v_call  codemint.calls;
BEGIN
  PERFORM codemint.set_durability(p_waits);
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  IF NOT FOUND THEN
    v_claim := codemint.take_call(p_call, p_worker, p_lengths, p_code, p_api);
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
-- Claims take turns, so that two claims never find the same candidate. So a claim must not wait for
-- a reward or a job: whoever has locked one may keep it for an hour, and all rewards would stand
-- still. A candidate that is locked is passed over, and who has passed one over asks again soon
-- (wait_to_look_again).
--
-- Whether the reward is closed is read from its row under the lock. A query on `calls` would use a
-- snapshot from before the lock, and the claim could slip in beside a doubtful call.
CREATE OR REPLACE FUNCTION codemint.take_call(
  p_call uuid, p_worker uuid, p_lengths codemint.call_lengths, p_code text, p_api text
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
  v_refused   uuid[];
  v_passed    uuid[] := '{}';
  v_headless  uuid[] := '{}';
BEGIN
  PERFORM FROM codemint.turns t WHERE t.turn = 'claims' FOR NO KEY UPDATE;
  v_now := clock_timestamp();
  v_refused := codemint.refused_rewards('claim', v_now);
  v_claim.outcome := 'nothing';
  IF NOT codemint.is_at_home() THEN
    -- The worker's next heartbeat finds out where the ledger is, and what has to be done first.
    v_claim.due_us := CASE WHEN NOT codemint.is_suspended() THEN 0 END;
    RETURN v_claim;
  END IF;
  SELECT * INTO v_account FROM codemint.account a;
  IF NOT codemint.may_send(v_account, v_now) OR codemint.api_question(v_account, p_api) IS NOT NULL THEN
    RETURN v_claim;
  END IF;
  LOOP
    v_candidate := codemint.choose_candidate(v_account, v_now, v_passed, v_headless, v_refused);
    IF v_candidate.is_crowded AND codemint.place_pending(v_refused) THEN
      v_claim.wait_us := 0;
      RETURN v_claim;
    END IF;
    -- Others have their turn when so many rewards were passed over.
    IF v_candidate.reward_id IS NULL OR cardinality(v_passed) > 5
       AND clock_timestamp() > v_now + interval '50 milliseconds' THEN
      v_claim.wait_us := least(codemint.next_reopening(v_now),
                               codemint.wait_to_look_again(v_passed, v_now));
      RETURN v_claim;
    END IF;
    v_claim.wait_us := codemint.wait_for_slot(codemint.next_slot(v_account, v_now), v_now,
                                              p_lengths.lease);
    IF v_claim.wait_us IS NOT NULL THEN
      RETURN v_claim;
    END IF;
    v_reward := codemint.try_reward(v_candidate.reward_id);
    IF v_reward.reward_id IS NOT NULL THEN
      SELECT * INTO v_job FROM codemint.jobs j
      WHERE j.id = v_candidate.job_id FOR NO KEY UPDATE SKIP LOCKED;
      EXIT WHEN FOUND;
      v_headless := v_headless || v_candidate.reward_id;
      CONTINUE WHEN codemint.queue_unlocked(v_candidate.reward_id);
    END IF;
    v_passed := v_passed || v_candidate.reward_id;
  END LOOP;
  RETURN codemint.take_job(p_call, p_worker, p_lengths, p_code, p_api, v_candidate, v_reward, v_job);
END
$$;

-- Makes a call for the candidate, unless something is in the way; its reward and its job are locked.
--
-- A job that cannot be claimed is put off alone, with its reason: somebody's own trigger or constraint refuses
-- a row. The error would else meet every claim of the fleet, of all rewards, because each begins with this
-- job. It does not fail: what refuses one row may refuse all, and be mended. Only a job whose prefix cannot be
-- sent fails. Errors that are not of the row are raised: of privileges, of the server's state, of locks. A trigger
-- or a constraint that is deferred would raise at COMMIT, where nobody can tell the row any more: check_now has it
-- raise here.
CREATE OR REPLACE FUNCTION codemint.take_job(
  p_call uuid, p_worker uuid, p_lengths codemint.call_lengths, p_code text, p_api text,
  p_candidate codemint.candidate, p_reward codemint.rewards, p_job codemint.jobs
) RETURNS codemint.claimed
LANGUAGE plpgsql
AS $$
DECLARE
  v_now     timestamptz;
  v_account codemint.account;
  v_claim   codemint.claimed;
  v_most    bigint;
  v_context text;
BEGIN
  v_claim.outcome := 'nothing';
  SELECT * INTO v_account FROM codemint.account a FOR NO KEY UPDATE;
  -- Here and not at the beginning: codemint migrate holds the account when it commits, so other
  -- functions may be in place since the wait.
  PERFORM codemint.require_code(p_code);
  v_now := clock_timestamp();
  IF NOT codemint.may_take(v_account, p_reward, p_job, v_now)
     OR codemint.api_question(v_account, p_api) IS NOT NULL
     OR (p_job.is_new, p_job.queue_position)
        IS DISTINCT FROM (p_candidate.is_new, p_candidate.queue_position) THEN
    -- Something other than a claim has changed the job meanwhile: the worker asks again at once.
    PERFORM codemint.refresh_queue(p_reward.reward_id);
    v_claim.wait_us := 0;
    RETURN v_claim;
  END IF;
  v_account := codemint.begin_api(v_account, p_api);
  IF NOT codemint.same_api(p_job.api, v_account.api) THEN
    PERFORM codemint.hold_for_api(p_job, v_account);
    v_claim.wait_us := 0;
    RETURN v_claim;
  END IF;
  IF p_job.surplus > 0 THEN
    p_job := codemint.use_surplus(p_job);
    IF p_job.issued + p_job.outstanding >= p_job.count THEN
      v_claim.wait_us := 0;
      RETURN v_claim;
    END IF;
  END IF;
  v_most := least(codemint.codes_left(v_account, v_now), codemint.producer_left(p_job.created_by, v_now));
  IF v_most <= 0 THEN
    PERFORM codemint.park_jobs(p_job, v_now);
    v_claim.wait_us := 0;
    RETURN v_claim;
  END IF;
  v_claim := codemint.make_call(p_call, p_worker, p_lengths, p_job, v_account, v_now, v_most);
  IF EXISTS (SELECT FROM codemint.refused_work r WHERE r.reward_id = p_job.reward_id AND r.work = 'claim') THEN
    PERFORM codemint.forget_refused_work(p_job.reward_id, '{claim}');
  END IF;
  PERFORM codemint.check_now();
  RETURN v_claim;
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    IF codemint.concerns_all(SQLSTATE, v_context) THEN
      RAISE;
    END IF;
    PERFORM codemint.put_off(p_job, SQLSTATE, codemint.describe_refusal(SQLERRM, v_context));
    v_claim := NULL;
    v_claim.outcome := 'nothing';
    -- All jobs may be refused, and there may be many.
    v_claim.wait_us := 10000;
    RETURN v_claim;
END
$$;

-- Makes a call for a job in the account's next slot, for at most p_most codes if that is not null. The job,
-- its reward and the account are locked.
CREATE OR REPLACE FUNCTION codemint.make_call(
  p_call uuid, p_worker uuid, p_lengths codemint.call_lengths,
  p_job codemint.jobs, p_account codemint.account, p_now timestamptz, p_most bigint
) RETURNS codemint.claimed
LANGUAGE plpgsql
AS $$
DECLARE
  v_claim codemint.claimed;
  v_call  codemint.calls;
  v_next  codemint.slot := codemint.next_slot(p_account, p_now);
BEGIN
  v_claim.outcome := 'nothing';
  v_claim.wait_us := codemint.wait_for_slot(v_next, p_now, p_lengths.lease);
  IF v_claim.wait_us IS NOT NULL THEN
    RETURN v_claim;
  END IF;
  IF getdatabaseencoding() = 'SQL_ASCII' THEN
    PERFORM codemint.require_utf8(p_job.prefix);
  END IF;
  v_call := codemint.insert_call(
    p_call, p_worker, p_lengths, p_job, v_next, p_now, p_account.api, p_most);
  RETURN codemint.show_claim(v_call, v_next, p_job.state = 'queued');
END
$$;

-- Has everything raise at once that somebody deferred to the end of the transaction. Codemint itself defers
-- nothing. If the caller catches the error, the setting is taken back with what the caller wrote.
CREATE OR REPLACE FUNCTION codemint.check_now() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  SET CONSTRAINTS ALL IMMEDIATE;
END
$$;

-- Whether an error says something of the server, the transaction or codemint's own schema (a sequence that
-- has no number left, 2200H, meets all jobs, and so does an account that cannot be written, 27CM1). Whatever
-- else is raised, by data, a constraint or somebody's trigger, may concern one job, and stops that job alone. Not
-- so a unique_violation: the same claim, repeated on another connection, may have inserted the call. What a privilege
-- or a name is wrong in (class 42) is codemint's, unless it is in a trigger of somebody's own, by the CONTEXT.
CREATE OR REPLACE FUNCTION codemint.concerns_all(p_state text, p_context text) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_state IN ('23505', '2200H', '27CM1')
         OR left(p_state, 2) IN ('08', '25', '26', '40', '53', '54', '55', '57', '58', 'CM', 'F0', 'XX')
         OR left(p_state, 2) = '42' AND codemint.foreign_function(p_context) IS NULL
$$;

-- Refuses a prefix that is not UTF-8. Only a database with the encoding SQL_ASCII can hold one.
CREATE OR REPLACE FUNCTION codemint.require_utf8(p_prefix text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM convert_from(convert_to(p_prefix, 'SQL_ASCII'), 'UTF8');
EXCEPTION
  WHEN OTHERS THEN
    -- The server's own message would quote the bytes, which no client could read either.
    RAISE EXCEPTION 'the prefix is not UTF-8, so it cannot be sent'
      USING ERRCODE = 'character_not_in_repertoire';
END
$$;

-- Puts a job off that no claim can take, ever longer, up to a minute; one whose prefix can never be sent fails. The
-- job and its reward are locked. If not even that can be written, claims pass the whole reward over for as long.
CREATE OR REPLACE FUNCTION codemint.put_off(p_job codemint.jobs, p_sqlstate text, p_why text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_context text;
BEGIN
  IF p_sqlstate = '22021' THEN
    PERFORM codemint.save_job(
      codemint.place_job(codemint.conclude_job(p_job, 'unclaimable', p_why), interval '0'));
  ELSE
    UPDATE codemint.jobs j
    SET is_new = false, queue_position = NULL, error_code = 'unclaimable', error_message = p_why,
        unclaimable_since = coalesce(least(j.unclaimable_since, v_now), v_now),
        next_call_at = v_now + greatest(interval '10 seconds',
                                        least(v_now - j.unclaimable_since, interval '1 minute')),
        updated_at = v_now
    WHERE j.id = p_job.id;
    IF NOT FOUND THEN
      PERFORM codemint.refuse_silence('jobs');
    END IF;
    PERFORM codemint.refresh_queue(p_job.reward_id);
  END IF;
  PERFORM codemint.check_now();
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    IF codemint.concerns_all(SQLSTATE, v_context) THEN
      RAISE;
    END IF;
    PERFORM codemint.note_refused_work(
      p_job.reward_id, 'claim', NULL, SQLSTATE, format('job %s: %s', p_job.id, SQLERRM),
      codemint.foreign_function(v_context));
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
  v_claim.spacing_us := date_part('epoch', p_next.spacing) * 1000000;
  v_claim.leeway_us := date_part('epoch', p_next.leeway) * 1000000;
  v_claim.starts_job := p_starts_job;
  RETURN v_claim;
END
$$;

-- Whether the account may send a generate call now; the pace is not checked here. After a failure
-- one call goes out at a time until one is clean (protocol, rule 17). No call goes out while the
-- key is refused, the breaker is open, codemint migrate is about to replace the functions, or the codes of
-- the day have been asked for.
CREATE OR REPLACE FUNCTION codemint.may_send(p_account codemint.account, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN p_account.blocked_at IS NULL
         AND p_account.breaker IS DISTINCT FROM 'open'
         AND (p_account.upgrading_until > p_now) IS NOT TRUE
         AND (codemint.codes_left(p_account, p_now) <= 0) IS NOT TRUE
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
         AND p_job.queue_position IS NOT NULL
         AND codemint.may_send(p_account, p_now);
END
$$;

-- Inserts a call for this job in this slot. The job, its reward and the account are locked. A call
-- asks for the codes that the job lacks, but for at most 500, the API's maximum, and at most p_most.
CREATE OR REPLACE FUNCTION codemint.insert_call(
  p_call uuid, p_worker uuid, p_lengths codemint.call_lengths,
  p_job codemint.jobs, p_next codemint.slot, p_now timestamptz, p_api text, p_most bigint
) RETURNS codemint.calls
LANGUAGE plpgsql
AS $$
DECLARE
  v_call codemint.calls;
  v_room integer := p_job.count - p_job.issued - p_job.outstanding;
BEGIN
  INSERT INTO codemint.calls
    (id, job_id, reward_id, prefix, size, state, outstanding, worker, lease, api_timeout,
     listing_gap, lease_expires_at, effective_until, send_at)
  VALUES
    (p_call, p_job.id, p_job.reward_id, p_job.prefix, least(v_room, 500, p_most), 'sending',
     least(v_room, 500, p_most), p_worker, p_lengths.lease, p_lengths.api_timeout, p_lengths.listing_gap,
     p_now + p_lengths.lease,
     p_now + p_lengths.lease + p_lengths.api_timeout + p_lengths.listing_gap, p_next.slot)
  RETURNING * INTO v_call;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('calls');
  END IF;
  UPDATE codemint.jobs j
  SET state = 'running',
      outstanding = j.outstanding + v_call.size,
      started_at = coalesce(j.started_at, p_now),
      api = coalesce(j.api, p_api),
      is_new = false,
      queue_position = CASE WHEN v_room > v_call.size
                            THEN codemint.next_turn(p_job.created_by, p_job.priority, false) END,
      next_call_at = CASE WHEN v_room > v_call.size THEN j.next_call_at END,
      error_code = CASE WHEN j.unclaimable_since IS NULL THEN j.error_code END,
      error_message = CASE WHEN j.unclaimable_since IS NULL THEN j.error_message END,
      unclaimable_since = NULL,
      updated_at = p_now
  WHERE j.id = p_job.id;
  IF NOT FOUND THEN
    -- Without its room taken, the job would be asked for without end.
    PERFORM codemint.refuse_silence('jobs');
  END IF;
  PERFORM codemint.refresh_queue(p_job.reward_id, 1);
  UPDATE codemint.account a
  SET in_flight = a.in_flight + 1, next_slot_at = p_next.following,
      next_slot_for = p_next.following - p_now,
      new_job_last = p_job.is_new,
      day = codemint.day_of(p_now),
      day_codes = v_call.size + CASE WHEN a.day = codemint.day_of(p_now) THEN a.day_codes ELSE 0 END,
      turns[codemint.turn_of(p_job.priority, p_job.is_new)] =
        greatest(a.turns[codemint.turn_of(p_job.priority, p_job.is_new)], p_job.queue_position);
  IF NOT FOUND THEN
    -- The call would take no slot, and nobody would keep a pace.
    PERFORM codemint.refuse_silence('account');
  END IF;
  -- Where nothing is limited, no producer is.
  IF p_most IS NOT NULL THEN
    PERFORM codemint.count_for_producer(p_job.created_by, v_call.size, p_now);
  END IF;
  RETURN v_call;
END
$$;

-- Gives an open job its own surplus, before it asks for more. The job and its reward are locked.
CREATE OR REPLACE FUNCTION codemint.use_surplus(p_job codemint.jobs) RETURNS codemint.jobs
LANGUAGE plpgsql
AS $$
DECLARE
  v_before integer := p_job.surplus;
BEGIN
  p_job := codemint.take_surplus(p_job);
  IF p_job.surplus < v_before THEN
    p_job := codemint.place_job(codemint.conclude_job(p_job, NULL, NULL), interval '0');
    PERFORM codemint.save_job(p_job);
  END IF;
  RETURN p_job;
END
$$;

-- Counts surplus of a job for the job, as far as the job has room. Codes that were made after the
-- calls of the job name no call, and need a person (protocol, rule 14). The caller saves the job.
CREATE OR REPLACE FUNCTION codemint.take_surplus(p_job codemint.jobs) RETURNS codemint.jobs
LANGUAGE plpgsql
AS $$
DECLARE
  v_taken integer;
BEGIN
  UPDATE codemint.codes c SET surplus = false
  WHERE c.id IN (
    SELECT s.id FROM codemint.codes s
    WHERE s.reward_id = p_job.reward_id AND s.job_id = p_job.id AND s.surplus
      AND s.call_id IS NOT NULL AND codemint.may_be_of(p_job, s.code)
    ORDER BY s.id
    LIMIT p_job.count - p_job.issued - p_job.outstanding);
  GET DIAGNOSTICS v_taken = ROW_COUNT;
  p_job.issued := p_job.issued + v_taken;
  p_job.surplus := greatest(p_job.surplus - v_taken, 0);
  RETURN p_job;
END
$$;

-- Locks a reward's row. If the reward has no row yet, the function inserts one.
CREATE OR REPLACE FUNCTION codemint.lock_reward(p_reward uuid) RETURNS codemint.rewards
LANGUAGE plpgsql
AS $$
DECLARE
  v_reward codemint.rewards;
BEGIN
  SELECT * INTO v_reward FROM codemint.rewards r WHERE r.reward_id = p_reward FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    INSERT INTO codemint.rewards (reward_id) VALUES (p_reward) ON CONFLICT DO NOTHING;
    SELECT * INTO v_reward FROM codemint.rewards r WHERE r.reward_id = p_reward FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      PERFORM codemint.refuse_silence('rewards');
    END IF;
  END IF;
  RETURN v_reward;
END
$$;

-- Locks a reward's row as lock_reward does, but waits for nobody: if somebody has locked the row, or
-- is making it, all fields are null.
CREATE OR REPLACE FUNCTION codemint.try_reward(p_reward uuid) RETURNS codemint.rewards
LANGUAGE plpgsql
AS $$
DECLARE
  v_reward codemint.rewards;
BEGIN
  SELECT * INTO v_reward FROM codemint.rewards r
  WHERE r.reward_id = p_reward FOR NO KEY UPDATE SKIP LOCKED;
  -- For a row that is there, and that somebody is changing, ON CONFLICT DO NOTHING would wait.
  IF NOT FOUND
     AND NOT EXISTS (SELECT FROM codemint.rewards r WHERE r.reward_id = p_reward)
     AND codemint.make_reward(p_reward) THEN
    SELECT * INTO v_reward FROM codemint.rewards r
    WHERE r.reward_id = p_reward FOR NO KEY UPDATE SKIP LOCKED;
  END IF;
  RETURN v_reward;
END
$$;

-- Inserts the row of a reward. A row that is not committed yet is invisible to SKIP LOCKED, and ON CONFLICT DO NOTHING
-- waits for it: for a moment only, because every claim would wait.
CREATE OR REPLACE FUNCTION codemint.insert_reward(p_reward uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10ms'
AS $$
BEGIN
  INSERT INTO codemint.rewards (reward_id) VALUES (p_reward) ON CONFLICT DO NOTHING;
  IF NOT FOUND AND NOT EXISTS (SELECT FROM codemint.rewards r WHERE r.reward_id = p_reward) THEN
    PERFORM codemint.refuse_silence('rewards');
  END IF;
END
$$;

-- Inserts the row of a reward, and returns whether it is there: false if somebody else is making it. If somebody's own
-- trigger or constraint refuses the row, the reward's first job is put off with the reason: else every claim, of all
-- rewards, would begin with that job.
CREATE OR REPLACE FUNCTION codemint.make_reward(p_reward uuid) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
  v_job     codemint.jobs;
  v_context text;
BEGIN
  PERFORM codemint.insert_reward(p_reward);
  PERFORM codemint.check_now();
  RETURN true;
EXCEPTION
  WHEN lock_not_available THEN
    RETURN false;
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    IF codemint.concerns_all(SQLSTATE, v_context) THEN
      RAISE;
    END IF;
    SELECT * INTO v_job FROM codemint.jobs j
    WHERE j.reward_id = p_reward AND j.queue_position IS NOT NULL
    ORDER BY j.priority, j.queue_position, j.id
    LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      PERFORM codemint.put_off(v_job, SQLSTATE, codemint.describe_refusal(SQLERRM, v_context));
    END IF;
    RETURN false;
END
$$;

-- Lets a reward, which is locked, stand in the queue where its first jobs stand that nobody has locked;
-- these are locked then. If it kept the place of a job that somebody has locked, it would be first at every
-- claim, and its other jobs would take the turns of all other rewards. The next change of the queue finds
-- the heads anew. Returns false if there is no such job; the reward is then passed over for a moment. So it is, for
-- longer, if somebody's own trigger or constraint refuses its row.
CREATE OR REPLACE FUNCTION codemint.queue_unlocked(p_reward uuid) RETURNS boolean
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_new      record;
  v_next     record;
  v_priority smallint;
  v_context  text;
BEGIN
  -- A job may have left the queue for good (TRUNCATE), or may not have been taken into it yet.
  PERFORM codemint.refresh_queue(p_reward);
  SELECT j.priority, j.queue_position, j.id INTO v_new
  FROM codemint.jobs j
  WHERE j.reward_id = p_reward AND j.is_new
  ORDER BY j.priority, j.queue_position, j.id
  LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
  SELECT j.priority, j.queue_position, j.id INTO v_next
  FROM codemint.jobs j
  WHERE j.reward_id = p_reward AND j.queue_position IS NOT NULL AND NOT j.is_new
  ORDER BY j.priority, j.queue_position, j.id
  LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
  v_priority := least(v_new.priority, v_next.priority);
  IF v_priority IS NULL THEN
    UPDATE codemint.rewards r
    SET passed_over_until = clock_timestamp() + interval '50 milliseconds'
    WHERE r.reward_id = p_reward;
    RETURN false;
  END IF;
  UPDATE codemint.rewards r
  SET queue_priority = v_priority,
      new_position = CASE WHEN v_new.priority = v_priority THEN v_new.queue_position END,
      new_job = CASE WHEN v_new.priority = v_priority THEN v_new.id END,
      queue_head = CASE WHEN v_next.priority = v_priority THEN v_next.queue_position END,
      queue_job = CASE WHEN v_next.priority = v_priority THEN v_next.id END
  WHERE r.reward_id = p_reward;
  PERFORM codemint.check_now();
  RETURN true;
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    PERFORM codemint.note_caught(p_reward, 'claim', NULL, SQLSTATE, SQLERRM, v_context);
    RETURN false;
END
$$;

-- Microseconds until somebody who passed these rewards over looks again; null if none was, or is by
-- others. A settlement has its reward for a moment, so the wait is as long as the lock has been held,
-- but at most 50 ms.
CREATE OR REPLACE FUNCTION codemint.wait_to_look_again(p_passed uuid[], p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF cardinality(p_passed) > 0 THEN
    RETURN coalesce((
      SELECT least(greatest(extract(epoch FROM p_now - max(a.xact_start)) * 1000000, 1000), 50000)
      FROM codemint.rewards r
      JOIN pg_locks l ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = r.xmax
      CROSS JOIN LATERAL pg_stat_get_activity(l.pid) a
      WHERE r.reward_id = ANY (p_passed)), 50000);
  END IF;
  RETURN codemint.microseconds(p_now, least(
    (SELECT min(r.passed_over_until) FROM codemint.rewards r WHERE r.passed_over_until > p_now),
    (SELECT min(r.retry_at) FROM codemint.refused_work r WHERE r.work = 'claim' AND r.retry_at > p_now)));
END
$$;

-- Microseconds from p_from to p_to, at most a day ahead or back. Whoever waits asks again after a day
-- anyway. A time that is thousands of years ahead must not overflow anything, and from infinity nothing
-- can be subtracted.
CREATE OR REPLACE FUNCTION codemint.microseconds(p_from timestamptz, p_to timestamptz) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
  RETURN CASE WHEN p_to > p_from + interval '1 day' THEN 86400000000
              WHEN p_to < p_from - interval '1 day' THEN -86400000000
              ELSE date_part('epoch', p_to - p_from) * 1000000 END;
END
$$;
