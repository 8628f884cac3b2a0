-- What is known for sure of the API: what clean answers teach, and how far that can be believed now.

-- What a clean answer teaches of its reward: codes that every fresh listing shows from now on, and
-- whether a prefix is literally what codes begin with. One answer to the contrary settles that.
CREATE FUNCTION codemint.learn_from_answer(
  p_reward codemint.rewards, p_prefix text, p_ids uuid[], p_codes text[]
) RETURNS codemint.rewards
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  p_reward.newest_known := ARRAY[p_ids[1], p_ids[cardinality(p_ids)]];
  IF p_prefix IS NOT NULL AND p_reward.prefix_literal IS DISTINCT FROM false THEN
    p_reward.prefix_literal := (
      SELECT bool_and(starts_with(c.code, p_prefix)) FROM unnest(p_codes) AS c (code));
  END IF;
  RETURN p_reward;
END
$$;

-- What a clean answer teaches of the API's clock: createdAt lies between the moment of sending and
-- now, so it narrows down how far that clock is ahead. An answer that contradicts what was learnt
-- before makes createdAt unbelievable for a day; both ends drift apart by one in a thousand.
CREATE FUNCTION codemint.learn_offset(p_sent timestamptz, p_created timestamptz[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_low     bigint;
  v_high    bigint;
  v_account codemint.accounts;
  v_drift   bigint;
BEGIN
  IF p_sent IS NULL THEN
    -- A failover lost the claim, and with it the moment of sending.
    RETURN;
  END IF;
  SELECT (extract(epoch FROM max(c.created) - v_now) * 1000000)::bigint,
         (extract(epoch FROM min(c.created) - p_sent) * 1000000)::bigint
    INTO v_low, v_high
  FROM unnest(p_created) AS c (created);
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  v_drift := codemint.microseconds(v_account.offset_measured_at, v_now) / 1000 + 1000;
  IF v_low IS NULL OR v_high IS NULL OR array_position(p_created, NULL) IS NOT NULL
     OR v_low > v_high THEN
    v_account.offset_distrusted_until := v_now + interval '1 day';
    v_account.offset_low_us := NULL;
    v_account.offset_high_us := NULL;
  ELSIF v_account.offset_low_us IS NULL THEN
    v_account.offset_low_us := v_low;
    v_account.offset_high_us := v_high;
  ELSE
    v_account.offset_low_us := greatest(v_account.offset_low_us - v_drift, v_low);
    v_account.offset_high_us := least(v_account.offset_high_us + v_drift, v_high);
    IF v_account.offset_low_us > v_account.offset_high_us THEN
      v_account.offset_distrusted_until := v_now + interval '1 day';
      v_account.offset_low_us := v_low;
      v_account.offset_high_us := v_high;
    END IF;
  END IF;
  UPDATE codemint.accounts a
  SET offset_low_us = v_account.offset_low_us, offset_high_us = v_account.offset_high_us,
      offset_measured_at = v_now, offset_distrusted_until = v_account.offset_distrusted_until
  WHERE a.name = 'default';
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
COMMENT ON FUNCTION codemint.learn_from_answer IS 'What a clean answer teaches of its reward.';
COMMENT ON FUNCTION codemint.learn_offset IS 'What a clean answer teaches of the API''s clock.';
COMMENT ON FUNCTION codemint.clock_drift IS
  'How far two clocks can have drifted apart in that time, in microseconds.';
COMMENT ON FUNCTION codemint.clock_offset IS
  'How far the API''s clock is ahead of this one, in microseconds; no row if it is not believed.';
