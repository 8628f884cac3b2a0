-- Watching: a reward is listed again if more of its codes may turn up, after 1 minute, 10 minutes,
-- 1 hour and 24 hours. After a short answer or a failover one more listing comes first, and calls
-- of the reward await it (rewards.awaits_listing).

-- Watches a reward because of this call, for this reason. If calls await a listing already, they
-- still await it whatever the new reason is. A listing that is running has not seen what this call
-- made, so it is void. The time for which listing has failed is counted anew when calls begin to
-- await it.
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
  -- Whether failures are counted anew: no listing was due, or calls begin to await one.
  v_anew    boolean := v_begins AND NOT v_awaited OR NOT EXISTS (
    SELECT FROM codemint.reward_watches w
    WHERE w.reward_id = p_reward AND w.next_listing_at IS NOT NULL);
BEGIN
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL, awaits_listing = v_awaited OR v_begins
  WHERE r.reward_id = p_reward;
  INSERT INTO codemint.reward_watches AS w
    (reward_id, reason, call_id, since, listings_left, next_listing_at)
  VALUES
    (p_reward, p_reason, p_call, codemint.sent_since(ARRAY[p_call]),
     CASE WHEN p_reason = 'late_codes' THEN 1 ELSE 4 END,
     v_now + CASE WHEN v_begins THEN interval '0' ELSE interval '1 minute' END)
  ON CONFLICT (reward_id) DO UPDATE
  -- Codes that a failover lost go to the latest call before the failover, so that call stays.
  SET reason = CASE WHEN v_awaited AND w.reason = 'failover' THEN w.reason ELSE excluded.reason END,
      call_id = CASE WHEN v_awaited AND w.reason = 'failover' THEN w.call_id
                     ELSE excluded.call_id END,
      since = least(w.since, excluded.since),
      listings_left = CASE WHEN v_awaited THEN 4 ELSE excluded.listings_left END,
      next_listing_at = CASE WHEN v_awaited AND NOT v_begins THEN w.next_listing_at
                             ELSE excluded.next_listing_at END,
      failures = CASE WHEN v_anew THEN 0 ELSE w.failures END,
      failing_since = CASE WHEN NOT v_anew THEN w.failing_since END,
      error_message = CASE WHEN NOT v_anew THEN w.error_message END,
      ended = NULL;
END
$$;

-- From when on these calls can have made codes. A failover lost the claim of a call without a slot:
-- the call can have been sent at any time since its job was inserted.
CREATE OR REPLACE FUNCTION codemint.sent_since(p_calls uuid[]) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT min(CASE WHEN c.send_at IS NULL THEN j.created_at ELSE c.created_at END)
  FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id
  WHERE c.id = ANY (p_calls)
$$;

-- Lists a reward anew that calls wait to be listed, after p_decided were decided. Codes that were
-- left to a short answer may be codes of these calls. So the next listing must not be older than
-- the one that decided, and must reach back to the oldest of these calls. The reward is locked.
CREATE OR REPLACE FUNCTION codemint.await_anew(p_reward uuid, p_decided uuid[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.reward_watches w
  SET next_listing_at = clock_timestamp(), failures = 0, failing_since = NULL, error_message = NULL,
      since = least(w.since, codemint.sent_since(p_decided))
  WHERE w.reward_id = p_reward
$$;

-- Gives a worker a reward whose watch is due. p_code is the checksum of the functions that the
-- worker was built with (require_code).
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
  reward_id := v_reward.reward_id;
  SELECT l.* INTO known_first, known_last, offset_low_us, offset_high_us
  FROM codemint.lend_reward(v_reward, p_worker, now + p_lease) l;
  awaited := v_reward.awaits_listing;
  SELECT coalesce(w.since, v_reward.created_at), w.next_listing_at, w.failures, w.failing_since
    INTO since, due_at, failures, failing_since
  FROM codemint.reward_watches w WHERE w.reward_id = v_reward.reward_id;
END
$$;

-- Puts off the listing of a watch, because listing failed. If p_pause is null, listing has failed
-- for too long. If calls await the listing, they await it no longer: their jobs are held for a
-- person, and the watch continues. If no call awaits it, the watch is given up.
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

-- Concludes one listing of a watch. p_found are the listed codes that the ledger did not know,
-- p_raw is the number of unknown codes that only bytes can hold. credited are the jobs that codes
-- count for.
--
-- Codes are recorded only when every call that was in flight during the listing has its outcome:
-- every call made before p_listed_until, the database's time at the end of the listing or later.
-- Until then the answer is 'wait', and the worker brings the same codes again. If a call of the
-- reward has fallen in doubt, the listing is void and the doubt is reconciled first.
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
    -- The doubt comes first: the codes may belong to the doubtful call, and the worker that
    -- reconciles it needs the reward.
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

-- Gives found codes to the calls whose answers kept them back. Each call gets as many codes as it
-- lacks and its job has room for, and only codes that begin with its prefix. After a failover the
-- latest call gets codes too. The rest is returned.
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
  -- The longest prefix chooses first: a code that begins with it begins with each shorter prefix
  -- too.
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

-- Keeps found codes that no answer had kept back. If a call of the reward is held, the codes are
-- set aside for that call, because it may have made them. Otherwise they are surplus. Returns how
-- many are surplus.
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
  -- If the call was deleted meanwhile, the surplus belongs to the reward and to no job.
  SELECT c.* INTO v_call
  FROM codemint.reward_watches w JOIN codemint.calls c ON c.id = w.call_id
  WHERE w.reward_id = p_reward;
  v_call.reward_id := p_reward;
  RETURN (SELECT s.surplus FROM codemint.credit_call(v_call, 0, 0, p_rest) s);
END
$$;

-- Ends one listing of a watch: the next listing is due later, or the watch has ended. Calls no
-- longer await a listing. A listing that calls awaited is not counted as one of the four.
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
  SET listings_left = n.listings,
      next_listing_at = clock_timestamp() + c_pauses[5 - n.listings],
      failures = 0, failing_since = NULL, error_message = NULL,
      ended = CASE WHEN n.listings = 0 THEN 'listed' END,
      since = CASE WHEN n.listings > 0 THEN w.since END
  FROM (SELECT o.reward_id,
               CASE WHEN p_reward.awaits_listing THEN 4 ELSE o.listings_left - 1 END AS listings
        FROM codemint.reward_watches o) n
  WHERE w.reward_id = p_reward.reward_id AND n.reward_id = w.reward_id;
  UPDATE codemint.calls c SET is_short = false
  WHERE c.reward_id = p_reward.reward_id AND c.is_short;
END
$$;
