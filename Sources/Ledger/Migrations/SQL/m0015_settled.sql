-- Settling: when codes of a followed reward have nothing more to wait for, and what is done about
-- those in error.

CREATE TABLE codemint.resyncs (
  reward_id     uuid        NOT NULL,
  system        text        NOT NULL,
  attempts      integer     NOT NULL DEFAULT 0,
  asked_at      timestamptz,
  next_at       timestamptz NOT NULL,
  given_up_at   timestamptz,
  error_message text,

  PRIMARY KEY (reward_id, system)
);

-- Ends a look and gives the reward back. p_outcome is 'read', 'failed' (p_error says why) or
-- 'interrupted'; with p_offset the reading was not complete and goes on there.
--
-- p_resync_us holds for each time that the API may be asked to copy the reward once more how long
-- it then has. outcome: 'following' (systems are those to ask for now), 'settled', 'given_up', or
-- 'lost', and then nothing was changed.
CREATE FUNCTION codemint.finish_look(
  p_reward uuid, p_worker uuid, p_outcome text, p_error text, p_mark timestamptz, p_order text,
  p_offset integer, p_anchor uuid, p_newest timestamptz,
  p_pause interval, p_first interval, p_patience interval, p_resync_us bigint[],
  OUT outcome text, OUT systems text[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_follow codemint.follows;
BEGIN
  PERFORM FROM codemint.rewards r WHERE r.reward_id = p_reward FOR UPDATE;
  SELECT * INTO v_follow FROM codemint.follows f WHERE f.reward_id = p_reward FOR UPDATE;
  IF v_follow.follower IS DISTINCT FROM p_worker OR v_follow.follower_until < v_now THEN
    outcome := 'lost';
    RETURN;
  END IF;
  outcome := 'following';
  systems := '{}';
  v_follow.list_order := p_order;
  v_follow.failures := CASE WHEN p_outcome = 'failed' THEN v_follow.failures + 1 ELSE 0 END;
  v_follow.error_message := CASE WHEN p_outcome = 'failed' THEN p_error END;
  v_follow.scan_offset := NULL;
  v_follow.scan_anchor := p_anchor;
  v_follow.scan_newest := p_newest;
  -- With looks = 0 more was stored meanwhile, which this look may have missed.
  IF v_follow.looks > 0 THEN
    v_follow.look_at := v_now + p_pause;
    v_follow.mark := p_mark;
    v_follow.scan_offset := p_offset;
  END IF;
  IF p_outcome = 'read' AND p_offset IS NULL THEN
    SELECT * INTO v_follow.look_at, v_follow.given_up_at, outcome, systems
    FROM codemint.judge_follow(v_follow, p_first, p_patience, p_resync_us);
  ELSE
    -- The same look goes on.
    v_follow.looks := greatest(v_follow.looks - 1, least(v_follow.looks, 1));
  END IF;
  UPDATE codemint.follows f
  SET look_at = v_follow.look_at, looks = v_follow.looks, failures = v_follow.failures,
      error_message = v_follow.error_message, mark = v_follow.mark,
      list_order = v_follow.list_order, scan_offset = v_follow.scan_offset,
      scan_anchor = v_follow.scan_anchor, scan_newest = v_follow.scan_newest,
      follower = NULL, follower_until = NULL, given_up_at = v_follow.given_up_at
  WHERE f.reward_id = p_reward;
  PERFORM codemint.conclude_sync(p_reward);
END
$$;

-- After a complete look: whether the reward is looked at again and when, or has settled, or is given
-- up because every code that is pending still was stored longer than p_patience ago.
CREATE FUNCTION codemint.judge_follow(
  p_follow codemint.follows, p_first interval, p_patience interval, p_resync_us bigint[],
  OUT look_at timestamptz, OUT given_up_at timestamptz, OUT outcome text, OUT systems text[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now      timestamptz := clock_timestamp();
  v_resync   record;
  v_stored   bigint;
  v_newest   timestamptz;
BEGIN
  SELECT * INTO v_resync FROM codemint.judge_resyncs(p_follow.reward_id, p_resync_us);
  systems := v_resync.asked;
  look_at := p_follow.look_at;
  given_up_at := p_follow.given_up_at;
  outcome := 'following';
  SELECT count(*), max(c.stored_at) INTO v_stored, v_newest
  FROM codemint.jobs j
  JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status = 'pending'
  WHERE j.reward_id = p_follow.reward_id AND j.issued + j.surplus > 0;
  IF v_resync.is_open THEN
    IF p_follow.looks > 0 THEN
      look_at := least(look_at, v_resync.next_at,
                       CASE WHEN cardinality(systems) > 0 THEN v_now + p_first END);
    END IF;
  ELSIF v_stored = 0 OR v_newest <= v_now - p_patience THEN
    look_at := NULL;
    given_up_at := CASE WHEN v_stored > 0 THEN v_now END;
    outcome := CASE WHEN v_stored > 0 OR v_resync.gave_up THEN 'given_up' ELSE 'settled' END;
  END IF;
END
$$;

-- What is to be done about the codes of a reward that are in error: asked for once more (asked, which
-- is counted before it is done), waited for until next_at (is_open), or given up. Other systems
-- than these two cannot be asked for.
CREATE FUNCTION codemint.judge_resyncs(
  p_reward uuid, p_pauses_us bigint[],
  OUT asked text[], OUT is_open boolean, OUT gave_up boolean, OUT next_at timestamptz
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_system text;
  v_resync codemint.resyncs;
BEGIN
  asked := '{}';
  is_open := false;
  gave_up := false;
  IF NOT EXISTS (SELECT FROM codemint.jobs j
                 JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status IN ('pending', 'error')
                 WHERE j.reward_id = p_reward AND j.issued + j.surplus > 0) THEN
    -- All went well in the end: what may fail later begins anew.
    DELETE FROM codemint.resyncs r WHERE r.reward_id = p_reward;
    RETURN;
  END IF;
  FOREACH v_system IN ARRAY ARRAY['shopify', 'stripe'] LOOP
    CONTINUE WHEN NOT EXISTS (
      SELECT FROM codemint.jobs j
      JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status = 'error'
      WHERE j.reward_id = p_reward AND j.issued + j.surplus > 0
        AND c.external_ids -> v_system ->> 'syncStatus' = 'error');
    INSERT INTO codemint.resyncs (reward_id, system, next_at) VALUES (p_reward, v_system, v_now)
    ON CONFLICT DO NOTHING;
    SELECT * INTO v_resync FROM codemint.resyncs r
    WHERE r.reward_id = p_reward AND r.system = v_system FOR UPDATE;
    IF v_resync.given_up_at IS NOT NULL THEN
      gave_up := true;
    ELSIF v_resync.next_at > v_now THEN
      is_open := true;
      next_at := least(next_at, v_resync.next_at);
    ELSIF v_resync.attempts < cardinality(p_pauses_us) THEN
      UPDATE codemint.resyncs r
      SET attempts = r.attempts + 1, asked_at = v_now, error_message = NULL,
          next_at = v_now + interval '1 microsecond' * p_pauses_us[r.attempts + 1]
      WHERE r.reward_id = p_reward AND r.system = v_system;
      asked := asked || v_system;
      is_open := true;
    ELSE
      UPDATE codemint.resyncs r SET given_up_at = v_now
      WHERE r.reward_id = p_reward AND r.system = v_system;
      gave_up := true;
    END IF;
  END LOOP;
END
$$;

-- Notes why the API was not asked to copy a reward once more, or why it refused. What was never
-- sent does not count.
CREATE FUNCTION codemint.note_resync(
  p_reward uuid, p_system text, p_failure text, p_sent boolean
) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.resyncs r
  SET error_message = p_failure,
      attempts = r.attempts - CASE WHEN p_sent OR r.attempts = 0 THEN 0 ELSE 1 END,
      next_at = CASE WHEN p_sent THEN r.next_at ELSE clock_timestamp() END
  WHERE r.reward_id = p_reward AND r.system = p_system
$$;

-- Whether no code of a job waits for another system. One in error waits as long as its reward is
-- followed: it may be copied once more.
CREATE FUNCTION codemint.is_settled(p_job bigint, p_reward uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  PERFORM FROM codemint.codes c
  WHERE c.job_id = p_job AND c.sync_status = 'pending' AND NOT c.surplus LIMIT 1;
  IF FOUND THEN
    RETURN false;
  END IF;
  PERFORM FROM codemint.codes c
  WHERE c.job_id = p_job AND c.sync_status = 'error' AND NOT c.surplus LIMIT 1;
  RETURN NOT FOUND OR NOT EXISTS (
    SELECT FROM codemint.follows f WHERE f.reward_id = p_reward AND f.look_at IS NOT NULL);
END
$$;

-- Tells of every finished job of a reward whose last code has been settled, once. A job without a
-- code has been told of when it ended.
CREATE FUNCTION codemint.conclude_sync(p_reward uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job bigint;
BEGIN
  FOR v_job IN
    SELECT j.id FROM codemint.jobs j
    WHERE j.reward_id = p_reward AND j.issued + j.surplus > 0 AND j.sync_done_at IS NULL
      AND j.finished_at IS NOT NULL
      AND codemint.is_settled(j.id, p_reward)
    ORDER BY j.id
    FOR UPDATE
  LOOP
    UPDATE codemint.jobs j SET sync_done_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE j.id = v_job AND j.sync_done_at IS NULL;
    IF FOUND THEN
      PERFORM pg_notify('codemint_sync_done', v_job::text);
    END IF;
  END LOOP;
END
$$;

-- The same at the moment when a job ends: often nothing is left to wait for.
CREATE FUNCTION codemint.note_sync_done() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NEW.finished_at IS NULL THEN
    NEW.sync_done_at := NULL;
  ELSIF codemint.is_settled(NEW.id, NEW.reward_id) THEN
    NEW.sync_done_at := clock_timestamp();
    PERFORM pg_notify('codemint_sync_done', NEW.id::text);
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER note_sync_done BEFORE UPDATE OF finished_at ON codemint.jobs
  FOR EACH ROW WHEN ((OLD.finished_at IS NULL) <> (NEW.finished_at IS NULL))
  EXECUTE FUNCTION codemint.note_sync_done();

-- An operator has a reward looked at once more, from beginning to end, after what was wrong has been
-- mended: with all its attempts again.
CREATE FUNCTION codemint.follow_sync(p_reward uuid) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_codes bigint;
BEGIN
  PERFORM FROM codemint.rewards r WHERE r.reward_id = p_reward FOR UPDATE;
  SELECT count(*) INTO v_codes
  FROM codemint.jobs j
  JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status IN ('pending', 'error')
  WHERE j.reward_id = p_reward AND j.issued + j.surplus > 0;
  IF v_codes = 0 THEN
    RAISE EXCEPTION 'no code of reward % is pending or in error: there is nothing to follow', p_reward
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  DELETE FROM codemint.resyncs r WHERE r.reward_id = p_reward;
  INSERT INTO codemint.follows AS f (reward_id, look_at, looks)
  VALUES (p_reward, clock_timestamp(), 1)
  ON CONFLICT (reward_id) DO UPDATE
  SET look_at = clock_timestamp(), looks = 1, failures = 0, error_message = NULL, mark = NULL,
      list_order = 'unknown', scan_offset = NULL, given_up_at = NULL;
  RETURN format('reward %s is followed for %s code(s)', p_reward, v_codes);
END
$$;

-- An error in the API's own words, without the value of the code that it is about: systems quote it,
-- in letters of either case. '***=' has the code taken as it is.
CREATE FUNCTION codemint.without_code(p_text text, p_code text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_code = '' OR strpos(lower(p_text), lower(p_code)) = 0 THEN
    RETURN p_text;
  END IF;
  RETURN regexp_replace(p_text, '***=' || p_code, '(code)', 'gi');
END
$$;

-- What is wrong with codes in other systems, by reward and system, and what is being done about it.
CREATE VIEW codemint.sync_problems AS
SELECT p.reward_id, p.system, p.sync_status, p.codes, p.sample, p.error_text,
       coalesce(r.attempts, 0) AS resyncs,
       CASE WHEN p.sync_status NOT IN ('pending', 'error') THEN 'unknown word'
            WHEN p.sync_status = 'error' AND r.given_up_at IS NOT NULL THEN 'given up'
            WHEN p.sync_status = 'error' AND r.next_at IS NOT NULL THEN 'asked again'
            WHEN p.sync_status = 'error' AND p.system NOT IN ('shopify', 'stripe')
              THEN 'cannot be asked again'
            WHEN f.given_up_at IS NOT NULL THEN 'given up'
            ELSE 'followed' END AS state,
       f.look_at AS next_look_at, coalesce(r.given_up_at, f.given_up_at) AS given_up_at,
       coalesce(r.error_message, f.error_message) AS request_error
FROM (
  -- By the job's reward, which is each code's too, so that asking for one reward looks at its jobs only.
  SELECT j.reward_id, e.key AS system, coalesce(e.value ->> 'syncStatus', '') AS sync_status,
         count(*) AS codes, (array_agg(c.id ORDER BY c.id))[1:5] AS sample,
         mode() WITHIN GROUP (ORDER BY codemint.without_code(e.value ->> 'error', c.code)) AS error_text
  FROM codemint.jobs j
  JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status IN ('pending', 'error')
  CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(c.external_ids) = 'object'
                                     THEN c.external_ids ELSE '{}' END) AS e
  WHERE j.issued + j.surplus > 0 AND jsonb_typeof(e.value) = 'object' AND e.value ? 'syncStatus'
  GROUP BY j.reward_id, e.key, coalesce(e.value ->> 'syncStatus', '')) AS p
LEFT JOIN codemint.follows f ON f.reward_id = p.reward_id
LEFT JOIN codemint.resyncs r ON r.reward_id = p.reward_id AND r.system = p.system
WHERE p.sync_status = 'error' OR p.sync_status NOT IN ('pending', 'synced')
   OR (p.sync_status = 'pending' AND (f.given_up_at IS NOT NULL OR f.failures > 0));

COMMENT ON TABLE codemint.resyncs IS
  'How often the API was asked to copy a reward to a system once more, because of codes in error.';
COMMENT ON COLUMN codemint.resyncs.attempts IS 'Counted before each request is made.';
COMMENT ON COLUMN codemint.resyncs.next_at IS
  'Until then what is in error has time to be copied.';
COMMENT ON COLUMN codemint.resyncs.given_up_at IS
  'Since when the API is not asked any more; see codemint.sync_problems.';
COMMENT ON COLUMN codemint.resyncs.error_message IS 'Why the last request itself failed.';
COMMENT ON COLUMN codemint.jobs.sync_done_at IS
  'When the job had ended and no code of it waited for another system any more.';
COMMENT ON VIEW codemint.sync_problems IS
  'Codes in error or given up, by reward and system, with some ids and the API''s own words.';
COMMENT ON COLUMN codemint.sync_problems.error_text IS
  'The error that most of these codes have, in the API''s own words, with (code) for the code itself.';
COMMENT ON COLUMN codemint.sync_problems.resyncs IS
  'How often the API was asked to copy the reward once more.';
COMMENT ON FUNCTION codemint.follow_sync(uuid) IS
  'Follows the codes of a reward once more that are pending or in error, with all attempts again.';
COMMENT ON COLUMN codemint.job_status.sync_systems IS
  'Codes by system and the API''s own word, such as {"shopify": {"pending": 3, "synced": 97}}.';
COMMENT ON COLUMN codemint.resyncs.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.resyncs.system IS 'shopify or stripe.';
COMMENT ON COLUMN codemint.resyncs.asked_at IS 'When the API was last asked.';
COMMENT ON COLUMN codemint.sync_problems.reward_id IS 'The reward.';
COMMENT ON COLUMN codemint.sync_problems.system IS 'The system, as the API names it: shopify, stripe.';
COMMENT ON COLUMN codemint.sync_problems.sync_status IS 'The API''s own word for these codes.';
COMMENT ON COLUMN codemint.sync_problems.codes IS 'How many codes.';
COMMENT ON COLUMN codemint.sync_problems.sample IS 'The ids of up to five of them.';
COMMENT ON COLUMN codemint.sync_problems.state IS
  'followed, asked again, cannot be asked again, given up, or unknown word.';
COMMENT ON COLUMN codemint.sync_problems.next_look_at IS 'When the reward is looked at next.';
COMMENT ON COLUMN codemint.sync_problems.given_up_at IS
  'Since when nothing more happens by itself; codemint.follow_sync takes it up again.';
COMMENT ON COLUMN codemint.sync_problems.request_error IS
  'Why the last request itself, to list or to copy once more, failed.';
COMMENT ON TRIGGER note_sync_done ON codemint.jobs IS
  'Tells when a job ends of which no code waits for another system.';
COMMENT ON FUNCTION codemint.note_sync_done IS 'The trigger of the same name.';
COMMENT ON FUNCTION codemint.finish_look IS 'Ends a look and gives the reward back.';
COMMENT ON FUNCTION codemint.judge_follow IS
  'After a complete look: looked at again and when, settled, or given up.';
COMMENT ON FUNCTION codemint.judge_resyncs IS
  'What is to be done about the codes of a reward that are in error.';
COMMENT ON FUNCTION codemint.note_resync IS
  'Notes why the API was not asked to copy a reward once more, or refused it.';
COMMENT ON FUNCTION codemint.without_code IS 'An error without the value of the code that it quotes.';
COMMENT ON FUNCTION codemint.is_settled IS 'Whether no code of a job waits for another system.';
COMMENT ON FUNCTION codemint.conclude_sync IS
  'Tells of every finished job of a reward whose last code has been settled, once.';
