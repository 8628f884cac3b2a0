-- Reconciling: what doubtful calls did is found out by listing upstream, and decided here, in one
-- transaction under the reward's lock.

-- A code as a listing showed it. Statements bring codes as one array a column, which is what travels
-- well; from there on they are passed around as one array of these.
CREATE TYPE codemint.shown_code AS (
  id           uuid,
  code         text,
  status       text,
  sync_status  text,
  external_ids jsonb,
  created_at   timestamptz,
  expires_at   timestamptz,
  updated_at   timestamptz
);

-- Codes that came as columns.
CREATE FUNCTION codemint.zip_codes(
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[]
) RETURNS codemint.shown_code[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(array_agg(ROW(u.id, u.code, u.status, u.sync, u.external, u.created, u.expires,
                                u.updated)::codemint.shown_code ORDER BY u.place), '{}')
  FROM unnest(p_ids, p_codes, p_statuses, p_sync, p_external, p_created, p_expires, p_updated)
    WITH ORDINALITY
    AS u (id, code, status, sync, external, created, expires, updated, place)
$$;

-- Stores codes that were found for a call: up to p_room of the new ones count for its job, the rest
-- is surplus. p_held is what the call gives back of its job's room.
CREATE FUNCTION codemint.credit_call(
  p_call codemint.calls, p_held integer, p_room integer, p_found codemint.shown_code[],
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
  SELECT s.* INTO v_stored
  FROM (SELECT array_agg(f.id) AS ids, array_agg(f.code) AS codes,
               array_agg(f.status) AS statuses, array_agg(f.sync_status) AS sync,
               array_agg(f.external_ids) AS external, array_agg(f.created_at) AS created,
               array_agg(f.expires_at) AS expires, array_agg(f.updated_at) AS updated
        FROM unnest(p_found) AS f) AS own
  CROSS JOIN LATERAL codemint.store_codes(p_call.job_id, p_call.id, p_call.reward_id, p_room,
    own.ids, own.codes, own.statuses, own.sync, own.external, own.created, own.expires,
    own.updated) AS s;
  DELETE FROM codemint.strays s WHERE s.id IN (SELECT f.id FROM unnest(p_found) AS f);
  issued := v_stored.issued + v_stored.returned;
  surplus := v_stored.surplus;
  -- Codes that came back from surplus, this job's own perhaps, no longer count as such.
  SELECT j.surplus + v_stored.surplus INTO v_job.surplus
    FROM codemint.jobs j WHERE j.id = v_job.id;
  v_job.outstanding := v_job.outstanding - p_held;
  v_job.issued := v_job.issued + issued;
  v_job.stalls := CASE WHEN issued > 0 THEN 0 ELSE v_job.stalls END;
  IF p_held > 0 AND p_call.hold_reason IS NOT NULL THEN
    v_job := codemint.release_job(v_job, p_call.id);
  END IF;
  v_job := codemint.conclude_job(v_job, NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
END
$$;

-- Whether a call that is held for this reason has had all that it can have made set aside, out of a
-- whole listing; if not, its codes may be upstream and unknown.
CREATE FUNCTION codemint.has_seen_all(p_reason text) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_reason IN ('number_unexplained', 'prefixes_indistinct', 'codes_made_late')
$$;

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
  v_reward codemint.rewards;
BEGIN
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
  UPDATE codemint.rewards r SET reconciler = p_worker, reconciler_until = now + p_lease
  WHERE r.reward_id = v_reward.reward_id;
  reward_id := v_reward.reward_id;
  known_first := v_reward.newest_known[1];
  known_last := v_reward.newest_known[2];
  prefix_literal := coalesce(v_reward.prefix_literal, false);
  failing_since := v_reward.listing_failing_since;
  SELECT o.low_us, o.high_us INTO offset_low_us, offset_high_us FROM codemint.clock_offset() o;
  FOR call_id, job_id, prefix, size, earliest, latest IN
    -- A call that a failover lost and its settlement brought back has no slot: it was sent at any
    -- time since its job was inserted.
    SELECT c.id, c.job_id, c.prefix, c.size, coalesce(c.send_at, j.created_at),
           coalesce(c.lease_expires_at, c.updated_at) + p_linger
    FROM codemint.calls c
    JOIN codemint.jobs j ON j.id = c.job_id
    -- A held call is judged again with the others, unless a whole listing has shown all that it
    -- made: its codes may be there by now, and would be taken for another's.
    WHERE c.reward_id = v_reward.reward_id AND c.state = 'in_doubt'
      AND (c.held_at IS NULL OR NOT codemint.has_seen_all(c.hold_reason))
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
-- who has a reward to list neither loses it while waiting nor takes slots for nothing. At a slow pace
-- within two spacings, else there would never be a second page.
-- An operator's audit needs slots as well, so it runs with its owner's rights.
CREATE FUNCTION codemint.reserve_slot(OUT slot_us bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz;
  v_account codemint.accounts;
  v_next    codemint.slot;
BEGIN
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  IF v_account.blocked_at IS NOT NULL OR v_account.breaker = 'open'
     OR v_account.requests_per_second IS NULL THEN
    RETURN;
  END IF;
  v_now := clock_timestamp();
  v_next := codemint.next_slot(v_account, v_now);
  IF v_next.slot - v_now > greatest(interval '5 seconds', v_next.spacing * 2) THEN
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
  v_reward codemint.rewards;
  v_call   uuid;
BEGIN
  v_reward := codemint.lock_reward(p_reward);
  IF v_reward.reconciler IS DISTINCT FROM p_worker OR v_reward.reconciler_until < clock_timestamp()
     OR v_reward.in_flight > 0
     OR p_calls IS DISTINCT FROM ARRAY(
          SELECT c.id FROM codemint.calls c
          WHERE c.reward_id = p_reward AND c.state = 'in_doubt'
            AND (c.held_at IS NULL OR NOT codemint.has_seen_all(c.hold_reason))
          ORDER BY c.id)
     OR EXISTS (SELECT FROM codemint.codes c WHERE c.id = ANY (p_ids)) THEN
    outcome := 'changed';
    RETURN;
  END IF;
  FOREACH v_call IN ARRAY p_adopted LOOP
    PERFORM codemint.adopt_call(v_call, ARRAY(
      SELECT ROW(u.id, u.code, u.status, u.sync, u.external, u.created, u.expires,
                 u.updated)::codemint.shown_code
      FROM unnest(p_places, p_ids, p_codes, p_statuses, p_sync, p_external, p_created, p_expires,
                  p_updated)
        AS u (place, id, code, status, sync, external, created, expires, updated)
      WHERE u.place = array_position(p_adopted, v_call)
      ORDER BY u.id));
  END LOOP;
  FOREACH v_call IN ARRAY p_absent LOOP
    PERFORM codemint.declare_absent(v_call);
  END LOOP;
  PERFORM codemint.hold_calls(p_held, p_hold_reason, codemint.zip_codes(p_stray_ids,
    p_stray_codes, p_stray_statuses, p_stray_sync, p_stray_external, p_stray_created,
    p_stray_expires, p_stray_updated));
  IF NOT codemint.has_seen_all(p_hold_reason) THEN
    -- What they made may be upstream and unknown: a listing that succeeds sets it aside for them.
    PERFORM codemint.watch_reward(p_reward, h.call, 0) FROM unnest(p_held) AS h (call);
  END IF;
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
CREATE FUNCTION codemint.adopt_call(p_call uuid, p_found codemint.shown_code[]) RETURNS void
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
    PERFORM codemint.watch_reward(v_call.reward_id, p_call, 0);
  END IF;
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
  IF v_call.hold_reason IS NOT NULL THEN
    v_job := codemint.release_job(v_job, p_call);
  END IF;
  v_job := codemint.conclude_job(v_job, NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
END
$$;

-- Keeps codes that no text or jsonb column can hold, and that a listing showed: their fields as
-- bytes. p_calls says what each was found for; a null is the call because of which the reward is
-- watched. A call of which nothing else was found made no progress for its job, which fails after
-- p_stall_limit such calls in a row: else it would be asked again for ever. All of this only if what it
-- belongs to was done; p_outcome says so, and is handed on.
CREATE FUNCTION codemint.store_raw_codes(
  p_outcome text, p_reward uuid, p_calls uuid[], p_ids uuid[], p_codes bytea[],
  p_statuses bytea[], p_external bytea[], p_stall_limit integer
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
  SELECT u.id, r.reward_id, coalesce(u.call, r.watch_call), u.code, u.status, u.external
  FROM unnest(p_calls, p_ids, p_codes, p_statuses, p_external)
    AS u (call, id, code, status, external)
  JOIN codemint.rewards r ON r.reward_id = p_reward
  ON CONFLICT (id) DO NOTHING;
  FOR v_job IN
    SELECT j.* FROM codemint.jobs j
    WHERE j.id IN (SELECT c.job_id FROM codemint.calls c
                   WHERE c.id = ANY (p_calls) AND c.state = 'adopted' AND c.received = 0)
    ORDER BY j.id
    FOR UPDATE
  LOOP
    v_job.stalls := v_job.stalls + 1;
    v_job := codemint.conclude_job(v_job,
      CASE WHEN v_job.stalls >= p_stall_limit THEN 'no_progress' END,
      format('%s calls in a row made no code that can be stored', v_job.stalls));
    PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
  END LOOP;
  RETURN p_outcome;
END
$$;

COMMENT ON TYPE codemint.shown_code IS 'A code as a listing showed it.';

-- Keeps codes whose owner is not proven.
CREATE FUNCTION codemint.store_strays(
  p_call uuid, p_rewards uuid[], p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[],
  p_external jsonb[], p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[]
) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO codemint.strays
    (id, call_id, reward_id, code, status, sync_status, external_ids, created_at, expires_at,
     updated_at)
  SELECT s.id, p_call, s.reward, s.code, s.status, s.sync, s.external, s.created, s.expires,
         s.updated
  FROM unnest(p_rewards, p_ids, p_codes, p_statuses, p_sync, p_external, p_created, p_expires,
              p_updated)
    AS s (reward, id, code, status, sync, external, created, expires, updated)
  WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = s.id)
  ON CONFLICT (id) DO NOTHING
$$;
