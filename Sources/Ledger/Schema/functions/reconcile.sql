-- Reconciling: a worker lists a reward to find out what its doubtful calls did. The functions here
-- give the reward to the worker, compare what the list shows with what the ledger knows, and record
-- the decision under the reward's lock.
--
-- A list can show millions of codes that the ledger does not know. They are staged in listed_codes,
-- page by page, and a decision names them by their ids.

-- Whether a call that is held for this reason was judged by a whole listing. If so, every code that
-- the call can have made was set aside. If not, its codes may be upstream and unknown, and every
-- whole listing of the reward judges the call anew. A reason belongs here if HoldReason.hasSeenAll
-- is true for it (Verdict.swift).
CREATE OR REPLACE FUNCTION codemint.has_seen_all(p_reason text) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_reason IN
    ('number_unexplained', 'prefixes_indistinct', 'codes_out_of_time', 'list_differs')
$$;

-- What the list has shown of a call that is held for this reason, in words that follow "the list".
CREATE OR REPLACE FUNCTION codemint.describe_hold(p_reason text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE p_reason
    WHEN 'number_unexplained' THEN 'has a number of new codes that no choice of the calls in doubt explains'
    WHEN 'prefixes_indistinct' THEN 'has new codes that the prefixes of the calls in doubt do not tell apart'
    WHEN 'codes_out_of_time' THEN 'has new codes from shortly before the call, or from after it can have made any'
    WHEN 'list_differs' THEN 'shows known codes with other texts than their answers did, so none of its '
      'texts can be used'
    WHEN 'listing_has_nulls' THEN 'has items that are null or cannot be read as codes, as when an id is no UUID: each '
      'may be a code of the call'
    WHEN 'no_witness' THEN 'cannot be checked: this account has no complete answer to compare it with yet, or none '
      'with the prefix that was asked for'
    WHEN 'listing_failed' THEN 'cannot be read'
    WHEN 'listings_disagree' THEN 'was never the same twice in a row'
  END
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

-- Whether a call of the reward is in doubt, and not only held for a person.
CREATE OR REPLACE FUNCTION codemint.has_open_doubt(p_reward uuid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM codemint.calls c
    WHERE c.reward_id = p_reward AND c.state = 'in_doubt' AND c.held_at IS NULL)
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

-- Whether a closed reward can be reconciled now. After a failover no listing counts while a call
-- that the failover lost may still take effect.
CREATE OR REPLACE FUNCTION codemint.is_doubt_due(p_reward codemint.rewards, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_reward.closed_at IS NOT NULL AND p_reward.in_flight = 0
         AND codemint.is_free(p_reward, p_now)
         AND NOT (p_reward.awaits_listing AND EXISTS (
           SELECT FROM codemint.reward_watches w
           WHERE w.reward_id = p_reward.reward_id AND w.next_listing_at > p_now));
END
$$;

-- Whether a closed reward is due to be reconciled, or a watched reward to be listed again.
CREATE OR REPLACE FUNCTION codemint.is_reconciling_due() RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT codemint.may_list() AND (EXISTS (
    SELECT FROM codemint.rewards r
    WHERE r.closed_at IS NOT NULL AND codemint.is_doubt_due(r, clock_timestamp())
      AND NOT codemint.is_refused(r.reward_id, 'doubt', clock_timestamp()))
  OR EXISTS (
    SELECT FROM codemint.reward_watches w
    JOIN codemint.rewards r ON r.reward_id = w.reward_id
    WHERE w.next_listing_at <= clock_timestamp() AND r.closed_at IS NULL
      AND codemint.is_free(r, clock_timestamp())
      AND NOT codemint.is_refused(r.reward_id, 'watch', clock_timestamp())))
$$;

-- Whether a listing that is due since p_due_at judges a held call of the reward anew: the call was
-- held without a whole listing, and not judged since the listing is due.
CREATE OR REPLACE FUNCTION codemint.judges_anew(p_reward uuid, p_due_at timestamptz)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM codemint.calls c
    WHERE c.reward_id = p_reward AND c.state = 'in_doubt' AND c.held_at IS NOT NULL
      AND coalesce(c.judged_at, c.held_at) < p_due_at
      AND codemint.is_in_doubt(c))
$$;

-- Closes each watched reward whose listing is due and judges a held call anew. So its listing is
-- that of a doubt, and no call is in flight meanwhile.
CREATE OR REPLACE FUNCTION codemint.close_to_judge_anew(p_worker uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward  uuid;
  v_context text;
BEGIN
  FOR v_reward IN
    SELECT o.reward_id
    FROM codemint.reward_watches w JOIN codemint.rewards o ON o.reward_id = w.reward_id
    WHERE w.next_listing_at <= clock_timestamp() AND o.closed_at IS NULL
      AND codemint.is_free(o, clock_timestamp())
      AND codemint.judges_anew(o.reward_id, w.next_listing_at)
      AND NOT codemint.is_refused(o.reward_id, 'watch', clock_timestamp())
    FOR NO KEY UPDATE OF o SKIP LOCKED
  LOOP
    BEGIN
      UPDATE codemint.rewards r SET closed_at = clock_timestamp() WHERE r.reward_id = v_reward;
      IF NOT FOUND THEN
        PERFORM codemint.refuse_silence('rewards');
      END IF;
      PERFORM codemint.check_now();
    EXCEPTION
      WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
        PERFORM codemint.note_caught(v_reward, 'watch', p_worker, SQLSTATE, SQLERRM, v_context);
    END;
  END LOOP;
END
$$;

-- Gives a closed reward to a worker that will reconcile it: no call of the reward is sending, and
-- no other worker has it. The worker has the reward for p_lease, and may extend that. p_code is the
-- checksum of the functions that the worker was built with (require_code).
--
-- Returns one row for each call in doubt. What a short answer lacks is in doubt too. A reward whose row
-- cannot be written is left alone for a while: the next is taken.
CREATE OR REPLACE FUNCTION codemint.take_doubt(
  p_worker uuid, p_lease interval, p_code text,
  OUT lent codemint.lent_reward, OUT doubt codemint.doubtful_call, OUT undecided_us bigint,
  OUT is_restored boolean
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
  PERFORM codemint.close_to_judge_anew(p_worker);
  WHILE lent.reward_id IS NULL LOOP
    SELECT * INTO v_reward FROM codemint.rewards r
    WHERE r.closed_at IS NOT NULL AND codemint.is_doubt_due(r, clock_timestamp())
      AND NOT codemint.is_refused(r.reward_id, 'doubt', clock_timestamp())
    ORDER BY r.closed_at, r.reward_id
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
      RETURN;
    END IF;
    lent := codemint.try_lend(v_reward, 'doubt', p_worker, p_lease);
  END LOOP;
  undecided_us := extract(epoch FROM v_reward.undecided_for) * 1000000;
  is_restored := v_reward.awaits_listing;
  FOR doubt IN
    SELECT d.*
    FROM codemint.calls c
    CROSS JOIN LATERAL codemint.describe_doubt(c, c.outstanding, c.is_short) d
    WHERE c.reward_id = v_reward.reward_id AND c.state = 'in_doubt' AND codemint.is_in_doubt(c)
    ORDER BY c.created_at, c.id
  LOOP
    RETURN NEXT;
  END LOOP;
  IF NOT FOUND THEN
    -- Every call was settled or held meanwhile.
    PERFORM codemint.forget_refused_work(v_reward.reward_id, '{doubt}');
    PERFORM codemint.give_back_reward(v_reward.reward_id);
    UPDATE codemint.rewards r SET closed_at = NULL, reconcile_at = NULL
    WHERE r.reward_id = v_reward.reward_id;
  END IF;
END
$$;

-- What a worker needs to know about a call that lacks codes, to judge what it made.
CREATE OR REPLACE FUNCTION codemint.describe_doubt(
  p_call codemint.calls, p_lacks integer, p_is_answered boolean
) RETURNS codemint.doubtful_call
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_doubt codemint.doubtful_call;
BEGIN
  v_doubt.call_id := p_call.id;
  v_doubt.job_id := p_call.job_id;
  v_doubt.prefix := p_call.prefix;
  v_doubt.size := p_call.size;
  v_doubt.lacks := p_lacks;
  v_doubt.is_answered := p_is_answered;
  v_doubt.set_aside := ARRAY(
    SELECT u.id FROM codemint.unattributed_codes u
    WHERE u.call_id = p_call.id AND u.reward_id = p_call.reward_id AND u.from_answer
    ORDER BY u.id);
  -- Not since its slot: a request leaves before its slot if the worker's clock was set.
  v_doubt.earliest := codemint.sent_since(p_call.id);
  v_doubt.effective_until := p_call.effective_until;
  -- The request of an answered call is over: only the list may lag.
  v_doubt.effective_for_us := extract(
    epoch FROM CASE WHEN p_is_answered THEN p_call.listing_gap
                    ELSE p_call.api_timeout + p_call.listing_gap END) * 1000000;
  v_doubt.listing_gap_us := extract(epoch FROM p_call.listing_gap) * 1000000;
  RETURN v_doubt;
END
$$;

-- Gives a locked reward to a worker for p_lease, and returns what the worker needs to list it.
CREATE OR REPLACE FUNCTION codemint.lend_reward(
  p_reward codemint.rewards, p_worker uuid, p_lease interval
) RETURNS codemint.lent_reward
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_lent codemint.lent_reward;
BEGIN
  v_lent.now := clock_timestamp();
  UPDATE codemint.rewards r
  SET reconciler = p_worker, reconciler_until = v_lent.now + p_lease,
      reconciler_for = p_lease, listing = NULL
  WHERE r.reward_id = p_reward.reward_id;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('rewards');
  END IF;
  v_lent.reward_id := p_reward.reward_id;
  v_lent.must_show := ARRAY(
    SELECT k.id FROM codemint.codes k
    WHERE k.job_id = p_reward.newest_job AND k.call_id = p_reward.newest_call AND k.from_answer
    ORDER BY k.id);
  v_lent.reference := codemint.reference_for(p_reward.reward_id);
  SELECT o.low_us, o.high_us INTO v_lent.offset_low_us, v_lent.offset_high_us
    FROM codemint.clock_offset() o;
  v_lent.is_distrusted := EXISTS (
    SELECT FROM codemint.api_clock c WHERE c.distrusted_until > v_lent.now);
  RETURN v_lent;
END
$$;

-- Gives a locked reward to a worker; all fields are null if the row cannot be written, and then it is left
-- alone for a while.
CREATE OR REPLACE FUNCTION codemint.try_lend(
  p_reward codemint.rewards, p_work text, p_worker uuid, p_lease interval
) RETURNS codemint.lent_reward
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_lent    codemint.lent_reward;
  v_context text;
BEGIN
  v_lent := codemint.lend_reward(p_reward, p_worker, p_lease);
  PERFORM codemint.check_now();
  RETURN v_lent;
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    PERFORM codemint.note_caught(p_reward.reward_id, p_work, p_worker, SQLSTATE, SQLERRM, v_context);
    RETURN NULL;
END
$$;

-- The reward whose list gives evidence where this reward's own has none: the one with the account's
-- newest clean answer. It has none to give once every code that an answer of it brought was purged.
CREATE OR REPLACE FUNCTION codemint.reference_for(p_reward uuid) RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT a.proven_reward FROM codemint.account a
    WHERE a.proven_reward <> p_reward AND EXISTS (
      SELECT FROM codemint.jobs j JOIN codemint.codes k ON k.job_id = j.id
      WHERE j.reward_id = a.proven_reward AND j.has_codes AND k.from_answer));
END
$$;

-- Takes a reward back from its worker. The reward is locked. What the worker has staged is deleted
-- later (forget_listed), because it can be millions of rows.
CREATE OR REPLACE FUNCTION codemint.give_back_reward(p_reward uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE codemint.rewards r SET reconciler = NULL, reconciler_until = NULL, listing = NULL
  WHERE r.reward_id = p_reward;
END
$$;

-- Extends a worker's lease on its reward. Returns false if the worker has lost the reward.
CREATE OR REPLACE FUNCTION codemint.keep_reward(p_reward uuid, p_worker uuid, p_lease interval)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
  UPDATE codemint.rewards r
  SET reconciler_until = clock_timestamp() + p_lease, reconciler_for = p_lease
  WHERE r.reward_id = p_reward AND r.reconciler = p_worker
    AND r.reconciler_until >= clock_timestamp();
  RETURN FOUND;
END
$$;

-- Takes a reward back undecided. It can be taken again after p_pause. If its listings failed or
-- disagreed, p_counts is how long ago the last page came that could be had. That time and the pause
-- count for the doubt; time in which nobody could ask does not.
CREATE OR REPLACE FUNCTION codemint.leave_reward(
  p_reward uuid, p_worker uuid, p_pause interval, p_counts interval
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  UPDATE codemint.rewards r
  SET reconciler = NULL, reconciler_until = NULL, listing = NULL, reconcile_at = v_now + p_pause,
      reconcile_for = p_pause,
      undecided_since = CASE WHEN p_counts IS NULL THEN r.undecided_since
                             ELSE coalesce(r.undecided_since, v_now) END,
      undecided_for = r.undecided_for + coalesce(p_counts + p_pause, interval '0')
  WHERE r.reward_id = p_reward AND r.reconciler = p_worker;
  IF FOUND AND p_counts IS NOT NULL AND NOT codemint.has_open_doubt(p_reward) THEN
    -- The reward was closed to judge held calls anew. Other calls do not wait until its list can be
    -- had again.
    UPDATE codemint.rewards r SET closed_at = NULL WHERE r.reward_id = p_reward;
    UPDATE codemint.reward_watches w
    SET next_listing_at = v_now + greatest(p_pause, interval '1 minute')
    WHERE w.reward_id = p_reward AND w.next_listing_at <= v_now;
  END IF;
END
$$;

-- Compares the codes of a page with the ledger. unknown are the codes that the ledger does not
-- know; they are staged under p_listing, unless that is null. p_refused are codes of the page that
-- the database refuses for their content: they can be unknown, but not be staged.
--
-- Known is a code that is stored, as a row or as bytes. Known is also a code that was set aside for
-- a held call after a whole listing. What was set aside otherwise, or kept as bytes, can be news of
-- a call in doubt: codes of an answer that was another call's, or of a call that is to be judged
-- anew.
CREATE OR REPLACE FUNCTION codemint.weigh_page(
  p_listing uuid, p_reward uuid, p_worker uuid, p_codes codemint.received_code[],
  p_refused uuid[],
  OUT unknown uuid[], OUT witnesses integer, OUT texts_differ integer, OUT times_agree integer,
  OUT times_differ integer, OUT literal text[], OUT altered text[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_staged  boolean;
  v_missing integer;
BEGIN
  SELECT w.witnesses, w.texts_differ, w.times_agree, w.times_differ, w.times_missing, w.literal,
         w.altered
    INTO witnesses, texts_differ, times_agree, times_differ, v_missing, literal, altered
  FROM codemint.weigh_witnesses(p_codes) w;
  PERFORM codemint.record_page(p_codes, witnesses, texts_differ);
  PERFORM codemint.record_list_times(p_codes, times_agree, times_differ, v_missing);
  unknown := '{}';
  IF p_listing IS NULL THEN
    RETURN;
  END IF;
  WITH news AS (
    SELECT s.id
    FROM (SELECT c.id FROM unnest(p_codes) c UNION SELECT f.id FROM unnest(p_refused) AS f (id)) s
    WHERE NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = s.id)
      AND NOT EXISTS (
        SELECT FROM codemint.raw_codes w LEFT JOIN codemint.calls c ON c.id = w.call_id
        WHERE w.id = s.id AND codemint.is_in_doubt(c) IS NOT TRUE)
      AND NOT EXISTS (
        SELECT FROM codemint.unattributed_codes u
        LEFT JOIN codemint.calls c ON c.id = u.call_id
        WHERE u.id = s.id
          AND (c.id IS NULL
               OR c.reward_id = u.reward_id AND c.hold_reason IS NOT NULL
                  AND (c.held_at IS NULL OR codemint.has_seen_all(c.hold_reason))))
  ), staged AS (
    INSERT INTO codemint.listed_codes
      (listing, id, reward_id, code, status, sync_status, external_ids, created_at, expires_at,
       updated_at)
    SELECT p_listing, s.id, s.reward_id, s.code, s.status, s.sync_status, s.external_ids,
           s.created_at, s.expires_at, s.updated_at
    FROM news n JOIN unnest(p_codes) s ON s.id = n.id
    ON CONFLICT DO NOTHING
    RETURNING id
  )
  SELECT ARRAY(SELECT n.id FROM news n), EXISTS (SELECT FROM staged) INTO unknown, v_staged;
  UPDATE codemint.rewards r SET listing = p_listing
  WHERE r.reward_id = p_reward AND r.reconciler = p_worker AND r.listing IS DISTINCT FROM p_listing
    AND v_staged;
END
$$;

-- What the witnesses among these codes show of the list: codes whose rows an answer has shown. Two
-- times agree if they can be the same moment, each as exact as its last digit. literal and altered
-- are prefixes that were asked for, and that the listed texts begin with or not.
CREATE OR REPLACE FUNCTION codemint.weigh_witnesses(
  p_codes codemint.received_code[],
  OUT witnesses integer, OUT texts_differ integer, OUT times_agree integer,
  OUT times_differ integer, OUT times_missing integer, OUT literal text[], OUT altered text[]
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT count(*)::integer, count(*) FILTER (WHERE w.text_differs)::integer,
         count(*) FILTER (WHERE w.time_agrees)::integer,
         count(*) FILTER (WHERE NOT w.time_agrees)::integer,
         count(*) FILTER (WHERE w.time_is_missing)::integer,
         coalesce(array_agg(DISTINCT w.prefix) FILTER (WHERE w.is_literal), '{}'),
         coalesce(array_agg(DISTINCT w.prefix) FILTER (WHERE NOT w.is_literal), '{}')
  FROM (SELECT j.prefix, starts_with(s.code, j.prefix) AS is_literal,
               s.code <> k.code AS text_differs,
               greatest(s.created_at - k.created_at, k.created_at - s.created_at)
                 <= codemint.time_resolution(s.created_at) + codemint.time_resolution(k.created_at)
                 AS time_agrees,
               s.created_at IS NULL AND k.created_at IS NOT NULL AS time_is_missing
        FROM unnest(p_codes) s
        JOIN codemint.codes k ON k.id = s.id AND k.from_answer AND k.purged_at IS NULL
        LEFT JOIN codemint.jobs j ON j.id = k.job_id) w
$$;

-- Sets staged codes aside for a call that is about to be held, and for the calls that are held with
-- it. A decision can have millions of them, so they come before it, a piece in each transaction.
-- Until the call is held they are as unknown as before. Returns false if the worker has lost the
-- reward.
CREATE OR REPLACE FUNCTION codemint.set_aside_listed(
  p_reward uuid, p_worker uuid, p_listing uuid, p_call uuid, p_codes uuid[]
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
  IF NOT codemint.has_reward(codemint.lock_reward(p_reward), p_worker) THEN
    RETURN false;
  END IF;
  -- The next piece needs the reward too.
  UPDATE codemint.rewards r
  SET reconciler_until = greatest(r.reconciler_until, clock_timestamp() + interval '30 seconds'),
      reconciler_for = greatest(r.reconciler_for, interval '30 seconds')
  WHERE r.reward_id = p_reward;
  PERFORM codemint.keep_for_held(p_call, p_listing, p_codes);
  RETURN true;
END
$$;

-- Whether a worker still has the reward that it took.
CREATE OR REPLACE FUNCTION codemint.has_reward(p_reward codemint.rewards, p_worker uuid)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_reward.reconciler IS NOT DISTINCT FROM p_worker
         AND p_reward.reconciler_until >= clock_timestamp();
END
$$;

-- Moves staged codes to those that are set aside, as codes of this call.
CREATE OR REPLACE FUNCTION codemint.keep_for_held(p_call uuid, p_listing uuid, p_codes uuid[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_listed uuid[];
BEGIN
  WITH listed AS (
    DELETE FROM codemint.listed_codes l
    WHERE l.listing = p_listing AND l.id = ANY (p_codes)
    RETURNING l.*
  ), kept AS (
    INSERT INTO codemint.unattributed_codes
      (id, call_id, reward_id, code, status, sync_status, external_ids, created_at, expires_at,
       updated_at, from_answer)
    SELECT l.id, p_call, l.reward_id, l.code, l.status, l.sync_status, l.external_ids, l.created_at,
           l.expires_at, l.updated_at, false
    FROM listed l
    WHERE NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = l.id)
    ORDER BY l.id
    ON CONFLICT (id) DO UPDATE SET call_id = excluded.call_id, found_at = excluded.found_at
  )
  SELECT array_agg(l.id) INTO v_listed FROM listed l;
  PERFORM codemint.require_set_aside(v_listed);
END
$$;

-- Records the decision on all doubtful calls of a reward: adopts them, declares them absent, or
-- holds them for a person. The codes that may belong to the held calls have been set aside before.
-- p_judged are the calls that were judged, in order. p_reference is the reward that evidence was
-- borrowed from, if there was one. If their reward is not as it was when it was listed, nothing is
-- changed and the answer is 'changed'. So it is if calls would be held for lack of a witness, and there
-- is one by now: another reward got the account's first clean answer during the listing.
CREATE OR REPLACE FUNCTION codemint.decide_doubt(
  p_reward uuid, p_worker uuid, p_listing uuid, p_judged uuid[], p_adopted codemint.adoption[],
  p_absent uuid[], p_held uuid[], p_hold_reason text, p_reference uuid, p_raw codemint.raw_code[],
  OUT outcome text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_reward   codemint.rewards := codemint.lock_reward(p_reward);
  v_adoption codemint.adoption;
  v_call     uuid;
BEGIN
  IF NOT codemint.has_reward(v_reward, p_worker)
     OR NOT codemint.may_decide(v_reward, p_listing, p_judged, p_adopted, p_raw)
     OR p_hold_reason = 'no_witness' AND p_reference IS NULL
        AND codemint.reference_for(p_reward) IS NOT NULL THEN
    outcome := 'changed';
    RETURN;
  END IF;
  IF NOT v_reward.awaits_listing AND NOT codemint.has_open_doubt(p_reward) THEN
    -- A watch's listing judged the held calls anew.
    PERFORM codemint.end_listing(v_reward, p_hold_reason = 'listing_failed');
  END IF;
  FOREACH v_adoption IN ARRAY p_adopted LOOP
    PERFORM codemint.adopt_call(v_adoption.call_id, p_listing, v_adoption.codes);
  END LOOP;
  FOREACH v_call IN ARRAY p_absent LOOP
    PERFORM codemint.declare_absent(v_call);
  END LOOP;
  PERFORM codemint.hold_calls(p_held, p_hold_reason);
  PERFORM codemint.store_raw_codes(p_reward, p_raw);
  PERFORM codemint.give_back_reward(p_reward);
  UPDATE codemint.rewards r
  SET reconcile_at = NULL, undecided_since = NULL, undecided_for = '0',
      closed_at = CASE WHEN codemint.has_open_doubt(p_reward) THEN r.closed_at END
  WHERE r.reward_id = p_reward;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('rewards');
  END IF;
  PERFORM codemint.forget_refused_work(p_reward, '{doubt,watch}');
  PERFORM codemint.wake('codemint_jobs', '');
  outcome := 'done';
END
$$;

-- Whether a locked reward is still as it was when it was listed and judged. It is not in these cases: a
-- call is sending (the calls tell, and not the counter, which somebody may have set wrong), other calls
-- are in doubt by now, a call lacks fewer codes than it was given, one of the codes has become known, or
-- the database lost what was staged in a crash.
CREATE OR REPLACE FUNCTION codemint.may_decide(
  p_reward codemint.rewards, p_listing uuid, p_judged uuid[], p_adopted codemint.adoption[],
  p_raw codemint.raw_code[]
) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN NOT EXISTS (
           SELECT FROM codemint.calls c
           WHERE c.reward_id = p_reward.reward_id AND c.state = 'sending')
     AND p_judged = ARRAY(
           SELECT c.id FROM codemint.calls c
           WHERE c.reward_id = p_reward.reward_id AND c.state = 'in_doubt'
             AND codemint.is_in_doubt(c)
           ORDER BY c.id)
     AND NOT EXISTS (
           SELECT FROM unnest(p_adopted) a JOIN codemint.calls c ON c.id = a.call_id
           WHERE cardinality(a.codes) > c.outstanding)
     AND NOT EXISTS (
           SELECT FROM unnest(p_adopted) a CROSS JOIN unnest(a.codes) AS f (id)
           LEFT JOIN codemint.listed_codes l
             ON l.listing = p_listing AND l.listing = p_reward.listing AND l.id = f.id
           WHERE EXISTS (SELECT FROM codemint.codes k WHERE k.id = f.id)
              OR l.id IS NULL AND NOT EXISTS (SELECT FROM unnest(p_raw) w WHERE w.id = f.id));
END
$$;

-- Records the staged codes of one doubtful call. If there are fewer than the call lacks, the job
-- asks for the rest, and the reward is watched. A call that was answered has its outcome already:
-- issued.
CREATE OR REPLACE FUNCTION codemint.adopt_call(p_call uuid, p_listing uuid, p_codes uuid[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call   codemint.calls;
  v_issued integer;
BEGIN
  PERFORM FROM codemint.jobs j
  WHERE j.id = (SELECT c.job_id FROM codemint.calls c WHERE c.id = p_call) FOR NO KEY UPDATE;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call FOR NO KEY UPDATE;
  SELECT s.issued INTO v_issued
    FROM codemint.credit_call(v_call, v_call.outstanding, v_call.outstanding, p_listing, p_codes) s;
  UPDATE codemint.calls c
  SET state = CASE WHEN c.is_short THEN 'issued' ELSE 'adopted' END,
      received = CASE WHEN c.is_short THEN c.received ELSE v_issued END,
      outstanding = 0, lease_expires_at = NULL, held_at = NULL,
      is_short = v_issued < v_call.outstanding,
      settled_at = clock_timestamp(), updated_at = clock_timestamp()
  WHERE c.id = p_call;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('calls');
  END IF;
  IF v_issued < v_call.outstanding THEN
    PERFORM codemint.watch_reward(v_call.reward_id, p_call, 'partial_call');
  END IF;
END
$$;

-- Stores staged codes for a call. Up to p_room of them count for the job, and the rest is surplus.
-- p_reserved is the room that the call gives back to the job.
CREATE OR REPLACE FUNCTION codemint.credit_call(
  p_call codemint.calls, p_reserved integer, p_room integer, p_listing uuid, p_codes uuid[],
  OUT issued integer, OUT surplus integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs;
BEGIN
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_call.job_id FOR NO KEY UPDATE;
  SELECT s.issued, s.surplus INTO issued, surplus
  FROM codemint.store_listed(p_listing, p_codes, p_call.job_id, p_call.id, p_room) s;
  v_job.outstanding := v_job.outstanding - p_reserved;
  v_job.issued := v_job.issued + issued;
  v_job.surplus := v_job.surplus + surplus;
  v_job.answers_without_progress :=
    CASE WHEN issued > 0 THEN 0 ELSE v_job.answers_without_progress END;
  v_job := codemint.conclude_job(codemint.release_job(v_job, p_call.id), NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
END
$$;

-- Moves staged codes to codes, as codes of this job and call: the p_room oldest count, the rest is
-- surplus. Only a listing has shown them, so they are no witnesses of what lists look like.
CREATE OR REPLACE FUNCTION codemint.store_listed(
  p_listing uuid, p_codes uuid[], p_job bigint, p_call uuid, p_room integer,
  OUT issued integer, OUT surplus integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward  uuid;
  v_tracked boolean;
  v_oldest  timestamptz;
  v_listed  uuid[] := ARRAY(
    SELECT l.id FROM codemint.listed_codes l WHERE l.listing = p_listing AND l.id = ANY (p_codes));
BEGIN
  WITH listed AS (
    DELETE FROM codemint.listed_codes l
    WHERE l.listing = p_listing AND l.id = ANY (p_codes)
    RETURNING l.*
  ), news AS (
    SELECT l.*, row_number() OVER (ORDER BY l.created_at, l.id) AS rank
    FROM listed l
    WHERE NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = l.id)
  ), stored AS (
    INSERT INTO codemint.codes AS k
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, surplus,
       from_answer, created_at, expires_at, updated_at, synced_at)
    SELECT n.id, p_job, p_call, n.reward_id, n.code, n.status, n.sync_status, n.external_ids,
           n.rank > p_room, false, n.created_at, n.expires_at, n.updated_at,
           CASE WHEN n.sync_status = 'synced' THEN clock_timestamp() END
    FROM news n
    ORDER BY n.rank
    ON CONFLICT (id) DO NOTHING
    RETURNING k.reward_id, k.surplus, k.sync_status, k.created_at
  )
  -- If the time of one code is not known, the time of the oldest is not known either.
  SELECT count(*) FILTER (WHERE NOT s.surplus), count(*) FILTER (WHERE s.surplus),
         (array_agg(s.reward_id))[1], bool_or(s.sync_status IN ('pending', 'error')),
         CASE WHEN count(*) = count(s.created_at) THEN min(s.created_at) END
    INTO issued, surplus, v_reward, v_tracked, v_oldest
  FROM stored s;
  PERFORM codemint.require_stored(v_listed);
  PERFORM codemint.forget_set_aside(p_codes);
  IF v_tracked THEN
    PERFORM codemint.track_codes(v_reward, v_oldest);
  END IF;
END
$$;

-- Forgets that codes were set aside, if they are stored as codes by now. The daemon's role may delete
-- nothing that was set aside: what only one table has would be lost.
CREATE OR REPLACE FUNCTION codemint.forget_set_aside(p_codes uuid[]) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM codemint.unattributed_codes u
  WHERE u.id = ANY (p_codes) AND EXISTS (SELECT FROM codemint.codes k WHERE k.id = u.id);
END
$$;
COMMENT ON FUNCTION codemint.forget_set_aside(uuid[]) IS
  'For the daemon: forgets that codes were set aside that are stored as codes by now.';

-- Records that a doubtful call is judged to have made nothing that is not known. The room of the
-- call is free again. This is a judgement and not a proof, so the reward is watched. A call that
-- was answered made what its answer showed.
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
  WHERE j.id = (SELECT c.job_id FROM codemint.calls c WHERE c.id = p_call) FOR NO KEY UPDATE;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call FOR NO KEY UPDATE;
  UPDATE codemint.calls c
  SET state = CASE WHEN c.is_short THEN 'issued' ELSE 'absent' END, outstanding = 0,
      lease_expires_at = NULL, held_at = NULL, settled_at = v_now, updated_at = v_now
  WHERE c.id = p_call;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('calls');
  END IF;
  PERFORM codemint.watch_reward(
    v_call.reward_id, p_call, CASE WHEN v_call.is_short THEN 'partial_call' ELSE 'absent_call' END);
  v_job.outstanding := v_job.outstanding - v_call.outstanding;
  v_job := codemint.conclude_job(codemint.release_job(v_job, p_call), NULL, NULL);
  PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
END
$$;

-- Holds doubtful calls that cannot be decided, for a person. After a whole listing their jobs are
-- held too. Otherwise only the calls are, and their reward is watched, so that its listings judge
-- them anew. A call that was held before is watched for already, and is held since then.
CREATE OR REPLACE FUNCTION codemint.hold_calls(p_calls uuid[], p_reason text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_job codemint.jobs;
BEGIN
  IF codemint.has_seen_all(p_reason) THEN
    FOR v_job IN
      SELECT j.* FROM codemint.jobs j
      WHERE j.id IN (SELECT c.job_id FROM codemint.calls c WHERE c.id = ANY (p_calls))
      ORDER BY j.id
      FOR NO KEY UPDATE
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
  ELSE
    PERFORM codemint.watch_reward(c.reward_id, c.id, 'held_call')
    FROM codemint.calls c
    WHERE c.id = ANY (p_calls) AND c.held_at IS NULL
    ORDER BY c.created_at, c.id;
  END IF;
  UPDATE codemint.calls c
  SET held_at = coalesce(c.held_at, v_now), judged_at = v_now, hold_reason = p_reason, held_with = p_calls[1],
      updated_at = v_now
  WHERE c.id = ANY (p_calls) AND c.state = 'in_doubt';
  IF NOT FOUND AND EXISTS (SELECT FROM codemint.calls c WHERE c.id = ANY (p_calls) AND c.state = 'in_doubt') THEN
    PERFORM codemint.refuse_silence('calls');
  END IF;
END
$$;

-- A call has got its outcome, or is judged anew. If it held its job, the job is no longer held, unless
-- another call holds the job, or the job is held for something else.
CREATE OR REPLACE FUNCTION codemint.release_job(p_job codemint.jobs, p_call uuid)
RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_open boolean := p_job.state IN ('queued', 'running');
BEGIN
  IF NOT p_job.held
     OR v_open AND codemint.has_seen_all(p_job.error_code) IS NOT TRUE OR EXISTS (
       SELECT FROM codemint.calls c
       WHERE c.job_id = p_job.id AND c.id <> p_call AND c.held_at IS NOT NULL
         AND codemint.has_seen_all(c.hold_reason)) THEN
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
-- ask again for ever.
CREATE OR REPLACE FUNCTION codemint.store_raw_codes(p_reward uuid, p_codes codemint.raw_code[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs;
BEGIN
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
    FOR NO KEY UPDATE
  LOOP
    v_job.answers_without_progress := v_job.answers_without_progress + 1;
    v_job := codemint.conclude_job(v_job,
      CASE WHEN codemint.makes_no_progress(v_job) THEN 'no_progress' END,
      format('%s calls in a row made no code that can be stored', v_job.answers_without_progress));
    PERFORM codemint.save_job(codemint.place_job(v_job, interval '0'));
  END LOOP;
END
$$;

-- Which of these jobs have ended with a decision, or with a piece of one; none if nothing was
-- recorded. No job had ended before: each had a call in doubt, or lacked codes that it has got now.
CREATE OR REPLACE FUNCTION codemint.ended_jobs(
  p_outcome text, p_jobs bigint[], OUT job_id bigint, OUT job_state text
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_outcome IN ('done', 'more') THEN
    RETURN QUERY
    SELECT j.id, j.state FROM codemint.jobs j
    WHERE j.id = ANY (p_jobs) AND j.finished_at IS NOT NULL
    ORDER BY j.id;
  END IF;
END
$$;

-- Deletes a piece of what is staged under a listing that has ended. Called by every heartbeat.
CREATE OR REPLACE FUNCTION codemint.forget_listed() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_listing uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
  LOOP
    -- There are millions of rows and few listings, so this goes from one listing to the next.
    SELECT l.listing INTO v_listing FROM codemint.listed_codes l
    WHERE l.listing > v_listing ORDER BY l.listing LIMIT 1;
    EXIT WHEN NOT FOUND;
    CONTINUE WHEN EXISTS (
      SELECT FROM codemint.rewards r
      WHERE r.listing = v_listing AND r.reconciler_until >= clock_timestamp());
    DELETE FROM codemint.listed_codes l
    WHERE l.listing = v_listing AND l.id IN (
      SELECT o.id FROM codemint.listed_codes o WHERE o.listing = v_listing LIMIT 10000);
    EXIT;
  END LOOP;
END
$$;
