-- Following: codes that other systems (Shopify, Stripe) have yet to take are listed again with
-- growing pauses, until they are settled or given up.
--
-- Locks are taken in the order reward, job, call, follow, account.

CREATE TABLE codemint.follows (
  reward_id      uuid        PRIMARY KEY,
  look_at        timestamptz,
  looks          integer     NOT NULL DEFAULT 0,
  failures       integer     NOT NULL DEFAULT 0,
  error_message  text,
  mark           timestamptz,
  list_order     text        NOT NULL DEFAULT 'unknown',
  scan_offset    integer,
  scan_anchor    uuid,
  scan_newest    timestamptz,
  follower       uuid,
  follower_until timestamptz,
  given_up_at    timestamptz,
  alarmed_at     timestamptz,

  CONSTRAINT "list_order is unknown, honoured or ignored"
    CHECK (list_order IN ('unknown', 'honoured', 'ignored'))
);

CREATE INDEX follows_due ON codemint.follows (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX follows_in_trouble ON codemint.follows (reward_id)
  WHERE given_up_at IS NOT NULL OR failures > 0;

-- Codes of a reward that are not settled are found by its jobs (codes_by_job), so that no code needs
-- an entry more when it is stored. A job has its entry from its first code on: an index of all jobs
-- would add 5 % to an INSERT.
CREATE INDEX jobs_with_codes ON codemint.jobs (reward_id) WHERE issued + surplus > 0;
CREATE INDEX calls_absent ON codemint.calls (reward_id, created_at) WHERE state = 'absent';

-- Codes of a reward were stored of which some are not settled: the reward is followed from now on,
-- with the first pause again. Called under the reward's lock.
--
-- Everything before the oldest of these codes was made (p_mark) is of no interest. Where that is not
-- known, p_mark is null, and the whole list is read.
CREATE FUNCTION codemint.follow_codes(p_reward uuid, p_mark timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  INSERT INTO codemint.follows AS f (reward_id, look_at, mark) VALUES (p_reward, v_now, p_mark)
  ON CONFLICT (reward_id) DO UPDATE
  SET look_at = CASE WHEN f.look_at IS NULL OR f.looks > 0 THEN v_now ELSE f.look_at END,
      looks = 0,
      given_up_at = NULL,
      mark = CASE WHEN f.look_at IS NULL THEN p_mark
                  WHEN f.mark IS NOT NULL AND p_mark IS NOT NULL THEN least(f.mark, p_mark) END,
      -- A reading that has gone past the new codes does not count.
      scan_offset = CASE WHEN p_mark >= f.mark THEN f.scan_offset END
  WHERE f.look_at IS NULL OR f.looks > 0
     OR (f.mark IS NOT NULL AND (p_mark >= f.mark) IS NOT TRUE);
END
$$;

-- Takes the reward whose look is due for the longest time. One follower a reward at a time; its
-- lease runs out with it. Without one, wait_us says when the next is due.
CREATE FUNCTION codemint.take_follow(
  p_worker uuid, p_lease interval, p_first interval,
  OUT reward_id uuid, OUT look integer, OUT failures integer, OUT mark timestamptz,
  OUT list_order text, OUT scan_offset integer, OUT scan_anchor uuid, OUT scan_newest timestamptz,
  OUT wait_us bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_follow codemint.follows;
BEGIN
  SELECT * INTO v_follow FROM codemint.follows f
  WHERE f.look_at <= v_now AND (f.looks > 0 OR f.look_at <= v_now - p_first)
    AND coalesce(f.follower_until, '-infinity') < v_now
  ORDER BY f.look_at, f.reward_id
  LIMIT 1
  FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    SELECT codemint.microseconds(v_now, min(greatest(
             f.look_at + CASE WHEN f.looks = 0 THEN p_first ELSE interval '0' END,
             f.follower_until)))
      INTO wait_us
    FROM codemint.follows f WHERE f.look_at IS NOT NULL;
    RETURN;
  END IF;
  UPDATE codemint.follows f
  SET follower = p_worker, follower_until = v_now + p_lease, looks = f.looks + 1
  WHERE f.reward_id = v_follow.reward_id;
  reward_id := v_follow.reward_id;
  look := v_follow.looks + 1;
  failures := v_follow.failures;
  mark := v_follow.mark;
  list_order := v_follow.list_order;
  scan_offset := v_follow.scan_offset;
  scan_anchor := v_follow.scan_anchor;
  scan_newest := v_follow.scan_newest;
END
$$;

-- A slot for a page of a followed reward, whose lease it extends. While a job waits in the line, at
-- most one slot in ten is given: generate calls go first, and following never comes to a stop.
--
-- outcome: 'slot' or 'wait' with delay_us, 'closed' if the account may not send now, 'lost'.
CREATE FUNCTION codemint.follow_slot(
  p_reward uuid, p_worker uuid, p_lease interval, OUT outcome text, OUT delay_us bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now  timestamptz := clock_timestamp();
  v_next timestamptz;
BEGIN
  UPDATE codemint.follows f SET follower_until = v_now + p_lease
  WHERE f.reward_id = p_reward AND f.follower = p_worker AND f.follower_until >= v_now;
  IF NOT FOUND THEN
    outcome := 'lost';
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM codemint.jobs j WHERE j.turn IS NOT NULL) THEN
    SELECT a.sync_slot_at
           + 10 * interval '1 microsecond' * ceil(1010000 / codemint.current_pace(a, v_now))
      INTO v_next
    FROM codemint.accounts a WHERE a.name = 'default';
    IF v_next > v_now THEN
      outcome := 'wait';
      delay_us := codemint.microseconds(v_now, v_next);
      RETURN;
    END IF;
  END IF;
  delay_us := codemint.reserve_slot();
  IF delay_us IS NULL THEN
    outcome := 'closed';
    RETURN;
  END IF;
  UPDATE codemint.accounts a
  SET sync_slot_at = clock_timestamp() + interval '1 microsecond' * greatest(delay_us, 0)
  WHERE a.name = 'default';
  outcome := 'slot';
END
$$;

-- Records how a page showed codes of a followed reward, in one statement that touches only rows
-- that differ. What is shown with an older change than is known comes from the past and is left.
CREATE FUNCTION codemint.record_changes(
  p_reward uuid, p_worker uuid,
  p_ids uuid[], p_statuses text[], p_sync text[], p_external jsonb[], p_created timestamptz[],
  p_expires timestamptz[], p_updated timestamptz[],
  OUT kept boolean, OUT changed integer, OUT unknown integer, OUT raises_watch boolean
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_newest timestamptz;
BEGIN
  changed := 0;
  unknown := 0;
  raises_watch := false;
  -- Who stores codes of the reward holds this lock too, and waits for rows of codes under it.
  PERFORM FROM codemint.rewards r WHERE r.reward_id = p_reward FOR UPDATE;
  kept := EXISTS (
    SELECT FROM codemint.follows f
    WHERE f.reward_id = p_reward AND f.follower = p_worker AND f.follower_until >= v_now);
  IF NOT kept THEN
    RETURN;
  END IF;
  UPDATE codemint.codes c
  SET status = s.status, sync_status = s.sync, external_ids = s.external, expires_at = s.expires,
      updated_at = s.updated,
      synced_at = CASE WHEN s.sync = 'synced' THEN coalesce(c.synced_at, v_now)
                       ELSE c.synced_at END
  FROM unnest(p_ids, p_statuses, p_sync, p_external, p_expires, p_updated)
    AS s (id, status, sync, external, expires, updated)
  WHERE c.id = s.id AND c.reward_id = p_reward AND c.purged_at IS NULL
    AND (s.updated < c.updated_at) IS NOT TRUE
    AND (c.status, c.sync_status, c.external_ids, c.expires_at, c.updated_at)
        IS DISTINCT FROM (s.status, s.sync, s.external, s.expires, s.updated);
  GET DIAGNOSTICS changed = ROW_COUNT;
  SELECT count(*), CASE WHEN count(*) = count(s.created) THEN max(s.created) END
    INTO unknown, v_newest
  FROM unnest(p_ids, p_created) AS s (id, created)
  WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = s.id)
    AND NOT EXISTS (SELECT FROM codemint.strays t WHERE t.id = s.id)
    AND NOT EXISTS (SELECT FROM codemint.raw_codes w WHERE w.id = s.id);
  IF unknown > 0 THEN
    raises_watch := codemint.watch_for_late_codes(p_reward, v_newest);
  END IF;
END
$$;

-- Codes were listed that the ledger does not know. Where a call of the reward was judged absent
-- before they were made, and nothing is in flight or in doubt that explains them, the reward is
-- watched once more, and the watch records what is still unknown then as surplus. Not more than once
-- an hour: codes that somebody else makes stay unknown.
CREATE FUNCTION codemint.watch_for_late_codes(p_reward uuid, p_newest timestamptz)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now  timestamptz := clock_timestamp();
  v_call uuid;
BEGIN
  SELECT c.id INTO v_call FROM codemint.calls c
  WHERE c.reward_id = p_reward AND c.state = 'absent'
    -- The API's clock may differ from this one.
    AND (p_newest IS NULL OR c.created_at <= p_newest + interval '5 minutes')
  ORDER BY c.created_at, c.id
  LIMIT 1;
  IF v_call IS NULL OR NOT EXISTS (
       SELECT FROM codemint.rewards r
       WHERE r.reward_id = p_reward AND r.watch_at IS NULL AND r.closed_at IS NULL
         AND r.in_flight = 0) THEN
    RETURN false;
  END IF;
  UPDATE codemint.follows f SET alarmed_at = v_now
  WHERE f.reward_id = p_reward AND coalesce(f.alarmed_at, '-infinity') < v_now - interval '1 hour';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM codemint.watch_reward(p_reward, v_call, 3);
  RETURN true;
END
$$;

COMMENT ON TABLE codemint.follows IS
  'Rewards with codes that other systems have yet to take, and how they are followed.';
COMMENT ON COLUMN codemint.follows.look_at IS
  'When the reward is looked at next; with looks = 0 the first pause is counted from here. Null when '
  'there is nothing to wait for.';
COMMENT ON COLUMN codemint.follows.looks IS 'Looks since unsettled codes were stored last.';
COMMENT ON COLUMN codemint.follows.failures IS 'Looks in a row that failed.';
COMMENT ON COLUMN codemint.follows.error_message IS 'Why the last look failed.';
COMMENT ON COLUMN codemint.follows.mark IS
  'Changes up to this moment of the API''s clock are known.';
COMMENT ON COLUMN codemint.follows.list_order IS
  'Whether the API lists the newest change first: unknown, honoured or ignored.';
COMMENT ON COLUMN codemint.follows.scan_offset IS
  'Where a reading of the list goes on that was not complete.';
COMMENT ON COLUMN codemint.follows.follower IS
  'The worker that is looking, until follower_until.';
COMMENT ON COLUMN codemint.follows.given_up_at IS
  'Since when codes that are still pending are no longer waited for.';
COMMENT ON COLUMN codemint.follows.alarmed_at IS
  'When codes that the ledger does not know led to a watch last.';
COMMENT ON COLUMN codemint.accounts.sync_slot_at IS 'The last slot that a page of a look took.';
COMMENT ON COLUMN codemint.follows.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.follows.scan_anchor IS
  'The last code that was read there, to notice a list that has shifted.';
COMMENT ON COLUMN codemint.follows.scan_newest IS
  'The newest change that this reading has shown; it becomes the mark when it is complete.';
COMMENT ON COLUMN codemint.follows.follower_until IS
  'Until when the worker in follower has it without a word.';
COMMENT ON FUNCTION codemint.follow_codes IS
  'Codes were stored: if some are not settled, their reward is followed from now on.';
COMMENT ON FUNCTION codemint.take_follow IS 'Takes the reward whose look is due for the longest time.';
COMMENT ON FUNCTION codemint.follow_slot IS
  'A slot for a page of a followed reward; generate calls go first.';
COMMENT ON FUNCTION codemint.record_changes IS
  'Records how a page showed codes, and touches only rows that differ.';
COMMENT ON FUNCTION codemint.watch_for_late_codes IS
  'Has a reward watched on which codes came to light that a call judged absent may have made.';
