-- Reconciling: a worker lists a reward to find out what its doubtful calls did. The functions here
-- give the reward to the worker, and record the decision in one transaction under the reward's
-- lock.

-- Whether a call that is held for this reason was judged by a whole listing. If so, every code that
-- the call can have made was set aside. If not, its codes may be upstream and unknown. A reason
-- belongs here if HoldReason.hasSeenAll is true for it (Verdict.swift).
CREATE OR REPLACE FUNCTION codemint.has_seen_all(p_reason text) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_reason IN ('number_unexplained', 'prefixes_indistinct', 'codes_made_late')
$$;

-- Whether a call takes part when its reward is judged. A held call is judged again with the others,
-- unless a whole listing has shown all that it made. Its codes may have turned up since, and would
-- otherwise be taken for the codes of another call.
CREATE OR REPLACE FUNCTION codemint.is_in_doubt(p_call codemint.calls) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_call.state = 'in_doubt'
         AND (p_call.held_at IS NULL OR NOT codemint.has_seen_all(p_call.hold_reason))
$$;

-- Whether a worker may take a reward, to reconcile it or to list it: no worker has it, and the
-- pause of the reward is over.
CREATE OR REPLACE FUNCTION codemint.is_free(p_reward codemint.rewards, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN coalesce(p_reward.reconcile_at, '-infinity') <= p_now
         AND coalesce(p_reward.reconciler_until, '-infinity') < p_now;
END
$$;

-- Whether the API may be asked to list now. Otherwise every closed reward would try in vain every
-- few seconds.
CREATE OR REPLACE FUNCTION codemint.may_list() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT codemint.may_ask(a) FROM codemint.account a
$$;

-- Whether a closed reward is due to be reconciled, or a watched reward to be listed again.
CREATE OR REPLACE FUNCTION codemint.is_reconciling_due() RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT codemint.may_list() AND (EXISTS (
    SELECT FROM codemint.rewards r
    WHERE r.closed_at IS NOT NULL AND r.in_flight = 0 AND codemint.is_free(r, clock_timestamp()))
  OR EXISTS (
    SELECT FROM codemint.reward_watches w
    JOIN codemint.rewards r ON r.reward_id = w.reward_id
    WHERE w.next_listing_at <= clock_timestamp() AND r.closed_at IS NULL
      AND codemint.is_free(r, clock_timestamp())))
$$;

-- Gives a closed reward to a worker that will reconcile it: no call of the reward is sending, and
-- no other worker has it. The worker has the reward for p_lease, and may extend that. p_code is the
-- checksum of the functions that the worker was built with (require_code).
--
-- Returns one row for each doubtful call. p_effective_for is how long after the end of its lease a
-- call may still take effect. Then one row follows for each call whose answer was short, with the
-- number of codes that it lacks and no effective_until: a listing may show what the answer kept
-- back.
CREATE OR REPLACE FUNCTION codemint.take_doubt(
  p_worker uuid, p_lease interval, p_effective_for interval, p_code text,
  OUT reward_id uuid, OUT call_id uuid, OUT job_id bigint, OUT prefix text, OUT size integer,
  OUT earliest timestamptz, OUT effective_until timestamptz, OUT known_first uuid,
  OUT known_last uuid, OUT prefix_literal boolean, OUT offset_low_us bigint,
  OUT offset_high_us bigint, OUT now timestamptz, OUT failing_since timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward codemint.rewards;
BEGIN
  PERFORM codemint.require_code(p_code);
  now := clock_timestamp();
  IF NOT codemint.may_list() THEN
    RETURN;
  END IF;
  SELECT * INTO v_reward FROM codemint.rewards r
  WHERE r.closed_at IS NOT NULL AND r.in_flight = 0 AND codemint.is_free(r, now)
  ORDER BY r.closed_at, r.reward_id
  LIMIT 1
  FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  reward_id := v_reward.reward_id;
  SELECT l.* INTO known_first, known_last, offset_low_us, offset_high_us
  FROM codemint.lend_reward(v_reward, p_worker, now + p_lease) l;
  prefix_literal := coalesce(v_reward.prefix_literal, false);
  failing_since := v_reward.listing_failing_since;
  FOR call_id, job_id, prefix, size, earliest, effective_until IN
    -- A failover lost this call, and its settlement brought it back without a slot. It can have
    -- been sent at any time since its job was inserted.
    SELECT c.id, c.job_id, c.prefix, c.size, coalesce(c.send_at, j.created_at),
           coalesce(c.lease_expires_at, c.updated_at) + p_effective_for
    FROM codemint.calls c
    JOIN codemint.jobs j ON j.id = c.job_id
    WHERE c.reward_id = v_reward.reward_id AND c.state = 'in_doubt' AND codemint.is_in_doubt(c)
    ORDER BY c.created_at, c.id
  LOOP
    RETURN NEXT;
  END LOOP;
  IF NOT FOUND THEN
    -- Every call was settled or held meanwhile.
    PERFORM codemint.give_back_reward(v_reward.reward_id);
    UPDATE codemint.rewards r SET closed_at = NULL, reconcile_at = NULL
    WHERE r.reward_id = v_reward.reward_id;
    RETURN;
  END IF;
  earliest := NULL;
  effective_until := NULL;
  FOR call_id, job_id, prefix, size IN
    SELECT s.id, s.job_id, s.prefix, s.lacking
    FROM (SELECT c.*, c.size - (SELECT count(*)::integer FROM codemint.codes k
                                WHERE k.job_id = c.job_id AND k.call_id = c.id) AS lacking
          FROM codemint.calls c
          WHERE c.reward_id = v_reward.reward_id AND c.is_short) s
    WHERE s.lacking > 0
    ORDER BY s.created_at, s.id
  LOOP
    RETURN NEXT;
  END LOOP;
END
$$;

-- Gives a locked reward to a worker until p_until, and returns what the worker needs to list it: two
-- codes that every fresh listing shows, and how far the API's clock is ahead.
CREATE OR REPLACE FUNCTION codemint.lend_reward(
  p_reward codemint.rewards, p_worker uuid, p_until timestamptz,
  OUT known_first uuid, OUT known_last uuid, OUT offset_low_us bigint, OUT offset_high_us bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE codemint.rewards r SET reconciler = p_worker, reconciler_until = p_until
  WHERE r.reward_id = p_reward.reward_id;
  known_first := p_reward.newest_known[1];
  known_last := p_reward.newest_known[2];
  SELECT o.low_us, o.high_us INTO offset_low_us, offset_high_us FROM codemint.clock_offset() o;
END
$$;

-- Takes a reward back from its worker. The reward is locked.
CREATE OR REPLACE FUNCTION codemint.give_back_reward(p_reward uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE codemint.rewards r SET reconciler = NULL, reconciler_until = NULL
  WHERE r.reward_id = p_reward;
END
$$;

-- Extends a worker's lease on its reward. Returns false if the worker has lost the reward.
CREATE OR REPLACE FUNCTION codemint.keep_reward(p_reward uuid, p_worker uuid, p_lease interval)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE codemint.rewards r SET reconciler_until = clock_timestamp() + p_lease
  WHERE r.reward_id = p_reward AND r.reconciler = p_worker
    AND r.reconciler_until >= clock_timestamp();
  RETURN FOUND;
END
$$;

-- Takes a reward back undecided. It can be taken again after p_pause. p_failed: the listing failed,
-- and the time of the first failure in a row is kept.
CREATE OR REPLACE FUNCTION codemint.leave_reward(
  p_reward uuid, p_worker uuid, p_pause interval, p_failed boolean
) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL, reconcile_at = clock_timestamp() + p_pause,
      listing_failing_since = CASE WHEN p_failed
                                   THEN coalesce(r.listing_failing_since, clock_timestamp()) END
  WHERE r.reward_id = p_reward AND r.reconciler = p_worker
$$;

-- Records the decision on all doubtful calls of a reward: adopts them, declares them absent, or
-- holds them for a person. p_unattributed are codes that may belong to the held calls.
--
-- p_judged are the calls that were judged, in order. Nothing is changed and the answer is 'changed'
-- in these cases: other calls are in doubt by now, a call is sending, the worker has lost the
-- reward, or one of the codes has become known meanwhile.
CREATE OR REPLACE FUNCTION codemint.decide_doubt(
  p_reward uuid, p_worker uuid, p_judged uuid[], p_adopted codemint.adoption[], p_absent uuid[],
  p_held uuid[], p_hold_reason text, p_unattributed codemint.received_code[],
  OUT outcome text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward   codemint.rewards;
  v_adoption codemint.adoption;
  v_call     uuid;
BEGIN
  v_reward := codemint.lock_reward(p_reward);
  IF v_reward.reconciler IS DISTINCT FROM p_worker OR v_reward.reconciler_until < clock_timestamp()
     OR v_reward.in_flight > 0
     OR p_judged IS DISTINCT FROM ARRAY(
          SELECT c.id FROM codemint.calls c
          WHERE c.reward_id = p_reward AND c.state = 'in_doubt' AND codemint.is_in_doubt(c)
          ORDER BY c.id)
     OR EXISTS (
          SELECT FROM unnest(p_adopted) a, unnest(a.codes) f
          JOIN codemint.codes c ON c.id = f.id) THEN
    outcome := 'changed';
    RETURN;
  END IF;
  FOREACH v_adoption IN ARRAY p_adopted LOOP
    PERFORM codemint.adopt_call(v_adoption.call_id, v_adoption.codes);
  END LOOP;
  FOREACH v_call IN ARRAY p_absent LOOP
    PERFORM codemint.declare_absent(v_call);
  END LOOP;
  PERFORM codemint.hold_calls(p_held, p_hold_reason, p_unattributed);
  IF NOT codemint.has_seen_all(p_hold_reason) THEN
    -- The codes of these calls may be upstream and unknown. A later listing sets them aside for the
    -- calls.
    PERFORM codemint.watch_reward(p_reward, h.call, 'held_call') FROM unnest(p_held) AS h (call);
  END IF;
  IF v_reward.awaits_listing AND cardinality(p_adopted) + cardinality(p_absent) > 0 THEN
    PERFORM codemint.await_anew(
      p_reward, p_absent || ARRAY(SELECT a.call_id FROM unnest(p_adopted) a));
  END IF;
  PERFORM codemint.give_back_reward(p_reward);
  UPDATE codemint.rewards r
  SET reconcile_at = NULL, listing_failing_since = NULL,
      closed_at = CASE WHEN EXISTS (
        SELECT FROM codemint.calls c
        WHERE c.reward_id = p_reward AND c.state = 'in_doubt' AND c.held_at IS NULL)
      THEN r.closed_at END
  WHERE r.reward_id = p_reward;
  PERFORM pg_notify('codemint_jobs', '');
  outcome := 'done';
END
$$;

-- Records the codes of one doubtful call that were found upstream. If there are fewer than the call
-- asked for, the job asks for the rest, and the reward is watched.
CREATE OR REPLACE FUNCTION codemint.adopt_call(p_call uuid, p_found codemint.received_code[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call   codemint.calls;
  v_issued integer;
BEGIN
  PERFORM FROM codemint.jobs j
  WHERE j.id = (SELECT c.job_id FROM codemint.calls c WHERE c.id = p_call) FOR UPDATE;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call FOR UPDATE;
  SELECT s.issued INTO v_issued
    FROM codemint.credit_call(v_call, v_call.size, v_call.size, p_found) s;
  UPDATE codemint.calls c
  SET state = 'adopted', received = v_issued, lease_expires_at = NULL, held_at = NULL,
      settled_at = clock_timestamp(), updated_at = clock_timestamp()
  WHERE c.id = p_call;
  IF v_issued < v_call.size THEN
    PERFORM codemint.watch_reward(v_call.reward_id, p_call, 'partial_call');
  END IF;
END
$$;

-- Stores codes that were found for a call. Up to p_room of the new codes count for the job, and the
-- rest is surplus. p_reserved is the room that the call gives back to the job.
CREATE OR REPLACE FUNCTION codemint.credit_call(
  p_call codemint.calls, p_reserved integer, p_room integer, p_found codemint.received_code[],
  OUT issued integer, OUT surplus integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job    codemint.jobs;
  v_stored record;
BEGIN
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_call.job_id FOR UPDATE;
  SELECT * INTO v_stored
  FROM codemint.store_codes(p_call.job_id, p_call.id, p_call.reward_id, p_room, p_found);
  DELETE FROM codemint.unattributed_codes u WHERE u.id IN (SELECT f.id FROM unnest(p_found) AS f);
  issued := v_stored.issued + v_stored.returned;
  surplus := v_stored.surplus;
  -- store_codes may have taken codes out of this job's surplus and written that to the row.
  SELECT j.surplus + v_stored.surplus INTO v_job.surplus
    FROM codemint.jobs j WHERE j.id = v_job.id;
  v_job.outstanding := v_job.outstanding - p_reserved;
  v_job.issued := v_job.issued + issued;
  v_job.answers_without_progress :=
    CASE WHEN issued > 0 THEN 0 ELSE v_job.answers_without_progress END;
  IF p_reserved > 0 AND p_call.hold_reason IS NOT NULL THEN
    v_job := codemint.release_job(v_job, p_call.id);
  END IF;
  v_job := codemint.conclude_job(v_job, NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
END
$$;

-- Records that a doubtful call is judged not to have happened. The room of the call is free again.
-- This is a judgement and not a proof, so the reward is watched.
CREATE OR REPLACE FUNCTION codemint.declare_absent(p_call uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now  timestamptz := clock_timestamp();
  v_call codemint.calls;
  v_job  codemint.jobs;
BEGIN
  SELECT j.* INTO v_job FROM codemint.jobs j
  WHERE j.id = (SELECT c.job_id FROM codemint.calls c WHERE c.id = p_call) FOR UPDATE;
  UPDATE codemint.calls c
  SET state = 'absent', lease_expires_at = NULL, held_at = NULL, settled_at = v_now,
      updated_at = v_now
  WHERE c.id = p_call
  RETURNING * INTO v_call;
  PERFORM codemint.watch_reward(v_call.reward_id, p_call, 'absent_call');
  v_job.outstanding := v_job.outstanding - v_call.size;
  IF v_call.hold_reason IS NOT NULL THEN
    v_job := codemint.release_job(v_job, p_call);
  END IF;
  v_job := codemint.conclude_job(v_job, NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
END
$$;

-- Holds doubtful calls that cannot be decided, and their jobs, for a person. The codes that may
-- belong to these calls are set aside for all of them together: the held_at of the calls is the
-- found_at of the codes.
CREATE OR REPLACE FUNCTION codemint.hold_calls(
  p_calls uuid[], p_reason text, p_found codemint.received_code[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_job codemint.jobs;
BEGIN
  FOR v_job IN
    SELECT j.* FROM codemint.jobs j
    WHERE j.id IN (SELECT c.job_id FROM codemint.calls c WHERE c.id = ANY (p_calls))
    ORDER BY j.id
    FOR UPDATE
  LOOP
    v_job.held := true;
    -- A job that is ending has its reason already.
    IF v_job.state IN ('queued', 'running') THEN
      v_job.error_code := p_reason;
      v_job.error_message := 'codemint cannot tell what a doubtful call did: see codemint.doubts, '
        'and decide with codemint.resolve_call';
    END IF;
    PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
  END LOOP;
  UPDATE codemint.calls c
  SET held_at = v_now, hold_reason = p_reason, updated_at = v_now
  WHERE c.id = ANY (p_calls) AND c.state = 'in_doubt';
  PERFORM codemint.keep_for_held(p_calls[1], p_found);
END
$$;

-- Sets codes aside for a held call and the calls that are held with it.
CREATE OR REPLACE FUNCTION codemint.keep_for_held(p_call uuid, p_found codemint.received_code[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO codemint.unattributed_codes
    (id, call_id, reward_id, code, status, sync_status, external_ids, created_at, expires_at,
     updated_at, found_at)
  SELECT f.id, c.id, c.reward_id, f.code, f.status, f.sync_status, f.external_ids, f.created_at,
         f.expires_at, f.updated_at, c.held_at
  FROM unnest(p_found) AS f
  CROSS JOIN codemint.calls c
  WHERE c.id = p_call AND NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = f.id)
  ON CONFLICT (id) DO UPDATE SET found_at = excluded.found_at
$$;

-- A held call has got its outcome. Its job is no longer held, unless another call of the job is
-- held, or the job is held for another reason.
CREATE OR REPLACE FUNCTION codemint.release_job(p_job codemint.jobs, p_call uuid)
RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reason text := (SELECT c.hold_reason FROM codemint.calls c WHERE c.id = p_call);
  v_open   boolean := p_job.state IN ('queued', 'running');
BEGIN
  IF NOT p_job.held OR v_open AND p_job.error_code IS DISTINCT FROM v_reason OR EXISTS (
       SELECT FROM codemint.calls c
       WHERE c.job_id = p_job.id AND c.id <> p_call AND c.held_at IS NOT NULL) THEN
    RETURN p_job;
  END IF;
  p_job.held := false;
  IF v_open THEN
    p_job.error_code := NULL;
    p_job.error_message := NULL;
  END IF;
  RETURN p_job;
END
$$;

-- Stores listed codes that no text or jsonb column can hold, with their fields as bytes. If nothing
-- else was found for a call, the call counts as an answer without progress. Otherwise its job would
-- ask again for ever. Nothing is stored unless p_outcome, the outcome of the decision, is 'done'.
-- Returns p_outcome.
CREATE OR REPLACE FUNCTION codemint.store_raw_codes(
  p_outcome text, p_reward uuid, p_codes codemint.raw_code[]
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs;
BEGIN
  IF p_outcome <> 'done' THEN
    RETURN p_outcome;
  END IF;
  INSERT INTO codemint.raw_codes (id, reward_id, call_id, code, status, external_ids)
  SELECT u.id, p_reward,
         coalesce(u.call_id, (SELECT w.call_id FROM codemint.reward_watches w
                              WHERE w.reward_id = p_reward)),
         u.code, u.status, u.external_ids
  FROM unnest(p_codes) u
  ON CONFLICT (id) DO NOTHING;
  FOR v_job IN
    SELECT j.* FROM codemint.jobs j
    WHERE j.id IN (SELECT c.job_id FROM codemint.calls c
                   WHERE c.id IN (SELECT u.call_id FROM unnest(p_codes) u)
                     AND c.state = 'adopted' AND c.received = 0)
    ORDER BY j.id
    FOR UPDATE
  LOOP
    v_job.answers_without_progress := v_job.answers_without_progress + 1;
    v_job := codemint.conclude_job(v_job,
      CASE WHEN codemint.makes_no_progress(v_job) THEN 'no_progress' END,
      format('%s calls in a row made no code that can be stored', v_job.answers_without_progress));
    PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
  END LOOP;
  RETURN p_outcome;
END
$$;

-- Which of these jobs have ended with a decision; none if p_outcome is not 'done'. No job had ended
-- before: each had a call in doubt, or lacked codes that it has got now.
CREATE OR REPLACE FUNCTION codemint.ended_jobs(
  p_outcome text, p_jobs bigint[], OUT job_id bigint, OUT job_state text
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_outcome = 'done' THEN
    RETURN QUERY
    SELECT j.id, j.state FROM codemint.jobs j
    WHERE j.id = ANY (p_jobs) AND j.finished_at IS NOT NULL
    ORDER BY j.id;
  END IF;
END
$$;
