-- Watching: rewards whose codes may yet come to light are listed again; and what a person decides
-- where listing could not.

-- A reward is watched: listed again after 1 minute, 10 minutes, 1 hour and 24 hours.
--
-- With p_step -1 it is listed at once as well, and no call of it is made before that (but no
-- longer than half a minute, should the listing fail). With -2 its calls wait for the listing
-- however long it takes, or until it is given up. A listing that is to come first still does when
-- another reason comes to watch the reward; one that runs has not seen what this call made, and is
-- void.
CREATE FUNCTION codemint.watch_reward(p_reward uuid, p_call uuid, p_step integer) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL,
      -- The codes that a failover lost are the latest call's of its time, if anybody's.
      watch_call = CASE WHEN w.pending = -2 THEN r.watch_call ELSE p_call END,
      watch_step = least(p_step, w.pending),
      watch_at = least(CASE WHEN w.pending IS NOT NULL THEN r.watch_at END, w.due),
      watch_failures = CASE WHEN r.watch_at IS NOT NULL THEN r.watch_failures ELSE 0 END,
      watch_failing_since = CASE WHEN r.watch_at IS NOT NULL THEN r.watch_failing_since END,
      watch_error = CASE WHEN r.watch_at IS NOT NULL THEN r.watch_error END,
      watch_ended = NULL,
      paused_until = CASE p_step WHEN -1 THEN greatest(r.paused_until, w.now + interval '30 s')
                                 WHEN -2 THEN w.now + interval '1 year'
                                 ELSE r.paused_until END,
      watched_since = least(r.watched_since,
        (SELECT CASE WHEN c.send_at IS NULL THEN j.created_at ELSE c.created_at END
         FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id WHERE c.id = p_call))
  FROM (SELECT o.now, CASE WHEN p_step < 0 THEN o.now ELSE o.now + interval '1 minute' END AS due,
               (SELECT p.watch_step FROM codemint.rewards p
                WHERE p.reward_id = p_reward AND p.watch_at IS NOT NULL AND p.watch_step < 0)
                 AS pending
        FROM (SELECT clock_timestamp() AS now) o) w
  WHERE r.reward_id = p_reward
$$;

-- A reward that takes new calls again waits for the listing that is to come first: that has its half
-- minute from now, however long the doubt has taken.
CREATE FUNCTION codemint.await_listing() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  NEW.paused_until := greatest(NEW.paused_until, clock_timestamp() + interval '30 s');
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION codemint.await_listing() IS
  'Keeps a reward that is reopened waiting for the listing that is to come first.';

CREATE TRIGGER await_listing BEFORE UPDATE OF closed_at ON codemint.rewards
  FOR EACH ROW
  WHEN (OLD.closed_at IS NOT NULL AND NEW.closed_at IS NULL
        AND NEW.watch_at IS NOT NULL AND NEW.watch_step = -1)
  EXECUTE FUNCTION codemint.await_listing();

-- Takes a reward whose watch is due.
CREATE FUNCTION codemint.take_watch(
  p_worker uuid, p_lease interval,
  OUT reward_id uuid, OUT since timestamptz, OUT known_first uuid, OUT known_last uuid,
  OUT offset_low_us bigint, OUT offset_high_us bigint, OUT now timestamptz,
  OUT awaited boolean, OUT failures integer, OUT failing_since timestamptz
)
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
  reward_id := v_reward.reward_id;
  since := coalesce(v_reward.watched_since, v_reward.created_at);
  known_first := v_reward.newest_known[1];
  known_last := v_reward.newest_known[2];
  awaited := v_reward.watch_step = -2;
  failures := v_reward.watch_failures;
  failing_since := v_reward.watch_failing_since;
  SELECT o.low_us, o.high_us INTO offset_low_us, offset_high_us FROM codemint.clock_offset() o;
END
$$;

