-- What is known for sure of the API: what clean answers teach, and how far that can be believed now.

-- The earliest of these moments; null if one is not known.
CREATE FUNCTION codemint.earliest(p_moments timestamptz[]) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT min(m.moment) FROM unnest(p_moments) AS m (moment)
  WHERE array_position(p_moments, NULL) IS NULL
$$;

-- What a clean answer teaches of the API's clock: createdAt lies between the moment of sending and
-- now, so the earliest and the latest narrow down how far that clock is ahead. An answer that lacks
-- one, or contradicts what was learnt before, makes createdAt unbelievable for a day; both ends drift
-- apart by one in a thousand.
CREATE FUNCTION codemint.learn_offset(
  p_account codemint.accounts, p_sent timestamptz, p_first timestamptz, p_last timestamptz
) RETURNS codemint.accounts
LANGUAGE plpgsql
AS $$
DECLARE
  v_now   timestamptz := clock_timestamp();
  v_low   bigint := extract(epoch FROM p_last - v_now) * 1000000;
  v_high  bigint := extract(epoch FROM p_first - p_sent) * 1000000;
  v_drift bigint := codemint.microseconds(p_account.offset_measured_at, v_now) / 1000 + 1000;
BEGIN
  IF p_sent IS NULL THEN
    -- A failover lost the claim, and with it the moment of sending.
    RETURN p_account;
  END IF;
  IF (v_low <= v_high) IS NOT TRUE THEN
    p_account.offset_distrusted_until := v_now + interval '1 day';
    p_account.offset_low_us := NULL;
    p_account.offset_high_us := NULL;
  ELSIF p_account.offset_low_us IS NULL THEN
    p_account.offset_low_us := v_low;
    p_account.offset_high_us := v_high;
  ELSE
    p_account.offset_low_us := greatest(p_account.offset_low_us - v_drift, v_low);
    p_account.offset_high_us := least(p_account.offset_high_us + v_drift, v_high);
    IF p_account.offset_low_us > p_account.offset_high_us THEN
      p_account.offset_distrusted_until := v_now + interval '1 day';
      p_account.offset_low_us := v_low;
      p_account.offset_high_us := v_high;
    END IF;
  END IF;
  p_account.offset_measured_at := v_now;
  RETURN p_account;
END
$$;

-- How far two clocks can have drifted apart since p_from, in microseconds: by one in a thousand.
CREATE FUNCTION codemint.clock_drift(p_from timestamptz, p_to timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT greatest(codemint.microseconds(p_from, p_to), 0) / 1000
$$;

-- How far the API's clock is ahead of this one, in microseconds, less surely the longer ago it was
-- measured; null if its createdAt is not
-- believed now.
CREATE FUNCTION codemint.clock_offset(OUT low_us bigint, OUT high_us bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT a.offset_low_us - d.us, a.offset_high_us + d.us
  FROM codemint.accounts a
  CROSS JOIN LATERAL (
    SELECT coalesce(codemint.clock_drift(a.offset_measured_at, clock_timestamp()), 0) AS us) d
  WHERE a.name = 'default'
    AND coalesce(a.offset_distrusted_until, '-infinity') <= clock_timestamp()
$$;

-- Stores an answer with codes among its own that are known, or with more of them than there is room
-- for. The other answers, which is nearly all, go the way of store_new_codes.
CREATE FUNCTION codemint.store_among_known(
  p_job bigint, p_call uuid, p_reward uuid, p_room integer,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[],
  OUT issued integer, OUT surplus integer, OUT returned integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_returned uuid[];
BEGIN
  returned := 0;
  -- Only where more came than there is room for must the new ones be told from the known first.
  WITH shown AS (
    SELECT s.*, CASE WHEN cardinality(p_ids) > p_room
                     THEN row_number() OVER (PARTITION BY k.id IS NULL ORDER BY s.place)
                     ELSE 0 END AS rank
    FROM unnest(p_ids, p_codes, p_statuses, p_sync, p_external, p_created, p_expires, p_updated)
      WITH ORDINALITY
      AS s (id, code, status, sync, external, created, expires, updated, place)
    LEFT JOIN codemint.codes k ON cardinality(p_ids) > p_room AND k.id = s.id
  ), stored AS (
    INSERT INTO codemint.codes AS c
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, surplus,
       created_at, expires_at, updated_at, synced_at)
    SELECT s.id, p_job, p_call, p_reward, s.code, s.status, s.sync, s.external, s.rank > p_room,
           s.created, s.expires, s.updated, CASE WHEN s.sync = 'synced' THEN clock_timestamp() END
    FROM shown s
    ORDER BY s.place
    ON CONFLICT (id) DO NOTHING
    RETURNING c.surplus
  )
  SELECT count(*) FILTER (WHERE NOT s.surplus), count(*) FILTER (WHERE s.surplus)
    INTO issued, surplus
  FROM stored s;

  IF issued + surplus < cardinality(p_ids) AND p_room > issued THEN
    v_returned := ARRAY(
      SELECT c.id FROM codemint.codes c
      WHERE c.id = ANY (p_ids) AND c.surplus AND c.reward_id = p_reward
        AND (c.call_id IS NULL OR c.call_id = p_call)
      ORDER BY c.id
      LIMIT p_room - issued);
    returned := cardinality(v_returned);
    UPDATE codemint.jobs j
    SET surplus = j.surplus - t.number
    FROM (SELECT c.job_id, count(*)::integer AS number FROM codemint.codes c
          WHERE c.id = ANY (v_returned) GROUP BY c.job_id) t
    WHERE j.id = t.job_id;
    UPDATE codemint.codes c
    SET surplus = false, job_id = p_job, call_id = p_call
    WHERE c.id = ANY (v_returned);
  END IF;
END
$$;

COMMENT ON FUNCTION codemint.store_among_known IS
  'Inserts codes of which some are known, or more than there is room for.';
COMMENT ON FUNCTION codemint.earliest IS 'The earliest of these moments; null if one is not known.';
COMMENT ON FUNCTION codemint.learn_offset IS 'What a clean answer teaches of the API''s clock.';
COMMENT ON FUNCTION codemint.clock_drift IS
  'How far two clocks can have drifted apart in that time, in microseconds.';
COMMENT ON FUNCTION codemint.clock_offset IS
  'How far the API''s clock is ahead of this one, in microseconds; no row if it is not believed.';
