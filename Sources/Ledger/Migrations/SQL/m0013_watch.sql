-- Watching: rewards whose codes may yet come to light are listed again; and calls that wait for a
-- person because listing could not decide them.

-- A reward is watched: listed again after 1 minute, 10 minutes, 1 hour and 24 hours.
--
-- With a p_step below 0 it is listed first of all, and its calls wait for that: -1 because of an
-- answer that was not what was asked for, -2 because of a failover. A listing that is to come first
-- still does when another reason comes to watch the reward; one that runs has not seen what this call
-- made, and is void.
CREATE FUNCTION codemint.watch_reward(p_reward uuid, p_call uuid, p_step integer) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL,
      -- The codes that a failover lost are the latest call's of its time, if anybody's.
      watch_call = CASE WHEN r.watch_step = -2 THEN r.watch_call ELSE p_call END,
      watch_step = CASE WHEN r.watch_step < 0 THEN least(p_step, r.watch_step) ELSE p_step END,
      watch_at = CASE WHEN p_step < 0 THEN clock_timestamp()
                      WHEN r.watch_step < 0 THEN r.watch_at
                      ELSE clock_timestamp() + interval '1 minute' END,
      watch_failures = CASE WHEN w.is_new THEN 0 ELSE r.watch_failures END,
      watch_failing_since = CASE WHEN NOT w.is_new THEN r.watch_failing_since END,
      watch_error = CASE WHEN NOT w.is_new THEN r.watch_error END,
      watch_ended = NULL,
      watched_since = least(r.watched_since,
        (SELECT CASE WHEN c.send_at IS NULL THEN j.created_at ELSE c.created_at END
         FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id WHERE c.id = p_call))
  -- How long a list has failed is counted anew where calls begin to wait for it.
  FROM (SELECT o.watch_at IS NULL OR p_step < 0 AND o.watch_step >= 0 AS is_new
        FROM codemint.rewards o WHERE o.reward_id = p_reward) w
  WHERE r.reward_id = p_reward
$$;