-- Puts a round of a watch off because the list could not be had. With no p_pause the watch is given
-- up, and jobs whose calls waited for the listing are held for a person.
CREATE FUNCTION codemint.put_off_watch(
  p_reward uuid, p_worker uuid, p_pause interval, p_error text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward codemint.rewards := codemint.lock_reward(p_reward);
BEGIN
  IF v_reward.reconciler IS DISTINCT FROM p_worker THEN
    RETURN;
  END IF;
  IF p_pause IS NULL AND v_reward.watch_step = -2 THEN
    UPDATE codemint.jobs j
    SET held = true, turn = NULL, next_call_at = NULL, error_code = 'listing_failed',
        error_message = 'after a failover of the database its reward could not be listed: what was '
          'asked for before may be missing here; see codemint.watches',
        updated_at = clock_timestamp()
    WHERE j.reward_id = p_reward AND j.state IN ('queued', 'running') AND NOT j.held;
    PERFORM codemint.refresh_line(p_reward);
  END IF;
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL,
      watch_at = clock_timestamp() + p_pause,
      watch_ended = CASE WHEN p_pause IS NULL THEN 'unlistable' END,
      paused_until = CASE WHEN p_pause IS NOT NULL OR r.watch_step > -2 THEN r.paused_until END,
      watch_failures = r.watch_failures + 1,
      watch_failing_since = coalesce(r.watch_failing_since, clock_timestamp()),
      watch_error = p_error
  WHERE r.reward_id = p_reward;
END
$$;

-- Concludes one round of a watch with the codes that a listing showed and the ledger did not know.
--
-- They are recorded only when every call that was in flight while the listing ran (made before
-- p_listed_until) has its outcome: until then the answer is 'wait', and the same codes are brought
-- again. If one fell in doubt, the round is void and the reward goes to who reconciles it.
-- p_listed_until is the database's clock at the listing's end, or later. p_raw is how many codes
-- were found beside these that only bytes can hold.
CREATE FUNCTION codemint.conclude_watch(
  p_reward uuid, p_worker uuid, p_listed_until timestamptz,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[], p_raw integer,
  OUT outcome text, OUT issued integer, OUT surplus integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_reward codemint.rewards;
  v_found  boolean := cardinality(p_ids) + p_raw > 0;
  v_kept   record;
BEGIN
  issued := 0;
  surplus := 0;
  v_reward := codemint.lock_reward(p_reward);
  IF v_reward.reconciler IS DISTINCT FROM p_worker OR v_reward.reconciler_until < v_now THEN
    outcome := 'changed';
    RETURN;
  END IF;
  IF v_found AND v_reward.closed_at IS NOT NULL THEN
    -- A doubt comes first: what was found may be its, and its reconciler needs the reward.
    UPDATE codemint.rewards r SET reconciler = NULL, reconciler_until = NULL
    WHERE r.reward_id = p_reward;
    outcome := 'changed';
    RETURN;
  END IF;
  IF v_found AND EXISTS (
    SELECT FROM codemint.calls c
    WHERE c.reward_id = p_reward AND c.state = 'sending' AND c.created_at <= p_listed_until) THEN
    outcome := 'wait';
    RETURN;
  END IF;
  IF cardinality(p_ids) > 0 THEN
    SELECT k.* INTO v_kept FROM codemint.take_kept_back(v_reward, codemint.zip_codes(p_ids, p_codes,
      p_statuses, p_sync, p_external, p_created, p_expires, p_updated)) k;
    issued := v_kept.issued;
    surplus := codemint.keep_rest(v_reward, v_kept.rest);
  END IF;
  PERFORM codemint.end_round(v_reward);
  PERFORM pg_notify('codemint_jobs', '');
  outcome := 'done';
END
$$;

-- Gives codes that were found to the calls whose answers kept them back, as long as nothing has been
-- asked again: each as many as it lacks and its job has room for, and only such as begin with its
-- prefix. Whatever is left, or comes to light later, is surplus. After a failover it is the latest
-- call that is given them.
CREATE FUNCTION codemint.take_kept_back(
  p_reward codemint.rewards, p_found codemint.shown_code[],
  OUT rest codemint.shown_code[], OUT issued integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call codemint.calls;
  v_room integer;
  v_new  integer;
  v_own  codemint.shown_code[];
BEGIN
  rest := p_found;
  issued := 0;
  -- The longest prefix chooses first: what it may have, those before it in its name may have too.
  FOR v_call IN
    SELECT c.* FROM codemint.calls c
    WHERE p_reward.watch_step < 0 AND c.reward_id = p_reward.reward_id
      AND (c.is_short OR p_reward.watch_step = -2 AND c.id = p_reward.watch_call)
    ORDER BY octet_length(c.prefix) DESC NULLS LAST, c.created_at, c.id
  LOOP
    SELECT least(j.count - j.issued - j.outstanding,
                 v_call.size - (SELECT count(*)::integer FROM codemint.codes k
                                WHERE k.job_id = j.id AND k.call_id = v_call.id AND NOT k.surplus))
      INTO v_room
    FROM codemint.jobs j
    WHERE j.id = v_call.job_id AND j.state IN ('queued', 'running');
    CONTINUE WHEN coalesce(v_room, 0) <= 0;
    SELECT coalesce(array_agg(f.one ORDER BY f.place) FILTER (WHERE f.fits AND f.rank <= v_room),
                    '{}'),
           coalesce(array_agg(f.one ORDER BY f.place)
                      FILTER (WHERE NOT (f.fits AND f.rank <= v_room)), '{}')
      INTO v_own, rest
    FROM (SELECT s.one, s.place, s.fits,
                 row_number() OVER (PARTITION BY s.fits ORDER BY s.place) AS rank
          FROM (SELECT ROW(u.id, u.code, u.status, u.sync, u.external, u.created, u.expires,
                           u.updated)::codemint.shown_code AS one,
                       u.place, starts_with(u.code, coalesce(v_call.prefix, '')) AS fits
                FROM unnest(rest) WITH ORDINALITY
                  AS u (id, code, status, sync, external, created, expires, updated, place)) s) f;
    SELECT c.issued INTO v_new FROM codemint.credit_call(v_call, 0, v_room, v_own) c;
    issued := issued + v_new;
  END LOOP;
END
$$;

-- Keeps what a watch found and no answer had kept back: for a held call of the reward, which has no
-- outcome yet and may have made it, else as surplus. Returns how many are surplus.
CREATE FUNCTION codemint.keep_rest(p_reward codemint.rewards, p_rest codemint.shown_code[])
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call    codemint.calls;
  v_surplus integer;
BEGIN
  SELECT * INTO v_call FROM codemint.calls c
  WHERE c.reward_id = p_reward.reward_id AND c.state = 'in_doubt' AND c.held_at IS NOT NULL
  ORDER BY c.created_at, c.id
  LIMIT 1;
  IF FOUND THEN
    PERFORM codemint.keep_for_held(v_call.id, p_rest);
    RETURN 0;
  END IF;
  -- A call that was forgotten leaves the reward itself: the surplus is then no job's.
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_reward.watch_call;
  v_call.reward_id := p_reward.reward_id;
  SELECT s.surplus INTO v_surplus FROM codemint.credit_call(v_call, 0, 0, p_rest) s;
  RETURN v_surplus;
END
$$;

-- One listing of a watch is done: the next one is due later, or the watch has ended. Calls need not
-- wait any longer for one that was to come first.
CREATE FUNCTION codemint.end_round(p_reward codemint.rewards) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_step integer := greatest(p_reward.watch_step + 1, 0);
BEGIN
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL,
      paused_until = CASE WHEN p_reward.watch_step >= 0 THEN r.paused_until END,
      watch_step = v_step,
      watch_at = clock_timestamp()
        + (ARRAY['1 minute', '9 minutes', '50 minutes', '23 hours']::interval[])[v_step + 1],
      watch_failures = 0, watch_failing_since = NULL, watch_error = NULL,
      watch_ended = CASE WHEN v_step > 3 THEN 'listed' END,
      watched_since = CASE WHEN v_step <= 3 THEN r.watched_since END
  WHERE r.reward_id = p_reward.reward_id;
  UPDATE codemint.calls c SET is_short = false
  WHERE c.reward_id = p_reward.reward_id AND c.is_short;
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
  v_call  codemint.calls;
  v_job   codemint.jobs;
  v_found codemint.shown_code[];
BEGIN
  PERFORM codemint.check_resolution(p_call, p_decision, p_note);
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  PERFORM codemint.lock_reward(v_call.reward_id);
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
    v_found := codemint.strays_for(v_call);
    IF cardinality(v_found) = 0 THEN
      RAISE EXCEPTION 'no codes were found for call %: there is nothing to adopt', p_call
        USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM codemint.adopt_call(p_call, v_found);
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

-- Refuses what an operator cannot mean.
CREATE FUNCTION codemint.check_resolution(p_call uuid, p_decision text, p_note text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_decision IS NULL OR p_decision NOT IN ('adopt', 'absent') THEN
    RAISE EXCEPTION 'the decision is "adopt" or "absent", not "%"', p_decision
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF coalesce(btrim(p_note), '') = '' THEN
    RAISE EXCEPTION 'a note says why: it is kept with the call'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT EXISTS (SELECT FROM codemint.calls c WHERE c.id = p_call) THEN
    RAISE EXCEPTION 'there is no call %', p_call USING ERRCODE = 'no_data_found';
  END IF;
END
$$;

-- The codes that were set aside for a held call and for those held with it, as many as it asked for:
-- those that begin with its prefix or, where none does and the prefix is not known to be literal,
-- those that begin with no other call's.
CREATE FUNCTION codemint.strays_for(p_call codemint.calls) RETURNS codemint.shown_code[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH found AS (
    SELECT t.*, starts_with(t.code, coalesce(p_call.prefix, '')) AS is_own,
           EXISTS (SELECT FROM codemint.calls o
                   WHERE o.reward_id = p_call.reward_id AND o.held_at = p_call.held_at
                     AND o.prefix <> coalesce(p_call.prefix, '')
                     AND starts_with(t.code, o.prefix)) AS is_others
    FROM codemint.strays t
    WHERE t.reward_id = p_call.reward_id AND t.found_at = p_call.held_at
      AND NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = t.id)
  ), own AS (
    SELECT f.* FROM found f
    WHERE f.is_own
       OR NOT f.is_others AND NOT EXISTS (SELECT FROM found g WHERE g.is_own)
          AND NOT coalesce((SELECT r.prefix_literal FROM codemint.rewards r
                            WHERE r.reward_id = p_call.reward_id), false)
    ORDER BY f.is_others, f.id
    LIMIT p_call.size)
  SELECT coalesce(array_agg(ROW(o.id, o.code, o.status, o.sync_status, o.external_ids,
                                o.created_at, o.expires_at, o.updated_at)::codemint.shown_code
                            ORDER BY o.id), '{}')
  FROM own o
$$;

-- Watches that are under way, and those that were given up.
CREATE VIEW codemint.watches AS
SELECT r.reward_id,
       CASE WHEN r.watch_at IS NULL THEN r.watch_ended
            WHEN r.watch_failures > 0 THEN 'failing'
            WHEN r.watch_step < 0 THEN 'listing'
            ELSE 'waiting' END AS state,
       r.watched_since, r.watch_call AS call_id, r.watch_at AS next_listing_at,
       greatest(r.watch_step, 0) AS listings_done,
       r.watch_failures AS failures, r.watch_failing_since AS failing_since,
       r.watch_error AS error,
       CASE WHEN r.watch_ended = 'unlistable'
            THEN format('codemint audit %s, once its codes can be listed again', r.reward_id)
            ELSE 'none: codemint lists it' END AS what_to_do
FROM codemint.rewards r
WHERE r.watch_at IS NOT NULL OR r.watch_ended = 'unlistable';

COMMENT ON VIEW codemint.watches IS
  'Rewards that are listed again because codes may yet come to light, and those given up.';
COMMENT ON COLUMN codemint.watches.state IS
  'waiting for the next listing, listing (due at once), failing (its list cannot be had), '
  'unlistable (given up).';
COMMENT ON FUNCTION codemint.resolve_call(uuid, text, text) IS
  'Decides a held call: adopt takes the codes found for it, absent frees its room. Say why.';
