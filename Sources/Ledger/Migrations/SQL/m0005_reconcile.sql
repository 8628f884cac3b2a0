-- Reconciling: what doubtful calls did is found out by listing upstream, and decided here, in one
-- transaction under the reward's lock.

-- Takes a closed reward whose doubt can be worked on: nothing of it is in flight, and no other
-- worker has it. One reconciler a reward at a time; its lease runs out with it.
--
-- One row for each doubtful call that is not held. p_linger is how long after its lease a call may
-- still take effect.
CREATE FUNCTION codemint.take_doubt(
  p_worker uuid, p_lease interval, p_linger interval,
  OUT reward_id uuid, OUT call_id uuid, OUT job_id bigint, OUT prefix text, OUT size integer,
  OUT earliest timestamptz, OUT latest timestamptz, OUT known_first uuid, OUT known_last uuid,
  OUT prefix_literal boolean, OUT offset_low_us bigint, OUT offset_high_us bigint,
  OUT now timestamptz, OUT failing_since timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward  codemint.rewards;
  v_account codemint.accounts;
BEGIN
  now := clock_timestamp();
  IF NOT codemint.may_list() THEN
    RETURN;
  END IF;
  SELECT * INTO v_reward FROM codemint.rewards r
  WHERE r.closed_at IS NOT NULL AND r.in_flight = 0
    AND coalesce(r.reconcile_at, '-infinity') <= now
    AND coalesce(r.reconciler_until, '-infinity') < now
  ORDER BY r.closed_at, r.reward_id
  LIMIT 1
  FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  UPDATE codemint.rewards r SET reconciler = p_worker, reconciler_until = now + p_lease
  WHERE r.reward_id = v_reward.reward_id;
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  reward_id := v_reward.reward_id;
  known_first := v_reward.newest_known[1];
  known_last := v_reward.newest_known[2];
  prefix_literal := coalesce(v_reward.prefix_literal, false);
  failing_since := v_reward.listing_failing_since;
  IF v_account.offset_low_us IS NOT NULL
     AND coalesce(v_account.offset_distrusted_until, '-infinity') <= now THEN
    offset_low_us := v_account.offset_low_us;
    offset_high_us := v_account.offset_high_us;
  END IF;
  FOR call_id, job_id, prefix, size, earliest, latest IN
    -- A call that a failover lost and its settlement brought back has no slot: it was sent at any
    -- time since its job was inserted.
    SELECT c.id, c.job_id, c.prefix, c.size, coalesce(c.send_at, j.created_at),
           coalesce(c.lease_expires_at, c.updated_at) + p_linger
    FROM codemint.calls c
    JOIN codemint.jobs j ON j.id = c.job_id
    WHERE c.reward_id = v_reward.reward_id AND c.state = 'in_doubt' AND c.held_at IS NULL
    ORDER BY c.created_at, c.id
  LOOP
    RETURN NEXT;
  END LOOP;
  IF NOT FOUND THEN
    -- Everything was settled or held meanwhile.
    UPDATE codemint.rewards r
    SET closed_at = NULL, reconciler = NULL, reconciler_until = NULL, reconcile_at = NULL
    WHERE r.reward_id = v_reward.reward_id;
  END IF;
END
$$;

-- Extends a reconciler's lease on its reward; false if it has lost it.
CREATE FUNCTION codemint.keep_reward(p_reward uuid, p_worker uuid, p_lease interval)
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

-- Gives a reward back undecided, to be looked at again after p_pause. A listing that failed is
-- remembered with the time since when it has.
CREATE FUNCTION codemint.leave_reward(
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

-- A slot for a request that is not a generate call: listing draws from the same budget.
-- Microseconds until the slot; null if the account may not send now or within five seconds, so that
-- who has a reward to list neither loses it while waiting nor takes slots for nothing.
-- An operator's audit needs slots as well, so it runs with its owner's rights.
CREATE FUNCTION codemint.reserve_slot(OUT slot_us bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz;
  v_account codemint.accounts;
  v_next    record;
BEGIN
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  IF v_account.blocked_at IS NOT NULL OR v_account.breaker = 'open'
     OR v_account.requests_per_second IS NULL THEN
    RETURN;
  END IF;
  v_now := clock_timestamp();
  SELECT * INTO v_next FROM codemint.next_slot(v_account, v_now);
  IF v_next.slot - v_now > interval '5 seconds' THEN
    RETURN;
  END IF;
  UPDATE codemint.accounts a SET next_slot_at = v_next.following WHERE a.name = 'default';
  slot_us := codemint.microseconds(clock_timestamp(), v_next.slot);
END
$$;

-- Decides doubtful calls as a whole: adopts, declares absent, or holds them for a person.
--
-- p_calls is the set that was judged: if it is not the set of calls in doubt any more, if a call is
-- in flight, if the reconciler lost the reward, or if the ledger has come to know one of the codes
-- meanwhile, nothing is changed and the answer is 'changed'.
-- p_places[i] says to which of p_adopted the code i belongs, counted from 1.
CREATE FUNCTION codemint.decide_doubt(
  p_reward uuid, p_worker uuid, p_calls uuid[], p_adopted uuid[], p_absent uuid[], p_held uuid[],
  p_hold_reason text, p_places integer[],
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[],
  p_stray_ids uuid[], p_stray_codes text[], p_stray_statuses text[], p_stray_sync text[],
  p_stray_external jsonb[], p_stray_created timestamptz[], p_stray_expires timestamptz[],
  p_stray_updated timestamptz[],
  OUT outcome text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_reward codemint.rewards;
  v_call   uuid;
BEGIN
  v_reward := codemint.lock_reward(p_reward);
  IF v_reward.reconciler IS DISTINCT FROM p_worker OR v_reward.reconciler_until < v_now
     OR v_reward.in_flight > 0
     OR p_calls IS DISTINCT FROM ARRAY(
          SELECT c.id FROM codemint.calls c
          WHERE c.reward_id = p_reward AND c.state = 'in_doubt' AND c.held_at IS NULL
          ORDER BY c.id)
     OR EXISTS (SELECT FROM codemint.codes c WHERE c.id = ANY (p_ids)) THEN
    outcome := 'changed';
    RETURN;
  END IF;
  FOREACH v_call IN ARRAY p_adopted LOOP
    PERFORM codemint.adopt_call(v_call, array_position(p_adopted, v_call), p_places, p_ids,
      p_codes, p_statuses, p_sync, p_external, p_created, p_expires, p_updated);
  END LOOP;
  FOREACH v_call IN ARRAY p_absent LOOP
    PERFORM codemint.declare_absent(v_call);
  END LOOP;
  PERFORM codemint.hold_calls(p_held, p_hold_reason);
  PERFORM codemint.store_strays(p_held[1], array_fill(p_reward, ARRAY[cardinality(p_stray_ids)]),
    p_stray_ids, p_stray_codes, p_stray_statuses, p_stray_sync, p_stray_external,
    p_stray_created, p_stray_expires, p_stray_updated);
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL, reconcile_at = NULL,
      listing_failing_since = NULL,
      closed_at = CASE WHEN EXISTS (
        SELECT FROM codemint.calls c
        WHERE c.reward_id = p_reward AND c.state = 'in_doubt' AND c.held_at IS NULL)
      THEN r.closed_at END
  WHERE r.reward_id = p_reward;
  PERFORM pg_notify('codemint_jobs', '');
  outcome := 'done';
END
$$;

-- Records the codes of one doubtful call that were found upstream. Fewer than it asked for leave
-- room to be asked for again, and the reward watched.
CREATE FUNCTION codemint.adopt_call(
  p_call uuid, p_place integer, p_places integer[],
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_call   codemint.calls;
  v_job    codemint.jobs;
  v_stored record;
BEGIN
  SELECT j.* INTO v_job FROM codemint.jobs j
  WHERE j.id = (SELECT c.job_id FROM codemint.calls c WHERE c.id = p_call) FOR UPDATE;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call FOR UPDATE;
  SELECT s.* INTO v_stored
  FROM (SELECT array_agg(u.id ORDER BY u.id) AS ids, array_agg(u.code ORDER BY u.id) AS codes,
               array_agg(u.status ORDER BY u.id) AS statuses,
               array_agg(u.sync ORDER BY u.id) AS sync,
               array_agg(u.external ORDER BY u.id) AS external,
               array_agg(u.created ORDER BY u.id) AS created,
               array_agg(u.expires ORDER BY u.id) AS expires,
               array_agg(u.updated ORDER BY u.id) AS updated
        FROM unnest(p_places, p_ids, p_codes, p_statuses, p_sync, p_external, p_created,
                    p_expires, p_updated)
          AS u (place, id, code, status, sync, external, created, expires, updated)
        WHERE u.place = p_place) AS own
  CROSS JOIN LATERAL codemint.store_codes(v_job.id, p_call, v_call.reward_id, v_call.size, own.ids,
    own.codes, own.statuses, own.sync, own.external, own.created, own.expires, own.updated) AS s;
  DELETE FROM codemint.strays s WHERE s.id = ANY (p_ids);
  v_job.outstanding := v_job.outstanding - v_call.size;
  v_job.issued := v_job.issued + v_stored.issued;
  UPDATE codemint.calls c
  SET state = 'adopted', received = v_stored.issued, lease_expires_at = NULL, settled_at = v_now,
      updated_at = v_now
  WHERE c.id = p_call;
  IF v_stored.issued < v_call.size THEN
    PERFORM codemint.watch_reward(v_call.reward_id, p_call, 0);
  END IF;
  v_job.stalls := 0;
  v_job := codemint.conclude_job(v_job, NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
END
$$;

-- A doubtful call is judged not to have happened: its room is free again, and because that is a
-- judgement and not a proof, the reward is watched.
CREATE FUNCTION codemint.declare_absent(p_call uuid) RETURNS void
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
  PERFORM codemint.watch_reward(v_call.reward_id, p_call, 0);
  v_job.outstanding := v_job.outstanding - v_call.size;
  v_job := codemint.conclude_job(v_job, NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
END
$$;

-- Doubtful calls that cannot be decided wait for a person, and their jobs with them.
CREATE FUNCTION codemint.hold_calls(p_calls uuid[], p_reason text) RETURNS void
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
      v_job.error_message := 'it cannot be told what a doubtful call did: see codemint.doubts, '
        'and decide with codemint.resolve_call';
    END IF;
    PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
  END LOOP;
  UPDATE codemint.calls c
  SET held_at = v_now, hold_reason = p_reason, updated_at = v_now
  WHERE c.id = ANY (p_calls) AND c.state = 'in_doubt' AND c.held_at IS NULL;
END
$$;

-- A reward is watched: listed again after 1 minute, 10 minutes, 1 hour and 24 hours.
--
-- With p_step -1 it is listed at once as well, and no call of it is made before that (but no
-- longer than half a minute, should the listing fail).
CREATE FUNCTION codemint.watch_reward(p_reward uuid, p_call uuid, p_step integer) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.rewards r
  SET watch_call = p_call, watch_step = p_step,
      watch_at = clock_timestamp()
                 + CASE WHEN p_step < 0 THEN interval '0' ELSE interval '1 minute' END,
      paused_until = CASE WHEN p_step < 0
                          THEN greatest(r.paused_until, clock_timestamp() + interval '30 seconds')
                          ELSE r.paused_until END,
      watched_since = least(r.watched_since,
        (SELECT CASE WHEN c.send_at IS NULL THEN j.created_at ELSE c.created_at END
         FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id WHERE c.id = p_call))
  WHERE r.reward_id = p_reward
$$;

-- Takes a reward whose watch is due.
CREATE FUNCTION codemint.take_watch(
  p_worker uuid, p_lease interval,
  OUT reward_id uuid, OUT since timestamptz, OUT known_first uuid, OUT known_last uuid,
  OUT offset_low_us bigint, OUT offset_high_us bigint, OUT now timestamptz
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward  codemint.rewards;
  v_account codemint.accounts;
BEGIN
  now := clock_timestamp();
  IF NOT codemint.may_list() THEN
    RETURN;
  END IF;
  SELECT * INTO v_reward FROM codemint.rewards r
  WHERE r.watch_at <= now AND r.closed_at IS NULL
    AND coalesce(r.reconcile_at, '-infinity') <= now
    AND coalesce(r.reconciler_until, '-infinity') < now
  ORDER BY r.watch_at, r.reward_id
  LIMIT 1
  FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  UPDATE codemint.rewards r SET reconciler = p_worker, reconciler_until = now + p_lease
  WHERE r.reward_id = v_reward.reward_id;
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  reward_id := v_reward.reward_id;
  since := coalesce(v_reward.watched_since, v_reward.created_at);
  known_first := v_reward.newest_known[1];
  known_last := v_reward.newest_known[2];
  IF v_account.offset_low_us IS NOT NULL
     AND coalesce(v_account.offset_distrusted_until, '-infinity') <= now THEN
    offset_low_us := v_account.offset_low_us;
    offset_high_us := v_account.offset_high_us;
  END IF;
END
$$;

-- Concludes one round of a watch with the codes that a listing showed and the ledger did not know.
--
-- They are recorded as surplus only when every call that was in flight while the listing ran (made
-- before p_listed_until) has its outcome: until then the answer is 'wait', and the same codes are
-- brought again. If one fell in doubt, the round is void and the reward goes to who reconciles it.
-- p_listed_until is the database's clock at the listing's end, or later.
CREATE FUNCTION codemint.conclude_watch(
  p_reward uuid, p_worker uuid, p_listed_until timestamptz,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[],
  OUT outcome text, OUT issued integer, OUT surplus integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now      timestamptz := clock_timestamp();
  v_reward   codemint.rewards;
  v_job      codemint.jobs;
  v_call     codemint.calls;
  v_room     integer;
  v_returned integer;
BEGIN
  issued := 0;
  surplus := 0;
  v_reward := codemint.lock_reward(p_reward);
  IF v_reward.reconciler IS DISTINCT FROM p_worker OR v_reward.reconciler_until < v_now THEN
    outcome := 'changed';
    RETURN;
  END IF;
  IF cardinality(p_ids) > 0 AND v_reward.closed_at IS NOT NULL THEN
    -- A doubt comes first: what was found may be its, and its reconciler needs the reward.
    UPDATE codemint.rewards r SET reconciler = NULL, reconciler_until = NULL
    WHERE r.reward_id = p_reward;
    outcome := 'changed';
    RETURN;
  END IF;
  IF cardinality(p_ids) > 0 AND EXISTS (
    SELECT FROM codemint.calls c
    WHERE c.reward_id = p_reward AND c.state = 'sending' AND c.created_at <= p_listed_until) THEN
    outcome := 'wait';
    RETURN;
  END IF;
  SELECT j.* INTO v_job FROM codemint.jobs j
  WHERE j.id = (SELECT c.job_id FROM codemint.calls c WHERE c.id = v_reward.watch_call) FOR UPDATE;
  SELECT c.* INTO v_call FROM codemint.calls c WHERE c.id = v_reward.watch_call FOR UPDATE;
  -- What an answer of fewer codes than were asked for has kept back belongs to the job as long as
  -- nothing has been asked again; whatever comes to light later is surplus.
  v_room := CASE WHEN v_reward.watch_step < 0 AND v_job.state IN ('queued', 'running')
                 THEN least(v_job.count - v_job.issued - v_job.outstanding,
                            v_call.size - (SELECT count(*)::integer FROM codemint.codes c
                                           WHERE c.job_id = v_job.id AND c.call_id = v_call.id
                                             AND NOT c.surplus))
                 ELSE 0 END;
  v_room := greatest(v_room, 0);
  SELECT s.issued, s.surplus, s.returned INTO issued, surplus, v_returned
  FROM codemint.store_codes(v_job.id, v_call.id, p_reward, v_room, p_ids, p_codes, p_statuses,
                            p_sync, p_external, p_created, p_expires, p_updated) s;
  DELETE FROM codemint.strays s WHERE s.id = ANY (p_ids);
  SELECT j.surplus INTO v_job.surplus FROM codemint.jobs j WHERE j.id = v_job.id;
  issued := issued + v_returned;
  v_job.issued := v_job.issued + issued;
  v_job.surplus := v_job.surplus + surplus;
  v_job := codemint.conclude_job(v_job, NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL,
      paused_until = CASE WHEN r.watch_step >= 0 THEN r.paused_until END,
      watch_step = r.watch_step + 1,
      watch_at = v_now + (ARRAY['1 minute', '9 minutes', '50 minutes', '23 hours']::interval[])
                         [r.watch_step + 2],
      watched_since = CASE WHEN r.watch_step < 3 THEN r.watched_since END
  WHERE r.reward_id = p_reward;
  PERFORM pg_notify('codemint_jobs', '');
  outcome := 'done';
END
$$;

-- What an operator decides about a doubtful call: 'adopt' takes the codes that were found for it
-- and set aside as strays, 'absent' frees its room. Who, when and why are kept.
CREATE FUNCTION codemint.resolve_call(p_call uuid, p_decision text, p_note text) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call   codemint.calls;
  v_reward codemint.rewards;
  v_job    codemint.jobs;
  v_stored record;
BEGIN
  IF p_decision NOT IN ('adopt', 'absent') THEN
    RAISE EXCEPTION 'the decision is "adopt" or "absent", not "%"', p_decision
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF coalesce(btrim(p_note), '') = '' THEN
    RAISE EXCEPTION 'a note says why: it is kept with the call'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no call %', p_call USING ERRCODE = 'no_data_found';
  END IF;
  v_reward := codemint.lock_reward(v_call.reward_id);
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_call.job_id FOR UPDATE;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call FOR UPDATE;
  IF v_call.state <> 'in_doubt' OR v_call.held_at IS NULL THEN
    RAISE EXCEPTION 'call % is % and not held: there is nothing to resolve', p_call,
      CASE WHEN v_call.state = 'in_doubt' THEN 'in doubt, codemint is working on it,'
           ELSE v_call.state END
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  UPDATE codemint.calls c
  SET resolved_by = session_user, resolved_at = clock_timestamp(), resolution = p_decision,
      resolution_note = p_note
  WHERE c.id = p_call;
  IF p_decision = 'absent' THEN
    PERFORM codemint.declare_absent(p_call);
  ELSE
    WITH taken AS (
      DELETE FROM codemint.strays s
      WHERE s.id IN (
        SELECT t.id FROM codemint.strays t
        WHERE t.reward_id = v_call.reward_id
          AND (t.call_id = p_call OR t.call_id IN (
                 SELECT h.id FROM codemint.calls h
                 WHERE h.reward_id = v_call.reward_id AND h.held_at = v_call.held_at))
          AND (v_call.prefix IS NULL OR NOT coalesce(v_reward.prefix_literal, false)
               OR starts_with(t.code, v_call.prefix))
          AND NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = t.id)
        ORDER BY t.id
        LIMIT v_call.size
        FOR UPDATE)
      RETURNING s.*)
    SELECT array_agg(1) AS places, array_agg(t.id ORDER BY t.id) AS ids,
           array_agg(t.code ORDER BY t.id) AS codes,
           array_agg(t.status ORDER BY t.id) AS statuses,
           array_agg(t.sync_status ORDER BY t.id) AS sync,
           array_agg(t.external_ids ORDER BY t.id) AS external,
           array_agg(t.created_at ORDER BY t.id) AS created,
           array_agg(t.expires_at ORDER BY t.id) AS expires,
           array_agg(t.updated_at ORDER BY t.id) AS updated
      INTO v_stored FROM taken t;
    IF v_stored.ids IS NULL THEN
      RAISE EXCEPTION 'no codes were found for call %: there is nothing to adopt', p_call
        USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE codemint.calls c SET held_at = NULL WHERE c.id = p_call;
    PERFORM codemint.adopt_call(p_call, 1, v_stored.places, v_stored.ids, v_stored.codes,
      v_stored.statuses, v_stored.sync, v_stored.external, v_stored.created, v_stored.expires,
      v_stored.updated);
  END IF;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_call.job_id;
  v_job := codemint.release_job(v_job, p_call);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
  PERFORM pg_notify('codemint_jobs', '');
  RETURN format('call %s is %s; job %s is %s with %s of %s codes', p_call,
    (SELECT c.state FROM codemint.calls c WHERE c.id = p_call), v_job.id,
    (SELECT j.state FROM codemint.jobs j WHERE j.id = v_job.id),
    (SELECT j.issued FROM codemint.jobs j WHERE j.id = v_job.id), v_job.count);
END
$$;
