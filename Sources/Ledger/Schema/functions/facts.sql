-- Facts: what answers and listings have shown about the API, and how far to believe that now.

-- The subject of the fact `prefix`: each prefix of a reward is a fact of its own, because an API can
-- take one word literally and change another.
CREATE OR REPLACE FUNCTION codemint.prefix_subject(p_reward uuid, p_prefix text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN p_reward || ' ' || p_prefix;
END
$$;

-- Whether codes of the reward have been seen to begin with this prefix when it was asked for, and
-- whether codes have been seen that do not. Both are false if nothing has been seen.
CREATE OR REPLACE FUNCTION codemint.prefix_facts(
  p_reward uuid, p_prefix text, OUT is_literal boolean, OUT is_altered boolean
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  SELECT coalesce(bool_or(f.value = 'literal'), false), coalesce(bool_or(f.value = 'altered'), false)
    INTO is_literal, is_altered
  FROM codemint.observed_facts f
  WHERE f.fact = 'prefix' AND f.subject = codemint.prefix_subject(p_reward, p_prefix);
END
$$;

-- Records a fact about the API that p_witnesses codes have shown. A fact that was seen within the
-- hour is not written again. Nobody waits for whoever is writing a fact: it will be seen again.
--
-- Some facts can have one value only. If another value was seen since this one, the API has changed
-- its behaviour, and all values of the fact are marked as contradicted.
CREATE OR REPLACE FUNCTION codemint.record_fact(
  p_fact text, p_subject text, p_value text, p_witnesses bigint
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_now  timestamptz := clock_timestamp();
  v_seen timestamptz;
BEGIN
  SELECT f.last_seen_at INTO v_seen FROM codemint.observed_facts f
  WHERE f.fact = p_fact AND f.subject = p_subject AND f.value = p_value;
  IF v_seen > v_now - interval '1 hour' OR NOT codemint.try_turn('facts') THEN
    RETURN;
  END IF;
  IF v_seen IS NOT NULL THEN
    -- The account may be locked here, so nobody waits for a row that somebody keeps: the next answer
    -- shows the fact as well.
    PERFORM FROM codemint.observed_facts f
    WHERE f.fact = p_fact AND f.subject = p_subject AND f.value = p_value
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
      RETURN;
    END IF;
  END IF;
  INSERT INTO codemint.observed_facts AS f (fact, subject, value, witnesses)
  VALUES (p_fact, p_subject, p_value, p_witnesses)
  ON CONFLICT (fact, subject, value) DO UPDATE
  SET last_seen_at = v_now, witnesses = f.witnesses + excluded.witnesses;
  UPDATE codemint.observed_facts f SET contradicted_at = v_now
  WHERE f.fact = p_fact AND f.subject = p_subject
    AND p_fact IN ('prefix', 'list_texts', 'list_times', 'list_order', 'clock_offset')
    AND EXISTS (
      SELECT FROM codemint.observed_facts o
      WHERE o.fact = p_fact AND o.subject = p_subject AND o.value <> p_value
        AND o.last_seen_at > coalesce(v_seen, '-infinity'));
END
$$;

-- Records a number of which only the greatest that was ever seen matters. It has one row.
CREATE OR REPLACE FUNCTION codemint.record_greatest(
  p_fact text, p_number bigint, p_witnesses bigint
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_known bigint := (
    SELECT max(f.value::bigint) FROM codemint.observed_facts f
    WHERE f.fact = p_fact AND f.subject = '');
BEGIN
  IF v_known IS NULL OR v_known = p_number THEN
    PERFORM codemint.record_fact(p_fact, '', p_number::text, p_witnesses);
  ELSIF v_known < p_number AND codemint.try_turn('facts') THEN
    UPDATE codemint.observed_facts f
    SET value = p_number::text, first_seen_at = clock_timestamp(),
        last_seen_at = clock_timestamp(), witnesses = p_witnesses
    WHERE f.fact = p_fact AND f.subject = '' AND f.value = v_known::text;
  END IF;
END
$$;

-- Records what a page of a list shows of the list's form: whether known codes have the texts of
-- their answers, and whether the page begins with the newest code, as it was asked for.
CREATE OR REPLACE FUNCTION codemint.record_page(
  p_codes codemint.received_code[], p_witnesses integer, p_texts_differ integer
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_kept   bigint;
  v_broken bigint;
BEGIN
  IF p_witnesses > p_texts_differ THEN
    PERFORM codemint.record_fact('list_texts', '', 'same', p_witnesses - p_texts_differ);
  END IF;
  IF p_texts_differ > 0 THEN
    PERFORM codemint.record_fact('list_texts', '', 'other', p_texts_differ);
  END IF;
  SELECT count(*) FILTER (WHERE s.created_at < s.before),
         count(*) FILTER (WHERE s.created_at > s.before)
    INTO v_kept, v_broken
  FROM (SELECT c.created_at, lag(c.created_at) OVER (ORDER BY c.ordinality) AS before
        FROM unnest(p_codes) WITH ORDINALITY c) s;
  IF v_broken > 0 THEN
    PERFORM codemint.record_fact('list_order', '', 'not_kept', v_broken);
  ELSIF v_kept > 0 THEN
    PERFORM codemint.record_fact('list_order', '', 'newest_first', v_kept + 1);
  END IF;
END
$$;

-- Records what a page shows of createdAt in lists: how exact it is, by the first codes of the page,
-- and whether known codes have the times of their answers.
CREATE OR REPLACE FUNCTION codemint.record_list_times(
  p_codes codemint.received_code[], p_agree integer, p_differ integer, p_missing integer
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_finest interval;
  v_number bigint;
BEGIN
  SELECT min(codemint.time_resolution(c.created_at)), count(c.created_at) INTO v_finest, v_number
  FROM unnest(p_codes[1:100]) c;
  IF v_number > 0 THEN
    PERFORM codemint.record_fact(
      'list_resolution', '', codemint.name_resolution(v_finest), v_number);
  END IF;
  IF p_agree > 0 THEN
    PERFORM codemint.record_fact('list_times', '', 'same', p_agree);
  END IF;
  IF p_differ > 0 THEN
    PERFORM codemint.record_fact('list_times', '', 'other', p_differ);
  END IF;
  IF p_missing > 0 THEN
    PERFORM codemint.record_fact('list_times', '', 'missing', p_missing);
  END IF;
END
$$;

-- Records what one reading of a list showed: the largest page, and how many codes were asked for.
-- If codes of the reward's newest clean answer were missing, p_behind is how long ago the reading
-- began. The list was behind that answer for the time from the answer to then, and perhaps longer. p_error
-- says why the reading failed, for people who ask why a call stays in doubt; nobody waits for a lock for that.
CREATE OR REPLACE FUNCTION codemint.note_listing(
  p_reward uuid, p_page integer, p_asked integer, p_behind interval, p_error text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_lag interval;
BEGIN
  IF p_page > 0 THEN
    PERFORM codemint.record_greatest('list_page', p_page, p_page);
    PERFORM codemint.record_greatest('list_asked', p_asked, p_page);
  END IF;
  SELECT clock_timestamp() - p_behind - c.settled_at INTO v_lag
  FROM codemint.rewards r JOIN codemint.calls c ON c.id = r.newest_call
  WHERE r.reward_id = p_reward;
  IF v_lag >= '0' THEN
    PERFORM codemint.record_greatest('list_lag', floor(extract(epoch FROM v_lag))::bigint, 1);
  END IF;
  UPDATE codemint.rewards r SET listing_error = left(p_error, 2000)
  WHERE r.reward_id IN (
    SELECT s.reward_id FROM codemint.rewards s
    WHERE s.reward_id = p_reward AND s.listing_error IS DISTINCT FROM left(p_error, 2000)
    FOR NO KEY UPDATE SKIP LOCKED);
END
$$;

-- The greatest of a second, a millisecond and a microsecond that divides a time: its last digit. A
-- time that happens to be round only counts as less exact than it is.
CREATE OR REPLACE FUNCTION codemint.time_resolution(p_time timestamptz) RETURNS interval
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
  RETURN CASE WHEN p_time = date_trunc('second', p_time, 'UTC') THEN interval '1 second'
              WHEN p_time = date_trunc('milliseconds', p_time, 'UTC') THEN interval '1 millisecond'
              ELSE interval '1 microsecond' END;
END
$$;

-- Records what a clean answer shows about its reward: it is the newest, so a fresh listing shows all
-- of its codes. And whether codes begin with the prefix that was asked for.
CREATE OR REPLACE FUNCTION codemint.record_facts(
  p_reward codemint.rewards, p_call codemint.calls, p_facts codemint.answer_facts
) RETURNS codemint.rewards
LANGUAGE plpgsql
AS $$
BEGIN
  p_reward.newest_job := p_call.job_id;
  p_reward.newest_call := p_call.id;
  IF p_facts.prefix_literal IS NOT NULL THEN
    PERFORM codemint.record_fact(
      'prefix', codemint.prefix_subject(p_call.reward_id, p_call.prefix),
      CASE WHEN p_facts.prefix_literal THEN 'literal' ELSE 'altered' END, p_call.size);
  END IF;
  RETURN p_reward;
END
$$;

-- Records what a clean answer shows about the API's clock. Each createdAt lies between the claim of the
-- call and now, so the earliest and the latest limit how far the API's clock is ahead. The slot limits
-- nothing: a request leaves before it if the worker's clock was set. Each time is cut off or rounded to
-- its last digit. If a code has no createdAt, or the answer contradicts
-- earlier answers, createdAt is not believed for a day. The range widens by one microsecond in a
-- thousand. Nearly all answers show nothing new, and then nothing is written.
CREATE OR REPLACE FUNCTION codemint.record_clock_offset(
  p_call codemint.calls, p_facts codemint.answer_facts
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_first  interval := codemint.time_resolution(p_facts.first_made_at);
  v_last   interval := codemint.time_resolution(p_facts.last_made_at);
  v_least  bigint := extract(epoch FROM p_facts.last_made_at - v_last - v_now) * 1000000;
  v_most   bigint := extract(epoch FROM p_facts.first_made_at + v_first - p_call.created_at) * 1000000;
  v_clock  codemint.api_clock;
  v_agrees boolean := v_least <= v_most;
  v_drift  bigint;
BEGIN
  SELECT c.* INTO v_clock FROM codemint.api_clock c;
  IF v_agrees AND v_least <= v_clock.ahead_at_least_us AND v_most >= v_clock.ahead_at_most_us THEN
    RETURN;
  END IF;
  IF p_call.send_at IS NULL OR p_call.created_at <= (
       SELECT i.last_alive_at FROM codemint.cluster_identity i) THEN
    -- A failover lost the claim, and with it the time of the claim. Or another server's clock told it.
    RETURN;
  END IF;
  -- The account is locked here. Nobody waits for another lock meanwhile: the next answer shows the
  -- offset as well.
  SELECT c.* INTO v_clock FROM codemint.api_clock c FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF v_agrees AND v_clock.ahead_at_least_us IS NOT NULL THEN
    v_drift := codemint.clock_drift(v_clock.measured_at, v_now) + 1000;
    v_agrees := greatest(v_clock.ahead_at_least_us - v_drift, v_least)
             <= least(v_clock.ahead_at_most_us + v_drift, v_most);
    IF v_agrees THEN
      v_least := greatest(v_clock.ahead_at_least_us - v_drift, v_least);
      v_most := least(v_clock.ahead_at_most_us + v_drift, v_most);
    END IF;
  ELSIF v_agrees IS NOT TRUE THEN
    v_least := NULL;
    v_most := NULL;
  END IF;
  UPDATE codemint.api_clock c
  SET ahead_at_least_us = v_least, ahead_at_most_us = v_most, measured_at = v_now,
      distrusted_until = CASE WHEN v_agrees THEN c.distrusted_until
                              ELSE v_now + interval '1 day' END;
  IF v_last IS NOT NULL THEN
    PERFORM codemint.record_fact('answer_resolution', '', codemint.name_resolution(
      least(v_first, v_last)), p_call.size);
  END IF;
  IF v_least IS NOT NULL THEN
    PERFORM codemint.record_fact(
      'clock_offset', '', codemint.name_offset((v_least + v_most) / 2), p_call.size);
  END IF;
END
$$;

-- An offset in words. Times without their zone, or with a false one, are whole quarters of an hour
-- off, and a clock that is set is off by seconds. Anything else is no zone.
CREATE OR REPLACE FUNCTION codemint.name_offset(p_microseconds bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_minutes numeric := p_microseconds / 60000000.0;
  v_nearest numeric := round(v_minutes / 15) * 15;
BEGIN
  IF abs(v_minutes - v_nearest) > 2 OR abs(v_nearest) > 26 * 60 THEN
    RETURN 'no zone';
  END IF;
  RETURN CASE WHEN v_nearest < 0 THEN '-' ELSE '+' END
         || to_char(make_interval(mins => abs(v_nearest)::integer), 'HH24:MI');
END
$$;

-- A resolution in a word, as the fact has it.
CREATE OR REPLACE FUNCTION codemint.name_resolution(p_resolution interval) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN CASE p_resolution WHEN interval '1 second' THEN 'second'
                           WHEN interval '1 millisecond' THEN 'millisecond'
                           ELSE 'microsecond' END;
END
$$;

-- The account has its first clean answer, and with it the first evidence of what listings look like.
-- Calls that are held for lack of evidence are judged anew at once. A watch whose row somebody has
-- locked keeps its time: whoever has it may be waiting for the account.
CREATE OR REPLACE FUNCTION codemint.hasten_held_watches() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE codemint.reward_watches w SET next_listing_at = clock_timestamp()
  WHERE w.reward_id IN (
    SELECT h.reward_id FROM codemint.reward_watches h
    WHERE h.reason = 'held_call' AND h.next_listing_at > clock_timestamp()
    FOR NO KEY UPDATE SKIP LOCKED);
  IF FOUND THEN
    PERFORM codemint.wake('codemint_control', '');
  END IF;
END
$$;

-- Microseconds by which two clocks can have drifted apart since p_from: one in a thousand.
CREATE OR REPLACE FUNCTION codemint.clock_drift(p_from timestamptz, p_to timestamptz)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
  RETURN greatest(codemint.microseconds(p_from, p_to), 0) / 1000;
END
$$;

-- How far the API's clock is ahead of the database's, in microseconds. The older the measurement,
-- the wider the range. Returns no row if createdAt is not believed now.
CREATE OR REPLACE FUNCTION codemint.clock_offset(OUT low_us bigint, OUT high_us bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.ahead_at_least_us - d.us, c.ahead_at_most_us + d.us
  FROM codemint.api_clock c
  CROSS JOIN LATERAL (
    SELECT coalesce(codemint.clock_drift(c.measured_at, clock_timestamp()), 0) AS us) d
  WHERE coalesce(c.distrusted_until, '-infinity') <= clock_timestamp()
$$;

-- Records that an answer differed from the API's documents. The worker names places of the documents, so
-- there are few; a ledger that has 300 of them takes no others.
CREATE OR REPLACE FUNCTION codemint.record_difference(p_place text, p_words text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
  IF (SELECT count(*) FROM codemint.observed_facts f
      WHERE f.fact = 'documents' AND (f.subject, f.value) <> (p_place, p_words)) < 300 THEN
    PERFORM codemint.record_fact('documents', p_place, p_words, 1);
  END IF;
END
$$;
