-- Watching: a reward is listed again if more of its codes may turn up, after 1 minute, 10 minutes,
-- 1 hour and 24 hours. After a failover or a restore of the database one more listing comes first,
-- and calls of the reward await it (rewards.awaits_listing).

-- Watches a reward because of this call, for this reason. Codes matter that were made since
-- p_since. If calls await a listing already, they still await it whatever the new reason is. A
-- listing that is running has not seen what this call made, so it is void. The time for which
-- listing has failed is counted anew when calls begin to await it.
CREATE OR REPLACE FUNCTION codemint.watch_reward(
  p_reward uuid, p_call uuid, p_reason text, p_since timestamptz DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_since   timestamptz := coalesce(p_since, codemint.sent_since(p_call));
  v_begins  boolean := p_reason IN ('failover', 'restore');
  v_awaited boolean := (SELECT r.awaits_listing FROM codemint.rewards r
                        WHERE r.reward_id = p_reward);
  -- Whether failures are counted anew: no listing was due, or calls begin to await one.
  v_anew    boolean := v_begins AND NOT v_awaited OR NOT EXISTS (
    SELECT FROM codemint.reward_watches w
    WHERE w.reward_id = p_reward AND w.next_listing_at IS NOT NULL);
BEGIN
  PERFORM codemint.give_back_reward(p_reward);
  UPDATE codemint.rewards r SET awaits_listing = v_awaited OR v_begins
  WHERE r.reward_id = p_reward;
  INSERT INTO codemint.reward_watches AS w
    (reward_id, reason, call_id, since, listings_left, next_listing_at)
  VALUES
    (p_reward, p_reason, p_call, v_since, CASE WHEN p_reason = 'late_codes' THEN 1 ELSE 4 END,
     v_now + CASE WHEN v_begins THEN interval '0' ELSE interval '1 minute' END)
  ON CONFLICT (reward_id) DO UPDATE
  -- While calls await the listing, that is what it is for.
  SET reason = CASE WHEN v_awaited AND NOT v_begins THEN w.reason ELSE excluded.reason END,
      call_id = coalesce(excluded.call_id, w.call_id),
      since = least(w.since, excluded.since),
      listings_left = CASE WHEN v_awaited THEN 4 ELSE excluded.listings_left END,
      next_listing_at = CASE WHEN v_awaited AND NOT v_begins THEN w.next_listing_at
                             ELSE excluded.next_listing_at END,
      failures = CASE WHEN v_anew THEN 0 ELSE w.failures END,
      failing_since = CASE WHEN NOT v_anew THEN w.failing_since END,
      error_message = CASE WHEN NOT v_anew THEN w.error_message END,
      ended = NULL;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('reward_watches');
  END IF;
END
$$;

-- From when on a call can have made codes. A failover lost the claim of a call without a slot: the
-- call can have been sent at any time since its job was inserted. Another server gave the time of a
-- call from before a failover or a restore, and its clock may have been ahead of this one's.
CREATE OR REPLACE FUNCTION codemint.sent_since(p_call uuid) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN c.send_at IS NULL THEN j.created_at ELSE c.created_at END
         - CASE WHEN c.created_at <= i.last_alive_at THEN codemint.other_clock() ELSE interval '0' END
  FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id
  CROSS JOIN codemint.cluster_identity i
  WHERE c.id = p_call
$$;

-- Gives a worker a reward whose watch is due. p_code is the checksum of the functions that the
-- worker was built with (require_code).
--
-- Returns one row for each call that lacks codes, or one row with doubt null if none does. Codes
-- matter that were made since `since`; all matter if it is null.
CREATE OR REPLACE FUNCTION codemint.take_watch(
  p_worker uuid, p_lease interval, p_code text,
  OUT lent codemint.lent_reward, OUT doubt codemint.doubtful_call, OUT since timestamptz,
  OUT due_at timestamptz, OUT awaited boolean, OUT failures integer, OUT failing_since timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_reward codemint.rewards;
BEGIN
  PERFORM codemint.require_code(p_code);
  IF NOT codemint.may_list() OR NOT codemint.speaks_to_api(p_worker) THEN
    RETURN;
  END IF;
  WHILE lent.reward_id IS NULL LOOP
    SELECT r.* INTO v_reward
    FROM codemint.reward_watches w JOIN codemint.rewards r ON r.reward_id = w.reward_id
    WHERE w.next_listing_at <= clock_timestamp() AND r.closed_at IS NULL
      AND codemint.is_free(r, clock_timestamp())
      AND NOT codemint.judges_anew(r.reward_id, w.next_listing_at)
      AND NOT codemint.is_refused(r.reward_id, 'watch', clock_timestamp())
    ORDER BY w.next_listing_at, w.reward_id
    LIMIT 1
    FOR NO KEY UPDATE OF r SKIP LOCKED;
    IF NOT FOUND THEN
      RETURN;
    END IF;
    lent := codemint.try_lend(v_reward, 'watch', p_worker, p_lease);
  END LOOP;
  awaited := v_reward.awaits_listing;
  SELECT nullif(w.since, '-infinity'), w.next_listing_at, w.failures, w.failing_since
    INTO since, due_at, failures, failing_since
  FROM codemint.reward_watches w WHERE w.reward_id = v_reward.reward_id;
  FOR doubt IN SELECT l.* FROM codemint.lacking_calls(v_reward.reward_id, since) l LOOP
    RETURN NEXT;
  END LOOP;
  IF NOT FOUND THEN
    RETURN NEXT;
  END IF;
END
$$;

-- Decided calls of a watched reward of which codes are lacking: absent calls since p_since, and
-- calls with fewer codes than they asked for. How many of its codes are known is counted for all of
-- them at once, because a job can have a million codes.
CREATE OR REPLACE FUNCTION codemint.lacking_calls(p_reward uuid, p_since timestamptz)
RETURNS SETOF codemint.doubtful_call
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_calls uuid[] := ARRAY(
    SELECT c.id FROM codemint.calls c
    WHERE c.reward_id = p_reward AND c.state = 'absent'
      AND c.created_at >= coalesce(p_since, '-infinity')
    UNION ALL
    SELECT c.id FROM codemint.calls c
    WHERE c.reward_id = p_reward AND c.is_short AND c.state IN ('issued', 'adopted'));
BEGIN
  IF cardinality(v_calls) = 0 THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT d.*
  FROM codemint.calls c
  LEFT JOIN codemint.count_known(v_calls) k ON k.call_id = c.id
  CROSS JOIN LATERAL codemint.describe_doubt(
    c, c.size - coalesce(k.codes, 0)::integer, true) d
  WHERE c.id = ANY (v_calls) AND c.size > coalesce(k.codes, 0)
  ORDER BY c.created_at, c.id;
END
$$;

-- How many codes of each of these calls are known, those kept as bytes included.
CREATE OR REPLACE FUNCTION codemint.count_known(
  p_calls uuid[], OUT call_id uuid, OUT codes bigint
) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT f.call_id, count(*)
  FROM (SELECT k.call_id FROM codemint.codes k
        WHERE k.job_id IN (SELECT c.job_id FROM codemint.calls c WHERE c.id = ANY (p_calls))
          AND k.call_id = ANY (p_calls)
        UNION ALL
        SELECT w.call_id FROM codemint.raw_codes w WHERE w.call_id = ANY (p_calls)) f
  GROUP BY f.call_id
$$;

-- Puts off the listing of a watch, because listing failed. If p_pause is null, listing has failed
-- for too long. If calls await the listing, they await it no longer: their jobs are held for a
-- person, and the watch continues. If no call awaits it, the watch is given up.
CREATE OR REPLACE FUNCTION codemint.put_off_watch(
  p_reward uuid, p_worker uuid, p_pause interval, p_error text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
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
  IF NOT FOUND AND EXISTS (SELECT FROM codemint.reward_watches w WHERE w.reward_id = p_reward) THEN
    PERFORM codemint.refuse_silence('reward_watches');
  END IF;
END
$$;

-- Concludes one listing of a watch. The codes that it found are staged under p_listing; those made
-- before p_since are nobody's and left alone. p_adopted are codes that count for calls which lack
-- them. If p_is_believed, the list shows the texts of answers and its times tell what is old, and after
-- a failover or a restore the codes that the ledger lost may go to open jobs. credited are the jobs that
-- codes count for.
--
-- Codes are recorded in pieces, oldest first; until the last the answer is 'more'. They are
-- recorded only when every call that was in flight during the listing has its outcome: every call
-- made before p_listed_until, the database's time at the end of the listing or later. Until then
-- the answer is 'wait'. The worker brings the same finding again. If a call of the reward has
-- fallen in doubt, the listing is void and the doubt is reconciled first.
CREATE OR REPLACE FUNCTION codemint.conclude_watch(
  p_reward uuid, p_worker uuid, p_listing uuid, p_listed_until timestamptz, p_since timestamptz,
  p_adopted codemint.adoption[], p_is_believed boolean, p_raw codemint.raw_code[],
  OUT outcome text, OUT issued integer, OUT surplus integer, OUT credited bigint[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_reward   codemint.rewards := codemint.lock_reward(p_reward);
  v_listing  uuid := CASE WHEN v_reward.listing = p_listing THEN p_listing END;
  v_piece    uuid[] := codemint.oldest_listed(v_listing, p_since);
  v_restored record;
BEGIN
  issued := 0;
  surplus := 0;
  outcome := codemint.check_finding(
    v_reward, p_worker, p_listed_until, cardinality(v_piece) + cardinality(p_raw) > 0);
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT c.issued, c.surplus, c.credited INTO issued, surplus, credited
    FROM codemint.credit_lacking(v_listing, p_adopted) c;
  -- A piece is not larger than this. What the calls have got is no longer staged.
  IF issued + surplus < 10000 THEN
    v_piece := codemint.oldest_listed(v_listing, p_since);
    IF NOT p_is_believed AND v_reward.awaits_listing AND cardinality(v_piece) > 0 THEN
      -- What was lost may be what the jobs lack, and nothing shows that its texts can be handed on, or
      -- that it is not older than the loss.
      PERFORM codemint.hold_jobs(
        p_reward, 'codes_unproven',
        'the list shows codes that may have been made in the time that the ledger has lost, and no code that '
        'is known here shows that the list has the texts and times of answers: they are surplus, see '
        'codemint.watches; codemint.retry_job asks for more beside them');
    ELSIF v_reward.awaits_listing THEN
      SELECT r.issued, r.credited INTO v_restored
        FROM codemint.credit_jobs(v_reward, p_worker, v_listing, v_piece) r;
      issued := issued + v_restored.issued;
      credited := credited || v_restored.credited;
    END IF;
    surplus := surplus + codemint.keep_rest(p_reward, v_listing, v_piece);
  END IF;
  IF cardinality(codemint.oldest_listed(v_listing, p_since, 1)) > 0 THEN
    PERFORM codemint.keep_reward(p_reward, p_worker, interval '30 seconds');
    outcome := 'more';
    RETURN;
  END IF;
  PERFORM codemint.store_raw_codes(p_reward, p_raw);
  PERFORM codemint.end_listing(v_reward);
  PERFORM codemint.forget_refused_work(p_reward, '{watch}');
  PERFORM codemint.wake('codemint_jobs', '');
  outcome := 'done';
END
$$;

-- Why the finding of a watch cannot be recorded now: 'changed' or 'wait'; null if it can. p_found
-- says whether there is anything to record.
CREATE OR REPLACE FUNCTION codemint.check_finding(
  p_reward codemint.rewards, p_worker uuid, p_listed_until timestamptz, p_found boolean
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT codemint.has_reward(p_reward, p_worker) THEN
    RETURN 'changed';
  ELSIF p_reward.listing IS NOT NULL AND NOT EXISTS (
    SELECT FROM codemint.listed_codes l WHERE l.listing = p_reward.listing) THEN
    -- The database lost in a crash what was staged.
    PERFORM codemint.give_back_reward(p_reward.reward_id);
    RETURN 'changed';
  ELSIF p_found AND p_reward.closed_at IS NOT NULL THEN
    -- The doubt comes first: the codes may belong to the doubtful call, and the worker that
    -- reconciles it needs the reward.
    PERFORM codemint.give_back_reward(p_reward.reward_id);
    RETURN 'changed';
  ELSIF p_found AND EXISTS (
    SELECT FROM codemint.calls c
    WHERE c.reward_id = p_reward.reward_id AND c.state = 'sending'
      AND c.created_at <= p_listed_until) THEN
    RETURN 'wait';
  END IF;
  RETURN NULL;
END
$$;

-- The oldest codes that are staged under a listing and were not made before p_since. Codes whose
-- time is not known come last.
CREATE OR REPLACE FUNCTION codemint.oldest_listed(
  p_listing uuid, p_since timestamptz, p_limit integer DEFAULT 10000
) RETURNS uuid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT ARRAY(
    SELECT l.id FROM codemint.listed_codes l
    WHERE l.listing = p_listing AND (l.created_at < p_since) IS NOT TRUE
    ORDER BY l.created_at, l.id
    LIMIT p_limit)
$$;

-- Gives staged codes to the calls that lack them. Each call gets as many as it still lacks, and
-- they count as far as its job has room; its own codes beyond that are surplus. An absent call has
-- made codes after all: it is adopted.
CREATE OR REPLACE FUNCTION codemint.credit_lacking(
  p_listing uuid, p_adopted codemint.adoption[],
  OUT issued integer, OUT surplus integer, OUT credited bigint[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_adoption codemint.adoption;
  v_call     codemint.calls;
  v_room     integer;
  v_lacks    integer;
  v_new      record;
BEGIN
  issued := 0;
  surplus := 0;
  credited := '{}';
  FOREACH v_adoption IN ARRAY p_adopted LOOP
    SELECT j.count - j.issued - j.outstanding INTO v_room
    FROM codemint.jobs j
    WHERE j.id = (SELECT c.job_id FROM codemint.calls c WHERE c.id = v_adoption.call_id)
      AND j.state IN ('queued', 'running')
    FOR NO KEY UPDATE;
    SELECT * INTO v_call FROM codemint.calls c WHERE c.id = v_adoption.call_id FOR NO KEY UPDATE;
    v_lacks := v_call.size - coalesce(
      (SELECT k.codes FROM codemint.count_known(ARRAY[v_call.id]) k), 0);
    CONTINUE WHEN coalesce(v_lacks, 0) <= 0;
    SELECT c.issued, c.surplus INTO v_new
    FROM codemint.credit_call(
      v_call, 0, coalesce(v_room, 0), p_listing, v_adoption.codes[1:v_lacks]) c;
    CONTINUE WHEN v_new.issued + v_new.surplus = 0;
    UPDATE codemint.calls c
    SET state = CASE c.state WHEN 'absent' THEN 'adopted' ELSE c.state END,
        received = CASE c.state WHEN 'absent' THEN v_new.issued + v_new.surplus ELSE c.received END,
        is_short = v_lacks > v_new.issued + v_new.surplus, updated_at = clock_timestamp()
    WHERE c.id = v_call.id;
    IF NOT FOUND THEN
      PERFORM codemint.refuse_silence('calls');
    END IF;
    issued := issued + v_new.issued;
    surplus := surplus + v_new.surplus;
    IF v_new.issued > 0 THEN
      credited := credited || v_call.job_id;
    END IF;
    EXIT WHEN issued + surplus >= 10000;
  END LOOP;
END
$$;

-- Gives staged codes to open jobs after a failover or a restore: each code, oldest first, to the
-- oldest job that has room and whose code it can be. A code that begins with the literal prefix of
-- an open job is only for jobs with that prefix, and such a job gets no other codes.
CREATE OR REPLACE FUNCTION codemint.credit_jobs(
  p_reward codemint.rewards, p_worker uuid, p_listing uuid, p_codes uuid[],
  OUT issued integer, OUT credited bigint[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_literals text[] := ARRAY(
    SELECT p.prefix
    FROM (SELECT DISTINCT j.prefix FROM codemint.jobs j
          WHERE j.reward_id = p_reward.reward_id AND j.state IN ('queued', 'running')
            AND j.prefix IS NOT NULL) p
    CROSS JOIN LATERAL codemint.prefix_facts(p_reward.reward_id, p.prefix) f
    WHERE f.is_literal AND NOT f.is_altered);
  v_group record;
  v_job   codemint.jobs;
  v_size  integer;
BEGIN
  issued := 0;
  credited := '{}';
  FOR v_group IN
    SELECT p.prefix, array_agg(l.id ORDER BY l.created_at, l.id) AS codes
    FROM codemint.listed_codes l
    CROSS JOIN LATERAL (
      SELECT (array_agg(q.prefix ORDER BY octet_length(q.prefix) DESC))[1] AS prefix
      FROM unnest(v_literals) AS q (prefix) WHERE starts_with(l.code, q.prefix)) p
    WHERE l.listing = p_listing AND l.id = ANY (p_codes)
    GROUP BY p.prefix
  LOOP
    FOR v_job IN
      SELECT j.* FROM codemint.jobs j
      WHERE j.reward_id = p_reward.reward_id AND j.state IN ('queued', 'running')
        AND j.issued + j.outstanding < j.count
        AND CASE WHEN v_group.prefix IS NULL THEN (j.prefix = ANY (v_literals)) IS NOT TRUE
                 ELSE j.prefix = v_group.prefix END
      ORDER BY j.created_at, j.id
      FOR NO KEY UPDATE
    LOOP
      v_size := least(v_job.count - v_job.issued - v_job.outstanding,
                      cardinality(v_group.codes));
      EXIT WHEN v_size = 0;
      issued := issued + codemint.credit_job(
        v_job, p_worker, p_listing, v_group.codes[1:v_size]);
      credited := credited || v_job.id;
      v_group.codes := v_group.codes[v_size + 1:];
    END LOOP;
  END LOOP;
END
$$;

-- Gives staged codes to a job as codes of adopted calls, each of up to 500. The calls stand for
-- those that the ledger lost.
CREATE OR REPLACE FUNCTION codemint.credit_job(
  p_job codemint.jobs, p_worker uuid, p_listing uuid, p_codes uuid[]
) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call   codemint.calls;
  v_issued integer := 0;
BEGIN
  FOR v_first IN 1 .. cardinality(p_codes) BY 500 LOOP
    INSERT INTO codemint.calls
      (id, job_id, reward_id, prefix, size, state, outstanding, worker, lease, api_timeout,
       listing_gap, effective_until, received, settled_at)
    VALUES
      (gen_random_uuid(), p_job.id, p_job.reward_id, p_job.prefix,
       least(cardinality(p_codes) - v_first + 1, 500), 'adopted', 0, p_worker, '0', '0', '0',
       clock_timestamp(), least(cardinality(p_codes) - v_first + 1, 500), clock_timestamp())
    RETURNING * INTO v_call;
    IF NOT FOUND THEN
      PERFORM codemint.refuse_silence('calls');
    END IF;
    v_issued := v_issued + (
      SELECT c.issued
      FROM codemint.credit_call(
        v_call, 0, v_call.size, p_listing, p_codes[v_first:v_first + 499]) c);
  END LOOP;
  RETURN v_issued;
END
$$;

-- Keeps found codes that no call lacks. If a call of the reward is held, the codes are set aside
-- for that call, because it may have made them. Otherwise they are surplus of no call, which no job
-- takes without a person: they were made later than any call of ours should have made them, or by
-- somebody else. Returns how many are surplus.
CREATE OR REPLACE FUNCTION codemint.keep_rest(p_reward uuid, p_listing uuid, p_codes uuid[])
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_held    uuid := (
    SELECT c.id FROM codemint.calls c
    WHERE c.reward_id = p_reward AND c.state = 'in_doubt' AND c.held_at IS NOT NULL
    ORDER BY codemint.has_seen_all(c.hold_reason), c.created_at, c.id
    LIMIT 1);
  v_job     bigint := (
    SELECT c.job_id
    FROM codemint.reward_watches w JOIN codemint.calls c ON c.id = w.call_id
    WHERE w.reward_id = p_reward);
  v_surplus integer;
BEGIN
  IF v_held IS NOT NULL THEN
    PERFORM codemint.keep_for_held(v_held, p_listing, p_codes);
    RETURN 0;
  END IF;
  SELECT s.surplus INTO v_surplus
    FROM codemint.store_listed(p_listing, p_codes, v_job, NULL, 0) s;
  UPDATE codemint.jobs j SET surplus = j.surplus + v_surplus
  WHERE j.id = v_job AND v_surplus > 0;
  RETURN v_surplus;
END
$$;

-- Ends one listing of a watch: the next listing is due later, or the watch has ended. Calls no
-- longer await a listing. A listing that calls awaited is not counted as one of the four. p_failed
-- says that the list could not be had. With the watch ends the search for what calls lack.
CREATE OR REPLACE FUNCTION codemint.end_listing(
  p_reward codemint.rewards, p_failed boolean DEFAULT false
) RETURNS void
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
      ended = CASE WHEN n.listings = 0 AND p_failed THEN 'unlistable'
                   WHEN n.listings = 0 THEN 'listed' END,
      since = CASE WHEN n.listings > 0 THEN w.since END
  FROM (SELECT o.reward_id,
               CASE WHEN p_reward.awaits_listing THEN 4 ELSE o.listings_left - 1 END AS listings
        FROM codemint.reward_watches o) n
  WHERE w.reward_id = p_reward.reward_id AND n.reward_id = w.reward_id
    AND w.next_listing_at IS NOT NULL;
  IF NOT FOUND AND EXISTS (SELECT FROM codemint.reward_watches w
                           WHERE w.reward_id = p_reward.reward_id AND w.next_listing_at IS NOT NULL) THEN
    -- It would be listed again and again.
    PERFORM codemint.refuse_silence('reward_watches');
  END IF;
  UPDATE codemint.calls c SET is_short = false
  WHERE c.reward_id = p_reward.reward_id AND c.is_short AND c.state IN ('issued', 'adopted')
    AND EXISTS (SELECT FROM codemint.reward_watches w
                WHERE w.reward_id = c.reward_id AND w.ended = 'listed');
END
$$;
