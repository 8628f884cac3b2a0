-- Watching: rewards whose codes may yet come to light are listed again, after 1 minute, 10 minutes,
-- 1 hour and 24 hours. After a short answer or a failover, calls of the reward await a listing that
-- comes first of all (rewards.awaits_listing).

-- A reward is watched because of this call, for this reason. A listing that is awaited still comes
-- first when another reason arises. A listing that runs has not seen what this call made, and is void.
-- How long a list has failed is counted anew where calls begin to await it.
CREATE OR REPLACE FUNCTION codemint.watch_reward(p_reward uuid, p_call uuid, p_reason text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_begins  boolean := p_reason IN ('short_answer', 'failover');
  v_awaited boolean := (SELECT r.awaits_listing FROM codemint.rewards r
                        WHERE r.reward_id = p_reward);
  -- A call that has no slot was lost by a failover: it was sent at any time since its job came.
  v_since   timestamptz := (
    SELECT CASE WHEN c.send_at IS NULL THEN j.created_at ELSE c.created_at END
    FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id WHERE c.id = p_call);
BEGIN
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL, awaits_listing = v_awaited OR v_begins
  WHERE r.reward_id = p_reward;
  INSERT INTO codemint.reward_watches AS w
    (reward_id, reason, call_id, since, listings_done, next_listing_at)
  VALUES
    (p_reward, p_reason, p_call, v_since, CASE WHEN p_reason = 'late_codes' THEN 3 ELSE 0 END,
     v_now + CASE WHEN v_begins THEN interval '0' ELSE interval '1 minute' END)
  ON CONFLICT (reward_id) DO UPDATE
  -- The codes that a failover lost are the latest call's of its time, if anybody's.
  SET reason = CASE WHEN v_awaited AND w.reason = 'failover' THEN w.reason ELSE excluded.reason END,
      call_id = CASE WHEN v_awaited AND w.reason = 'failover' THEN w.call_id
                     ELSE excluded.call_id END,
      since = least(w.since, excluded.since),
      listings_done = CASE WHEN v_awaited THEN 0 ELSE excluded.listings_done END,
      next_listing_at = CASE WHEN v_awaited AND NOT v_begins THEN w.next_listing_at
                             ELSE excluded.next_listing_at END,
      failures = CASE WHEN w.next_listing_at IS NULL OR v_begins AND NOT v_awaited
                      THEN 0 ELSE w.failures END,
      failing_since = CASE WHEN NOT (w.next_listing_at IS NULL OR v_begins AND NOT v_awaited)
                           THEN w.failing_since END,
      error_message = CASE WHEN NOT (w.next_listing_at IS NULL OR v_begins AND NOT v_awaited)
                           THEN w.error_message END,
      ended = NULL;
END
$$;

-- A reward that calls wait to be listed was listed for these calls. What of it was left to a short
-- answer may be any of the codes: the listing that calls wait for cannot be older than this one, and
-- takes all that these calls can have made. The reward is locked.
CREATE OR REPLACE FUNCTION codemint.await_anew(p_reward uuid, p_decided uuid[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.reward_watches w
  SET next_listing_at = clock_timestamp(), failures = 0, failing_since = NULL, error_message = NULL,
      since = least(w.since, (
        SELECT min(CASE WHEN c.send_at IS NULL THEN j.created_at ELSE c.created_at END)
        FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id
        WHERE c.id = ANY (p_decided)))
  WHERE w.reward_id = p_reward
$$;

-- Takes a reward whose watch is due. p_code is the code that the worker knows.
CREATE OR REPLACE FUNCTION codemint.take_watch(
  p_worker uuid, p_lease interval, p_code text,
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
  PERFORM codemint.require_code(p_code);
  now := clock_timestamp();
  IF NOT codemint.may_list() THEN
    RETURN;
  END IF;
  SELECT r.* INTO v_reward
  FROM codemint.reward_watches w JOIN codemint.rewards r ON r.reward_id = w.reward_id
  WHERE w.next_listing_at <= now AND r.closed_at IS NULL AND codemint.is_free(r, now)
  ORDER BY w.next_listing_at, w.reward_id
  LIMIT 1
  FOR UPDATE OF r SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM codemint.give_reward(v_reward.reward_id, p_worker, now + p_lease);
  reward_id := v_reward.reward_id;
  known_first := v_reward.newest_known[1];
  known_last := v_reward.newest_known[2];
  awaited := v_reward.awaits_listing;
  SELECT coalesce(w.since, v_reward.created_at), w.next_listing_at, w.failures, w.failing_since
    INTO since, due_at, failures, failing_since
  FROM codemint.reward_watches w WHERE w.reward_id = v_reward.reward_id;
  SELECT o.low_us, o.high_us INTO offset_low_us, offset_high_us FROM codemint.clock_offset() o;
END
$$;

-- Puts a listing of a watch off because the list could not be had. With no p_pause, calls that awaited
-- the listing await it no longer: their jobs are held for a person, and the watch continues. A watch
-- whose listing no call awaited is given up.
CREATE OR REPLACE FUNCTION codemint.put_off_watch(
  p_reward uuid, p_worker uuid, p_pause interval, p_error text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now      timestamptz := clock_timestamp();
  v_reward   codemint.rewards := codemint.lock_reward(p_reward);
  v_releases boolean := p_pause IS NULL AND v_reward.awaits_listing;
BEGIN
  IF v_reward.reconciler IS DISTINCT FROM p_worker THEN
    RETURN;
  END IF;
  IF v_releases THEN
    PERFORM codemint.hold_jobs(
      p_reward, 'listing_failed',
      'the reward has to be listed before anything more is asked, and could not be: codes may be '
      'missing here; see codemint.watches');
    p_pause := interval '1 minute';
  END IF;
  PERFORM codemint.give_back_reward(p_reward);
  UPDATE codemint.rewards r SET awaits_listing = false WHERE r.reward_id = p_reward AND v_releases;
  UPDATE codemint.reward_watches w
  SET next_listing_at = v_now + p_pause,
      ended = CASE WHEN p_pause IS NULL THEN 'unlistable' END,
      failures = w.failures + 1,
      failing_since = coalesce(w.failing_since, v_now),
      error_message = p_error
  WHERE w.reward_id = p_reward;
END
$$;

-- Concludes one listing of a watch with the codes that it showed and the ledger did not know.
--
-- They are recorded only when every call that was in flight while the listing ran (made before
-- p_listed_until) has its outcome: until then the answer is 'wait', and the same codes are brought
-- again. If one fell in doubt, the listing is void and the reward is left to its reconciler.
-- p_listed_until is the database's clock at the listing's end, or later. p_raw is how many codes were
-- found beside these that only bytes can hold. credited are the jobs that codes counted for.
CREATE OR REPLACE FUNCTION codemint.conclude_watch(
  p_reward uuid, p_worker uuid, p_listed_until timestamptz, p_found codemint.received_code[],
  p_raw integer,
  OUT outcome text, OUT issued integer, OUT surplus integer, OUT credited bigint[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward codemint.rewards;
  v_found  boolean := cardinality(p_found) + p_raw > 0;
  v_news   codemint.received_code[];
  v_kept   record;
BEGIN
  issued := 0;
  surplus := 0;
  v_reward := codemint.lock_reward(p_reward);
  IF v_reward.reconciler IS DISTINCT FROM p_worker
     OR v_reward.reconciler_until < clock_timestamp() THEN
    outcome := 'changed';
    RETURN;
  END IF;
  IF v_found AND v_reward.closed_at IS NOT NULL THEN
    -- A doubt comes first: what was found may be its, and its reconciler needs the reward.
    PERFORM codemint.give_back_reward(p_reward);
    outcome := 'changed';
    RETURN;
  END IF;
  IF v_found AND EXISTS (
    SELECT FROM codemint.calls c
    WHERE c.reward_id = p_reward AND c.state = 'sending' AND c.created_at <= p_listed_until) THEN
    outcome := 'wait';
    RETURN;
  END IF;
  -- An answer may have shown some of them since they were listed. They are no short answer's.
  v_news := ARRAY(
    SELECT f.one FROM (SELECT u AS one, row_number() OVER () AS place FROM unnest(p_found) u) f
    WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = (f.one).id)
    ORDER BY f.place);
  IF cardinality(v_news) > 0 THEN
    SELECT k.* INTO v_kept FROM codemint.take_kept_back(v_reward, v_news) k;
    issued := v_kept.issued;
    credited := v_kept.credited;
    surplus := codemint.keep_rest(p_reward, v_kept.rest);
  END IF;
  PERFORM codemint.end_listing(v_reward);
  PERFORM pg_notify('codemint_jobs', '');
  outcome := 'done';
END
$$;

-- Gives codes that were found to the calls whose answers kept them back: each as many as it lacks and
-- its job has room for, and only such as begin with its prefix. What is left, or comes to light later,
-- is surplus. After a failover the latest call is given them.
CREATE OR REPLACE FUNCTION codemint.take_kept_back(
  p_reward codemint.rewards, p_found codemint.received_code[],
  OUT rest codemint.received_code[], OUT issued integer, OUT credited bigint[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_latest uuid := (SELECT w.call_id FROM codemint.reward_watches w
                    WHERE w.reward_id = p_reward.reward_id AND w.reason = 'failover'
                      AND p_reward.awaits_listing);
  v_call   codemint.calls;
  v_room   integer;
  v_new    integer;
  v_own    codemint.received_code[];
BEGIN
  rest := p_found;
  issued := 0;
  credited := '{}';
  -- The longest prefix chooses first: a code that begins with it begins with each shorter prefix too.
  FOR v_call IN
    SELECT c.* FROM codemint.calls c
    WHERE c.reward_id = p_reward.reward_id AND (c.is_short OR c.id = v_latest)
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
    FROM (SELECT s.*, row_number() OVER (PARTITION BY s.fits ORDER BY s.place) AS rank
          FROM (SELECT u AS one, row_number() OVER () AS place,
                       starts_with(u.code, coalesce(v_call.prefix, '')) AS fits
                FROM unnest(rest) u) s) f;
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
CREATE OR REPLACE FUNCTION codemint.keep_rest(p_reward uuid, p_rest codemint.received_code[])
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call codemint.calls;
BEGIN
  SELECT * INTO v_call FROM codemint.calls c
  WHERE c.reward_id = p_reward AND c.state = 'in_doubt' AND c.held_at IS NOT NULL
  ORDER BY codemint.has_seen_all(c.hold_reason), c.created_at, c.id
  LIMIT 1;
  IF FOUND THEN
    PERFORM codemint.keep_for_held(v_call.id, p_rest);
    RETURN 0;
  END IF;
  -- A call that was forgotten leaves the reward itself: the surplus is then no job's.
  SELECT c.* INTO v_call
  FROM codemint.reward_watches w JOIN codemint.calls c ON c.id = w.call_id
  WHERE w.reward_id = p_reward;
  v_call.reward_id := p_reward;
  RETURN (SELECT s.surplus FROM codemint.credit_call(v_call, 0, 0, p_rest) s);
END
$$;

-- One listing of a watch is done: the next is due later, or the watch has ended. Calls no longer await
-- one that was to come first, which is not one of the four.
CREATE OR REPLACE FUNCTION codemint.end_listing(p_reward codemint.rewards) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c_pauses constant interval[] := ARRAY['1 minute', '9 minutes', '50 minutes', '23 hours'];
BEGIN
  PERFORM codemint.give_back_reward(p_reward.reward_id);
  UPDATE codemint.rewards r SET awaits_listing = false
  WHERE r.reward_id = p_reward.reward_id AND r.awaits_listing;
  UPDATE codemint.reward_watches w
  SET listings_done = n.done,
      next_listing_at = clock_timestamp() + c_pauses[n.done + 1],
      failures = 0, failing_since = NULL, error_message = NULL,
      ended = CASE WHEN n.done > 3 THEN 'listed' END,
      since = CASE WHEN n.done <= 3 THEN w.since END
  FROM (SELECT o.reward_id,
               CASE WHEN p_reward.awaits_listing THEN 0 ELSE o.listings_done + 1 END AS done
        FROM codemint.reward_watches o) n
  WHERE w.reward_id = p_reward.reward_id AND n.reward_id = w.reward_id;
  UPDATE codemint.calls c SET is_short = false
  WHERE c.reward_id = p_reward.reward_id AND c.is_short;
END
$$;