-- Takes a reward whose watch is due.
CREATE FUNCTION codemint.take_watch(
  p_worker uuid, p_lease interval,
  OUT reward_id uuid, OUT since timestamptz, OUT known_first uuid, OUT known_last uuid,
  OUT offset_low_us bigint, OUT offset_high_us bigint, OUT due_at timestamptz, OUT now timestamptz,
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
  WHERE r.watch_at <= now AND r.closed_at IS NULL AND codemint.is_free(r, now)
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
  due_at := v_reward.watch_at;
  awaited := v_reward.watch_step < 0;
  failures := v_reward.watch_failures;
  failing_since := v_reward.watch_failing_since;
  SELECT o.low_us, o.high_us INTO offset_low_us, offset_high_us FROM codemint.clock_offset() o;
END
$$;

-- Puts a round of a watch off because the list could not be had. With no p_pause, calls that waited
-- for it wait no longer: their jobs are held for a person, and the watch goes on. A watch that no call
-- waited for is given up.
CREATE FUNCTION codemint.put_off_watch(
  p_reward uuid, p_worker uuid, p_pause interval, p_error text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward   codemint.rewards := codemint.lock_reward(p_reward);
  v_gives_up boolean := p_pause IS NULL;
BEGIN
  IF v_reward.reconciler IS DISTINCT FROM p_worker THEN
    RETURN;
  END IF;
  IF v_gives_up AND v_reward.watch_step < 0 THEN
    UPDATE codemint.jobs j
    SET held = true, turn = NULL, next_call_at = NULL, error_code = 'listing_failed',
        error_message = 'its reward has to be listed before anything more is asked of it, and could '
          'not be: codes may be missing here; see codemint.watches',
        updated_at = clock_timestamp()
    WHERE j.reward_id = p_reward AND j.state IN ('queued', 'running') AND NOT j.held;
    PERFORM codemint.refresh_line(p_reward);
    p_pause := interval '1 minute';
  END IF;
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL,
      watch_step = CASE WHEN v_gives_up THEN greatest(r.watch_step, 0) ELSE r.watch_step END,
      watch_at = clock_timestamp() + p_pause,
      watch_ended = CASE WHEN p_pause IS NULL THEN 'unlistable' END,
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
-- were found beside these that only bytes can hold. credited are the jobs that codes counted for.
CREATE FUNCTION codemint.conclude_watch(
  p_reward uuid, p_worker uuid, p_listed_until timestamptz,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[], p_raw integer,
  OUT outcome text, OUT issued integer, OUT surplus integer, OUT credited bigint[]
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
    credited := v_kept.credited;
    surplus := codemint.keep_rest(v_reward, v_kept.rest);
  END IF;
  PERFORM codemint.end_round(v_reward);
  PERFORM pg_notify('codemint_jobs', '');
  outcome := 'done';
END
$$;

-- Gives codes that were found to the calls whose answers kept them back: each as many as it lacks and
-- its job has room for, and only such as begin with its prefix. Whatever is left, or comes to light
-- later, is surplus. After a failover it is the latest call that is given them.
CREATE FUNCTION codemint.take_kept_back(
  p_reward codemint.rewards, p_found codemint.shown_code[],
  OUT rest codemint.shown_code[], OUT issued integer, OUT credited bigint[]
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
  credited := '{}';
  -- The longest prefix chooses first: what it may have, those before it in its name may have too.
  FOR v_call IN
    SELECT c.* FROM codemint.calls c
    WHERE c.reward_id = p_reward.reward_id
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
    IF v_new > 0 THEN
      credited := credited || v_call.job_id;
    END IF;
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
  ORDER BY codemint.has_seen_all(c.hold_reason), c.created_at, c.id
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

-- One listing of a watch is done: the next one is due later, or the watch has ended. Calls wait no
-- longer for one that was to come first.
CREATE FUNCTION codemint.end_round(p_reward codemint.rewards) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_step integer := greatest(p_reward.watch_step + 1, 0);
BEGIN
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL,
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

-- Doubtful calls that cannot be decided wait for a person, and their jobs with them. The codes that
-- could be theirs are set aside for all of them together: found_at is what they have in common.
CREATE FUNCTION codemint.hold_calls(
  p_calls uuid[], p_reason text, p_found codemint.shown_code[]
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
      v_job.error_message := 'it cannot be told what a doubtful call did: see codemint.doubts, '
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

-- Sets codes aside for a held call and those that are held with it.
CREATE FUNCTION codemint.keep_for_held(p_call uuid, p_found codemint.shown_code[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO codemint.strays
    (id, call_id, reward_id, code, status, sync_status, external_ids, created_at, expires_at,
     updated_at, found_at)
  SELECT f.id, c.id, c.reward_id, f.code, f.status, f.sync_status, f.external_ids, f.created_at,
         f.expires_at, f.updated_at, c.held_at
  FROM unnest(p_found) AS f
  CROSS JOIN codemint.calls c
  WHERE c.id = p_call AND NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = f.id)
  ON CONFLICT (id) DO UPDATE SET found_at = excluded.found_at
$$;

-- A held call has got its outcome: its job goes on, unless another of its calls is held, or it is
-- held for another reason.
CREATE FUNCTION codemint.release_job(p_job codemint.jobs, p_call uuid) RETURNS codemint.jobs
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

-- Which of these jobs have ended, if what was to be done was done (p_outcome). None had before: each had
-- a call in doubt, or lacked codes that it was given.
CREATE FUNCTION codemint.ended_jobs(
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
COMMENT ON FUNCTION codemint.ended_jobs IS 'Jobs that a decision or a watch brought to their end.';

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
COMMENT ON COLUMN codemint.watches.call_id IS 'The latest call because of which it is watched.';
COMMENT ON COLUMN codemint.watches.next_listing_at IS 'When it is listed next.';
COMMENT ON COLUMN codemint.watches.listings_done IS 'Listings of this watch so far, of four.';
COMMENT ON COLUMN codemint.watches.failures IS 'How often in a row it could not be listed.';
COMMENT ON COLUMN codemint.watches.failing_since IS 'Since when.';
COMMENT ON COLUMN codemint.watches.error IS 'Why.';
COMMENT ON COLUMN codemint.watches.what_to_do IS 'What is left for you to do, if anything.';
