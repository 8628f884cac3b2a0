-- Facts: what clean answers have shown about the API, and how far to believe that now.

-- Records what a clean answer shows about its reward: two codes that every fresh listing has to
-- show, and whether codes begin with the prefix asked for. One answer to the contrary decides that
-- they do not.
CREATE OR REPLACE FUNCTION codemint.record_facts(
  p_reward codemint.rewards, p_facts codemint.answer_facts
) RETURNS codemint.rewards
LANGUAGE plpgsql
AS $$
BEGIN
  p_reward.newest_known := p_facts.newest;
  IF p_facts.prefix_literal IS NOT NULL AND p_reward.prefix_literal IS DISTINCT FROM false THEN
    p_reward.prefix_literal := p_facts.prefix_literal;
  END IF;
  RETURN p_reward;
END
$$;

-- Records what a clean answer shows about the API's clock. Each createdAt lies between the time of
-- sending and now, so the earliest and the latest limit how far the API's clock is ahead. If a code
-- has no createdAt, or the answer contradicts earlier answers, createdAt is not believed for a day.
-- The range widens by one microsecond in a thousand. Nearly all answers show nothing new, and then
-- nothing is written.
CREATE OR REPLACE FUNCTION codemint.record_clock_offset(
  p_sent_at timestamptz, p_first timestamptz, p_last timestamptz
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_least  bigint := extract(epoch FROM p_last - v_now) * 1000000;
  v_most   bigint := extract(epoch FROM p_first - p_sent_at) * 1000000;
  v_clock  codemint.api_clock;
  v_agrees boolean := v_least <= v_most;
  v_drift  bigint;
BEGIN
  IF p_sent_at IS NULL THEN
    -- A failover lost the claim, and with it the time of sending.
    RETURN;
  END IF;
  SELECT c.* INTO v_clock FROM codemint.api_clock c;
  IF v_agrees AND v_least <= v_clock.ahead_at_least_us AND v_most >= v_clock.ahead_at_most_us THEN
    RETURN;
  END IF;
  SELECT c.* INTO v_clock FROM codemint.api_clock c FOR UPDATE;
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
END
$$;

-- Microseconds by which two clocks can have drifted apart since p_from: one in a thousand.
CREATE OR REPLACE FUNCTION codemint.clock_drift(p_from timestamptz, p_to timestamptz)
RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT greatest(codemint.microseconds(p_from, p_to), 0) / 1000
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
