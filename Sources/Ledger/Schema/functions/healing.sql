-- Healing: what is derived is compared with what it derives from, mended and said (protocol, rules 20
-- and 21). Nothing here is needed while codemint alone writes to its tables and the clock only goes
-- forward. But people write to tables, truncate them, restore parts of them, and set clocks back, and
-- then a job must not wait for ever for a call that nobody makes.
--
-- Each row is locked first and counted in a second statement: one statement would count with the
-- snapshot from before the lock. Nothing waits for a lock: what is locked is left for the next time.

-- Compares and mends, at most once in ten seconds for all workers together. Returns a sentence for
-- each thing that was mended; the last are kept in codemint.healing.
CREATE OR REPLACE FUNCTION codemint.heal() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_before timestamptz := (SELECT h.checked_at FROM codemint.healing h);
  v_mended text[];
BEGIN
  UPDATE codemint.healing h SET checked_at = v_now
  WHERE h.only_row IN (
    SELECT s.only_row FROM codemint.healing s
    WHERE (s.checked_at BETWEEN v_now - interval '10 seconds' AND v_now) IS NOT TRUE
    FOR NO KEY UPDATE SKIP LOCKED);
  IF NOT FOUND THEN
    PERFORM FROM codemint.healing h
    WHERE (h.checked_at BETWEEN v_now - interval '10 seconds' AND v_now) IS NOT TRUE
    FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      -- Nothing would ever be mended.
      PERFORM codemint.refuse_silence('healing');
    END IF;
    RETURN '{}';
  END IF;
  v_mended := codemint.cut_future(v_now) || codemint.heal_jobs() || codemint.heal_places()
              || codemint.heal_queues() || codemint.heal_in_flight() || codemint.heal_doubts()
              || codemint.heal_counts() || codemint.heal_sequences();
  IF v_before > v_now + interval '1 second' THEN
    v_mended := v_mended
      || codemint.shift_plans(least(v_before, v_now + interval '100 years') - v_now, v_now);
  END IF;
  v_mended := v_mended || codemint.heal_watches() || codemint.cut_plans(v_now);
  IF cardinality(v_mended) > 0 THEN
    UPDATE codemint.healing h
    SET mended_at = v_now, mended = array_to_string(v_mended[:10], '; ');
    PERFORM codemint.wake('codemint_jobs', '');
  END IF;
  RETURN v_mended;
END
$$;

-- Puts back the row of each table that has one row, and the rows of turns, if somebody has deleted them: without
-- them nothing is claimed, or healed. The daemon's role may not insert there, so this runs with its owner's rights.
CREATE OR REPLACE FUNCTION codemint.restore_rows() RETURNS text[]
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended text[] := '{}';
  v_table  text;
BEGIN
  FOR v_table IN
    SELECT t.name
    FROM (VALUES ('account', (SELECT count(*) FROM codemint.account)),
                 ('healing', (SELECT count(*) FROM codemint.healing)),
                 ('api_clock', (SELECT count(*) FROM codemint.api_clock)),
                 ('cluster_identity', (SELECT count(*) FROM codemint.cluster_identity)),
                 ('retention_progress', (SELECT count(*) FROM codemint.retention_progress)))
      AS t (name, rows)
    WHERE t.rows = 0
  LOOP
    EXECUTE format('INSERT INTO codemint.%I DEFAULT VALUES ON CONFLICT DO NOTHING', v_table);
    v_mended := v_mended || format('the row of %s was gone', v_table);
    IF v_table = 'account' THEN
      -- A job that comes now stands behind the first that waits, not ahead of all.
      UPDATE codemint.account a
      SET turns = ARRAY(
        SELECT coalesce(w.first - 1, 0)
        FROM generate_series(1, 20) AS t (turn)
        LEFT JOIN (SELECT codemint.turn_of(j.priority, j.is_new) AS turn, min(j.queue_position) AS first
                   FROM codemint.jobs j WHERE j.queue_position IS NOT NULL GROUP BY 1) w ON w.turn = t.turn
        ORDER BY t.turn);
    END IF;
  END LOOP;
  INSERT INTO codemint.turns SELECT unnest(enum_range(NULL::codemint.turn)) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    v_mended := v_mended || 'rows of turns were gone'::text;
  END IF;
  RETURN v_mended;
END
$$;
COMMENT ON FUNCTION codemint.restore_rows() IS
  'For the daemon: puts back what a table always has, the row of those that have one row and the rows of turns.';

-- Calls of a reward may await a listing that nobody plans, because its watch was deleted. The watch
-- begins anew: what matters was made since the ledger's last sign of life before it was restored.
CREATE OR REPLACE FUNCTION codemint.heal_watches() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended  text[] := '{}';
  v_reward  codemint.rewards;
  v_context text;
BEGIN
  FOR v_reward IN
    SELECT r.* FROM codemint.rewards r
    WHERE r.awaits_listing AND NOT EXISTS (
      SELECT FROM codemint.reward_watches w
      WHERE w.reward_id = r.reward_id AND w.next_listing_at IS NOT NULL)
    ORDER BY r.reward_id
    LIMIT 1000
    FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    BEGIN
      PERFORM codemint.watch_reward(
        v_reward.reward_id, NULL, 'restore',
        coalesce((SELECT i.last_alive_at - codemint.other_clock() FROM codemint.cluster_identity i),
                 v_reward.created_at));
      PERFORM codemint.check_now();
      v_mended := v_mended || format('reward %s awaited a listing that nobody planned', v_reward.reward_id);
    EXCEPTION
      WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
        PERFORM codemint.note_caught(v_reward.reward_id, 'watch', NULL, SQLSTATE, SQLERRM, v_context);
    END;
  END LOOP;
  RETURN v_mended;
END
$$;

-- Counts calls in flight anew: of each reward, and of the account.
CREATE OR REPLACE FUNCTION codemint.heal_in_flight() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended  text[] := '{}';
  v_wrong   uuid;
  v_counted integer;
  v_true    integer;
  v_context text;
BEGIN
  FOR v_wrong IN
    SELECT r.reward_id
    FROM codemint.rewards r
    LEFT JOIN (SELECT c.reward_id, count(*) AS number FROM codemint.calls c
               WHERE c.state = 'sending' GROUP BY c.reward_id) s ON s.reward_id = r.reward_id
    WHERE r.in_flight <> coalesce(s.number, 0)
    ORDER BY r.reward_id
    LIMIT 1000
  LOOP
    SELECT r.in_flight INTO v_counted FROM codemint.rewards r
    WHERE r.reward_id = v_wrong FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    SELECT count(*) INTO v_true FROM codemint.calls c
    WHERE c.reward_id = v_wrong AND c.state = 'sending';
    CONTINUE WHEN v_counted = v_true;
    BEGIN
      UPDATE codemint.rewards r SET in_flight = v_true WHERE r.reward_id = v_wrong;
      PERFORM codemint.check_now();
      v_mended := v_mended || format('reward %s: %s calls in flight, not %s', v_wrong, v_true, v_counted);
    EXCEPTION
      WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
        PERFORM codemint.note_caught(v_wrong, 'claim', NULL, SQLSTATE, SQLERRM, v_context);
    END;
  END LOOP;
  PERFORM FROM codemint.account a
  WHERE a.in_flight <> (SELECT count(*) FROM codemint.calls c WHERE c.state = 'sending');
  IF FOUND THEN
    SELECT a.in_flight INTO v_counted FROM codemint.account a FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      SELECT count(*) INTO v_true FROM codemint.calls c WHERE c.state = 'sending';
      IF v_counted <> v_true THEN
        UPDATE codemint.account a SET in_flight = v_true;
        v_mended := v_mended || format('account: %s calls in flight, not %s', v_true, v_counted);
      END IF;
    END IF;
  END IF;
  RETURN v_mended;
END
$$;

-- What a job has, as the columns issued and surplus say it.
CREATE OR REPLACE FUNCTION codemint.count_codes(p_job bigint, OUT issued integer, OUT surplus integer)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT (count(*) FILTER (WHERE NOT k.surplus))::integer, (count(*) FILTER (WHERE k.surplus))::integer
  FROM codemint.codes k WHERE k.job_id = p_job
$$;

-- Counts anew what is out for open jobs.
CREATE OR REPLACE FUNCTION codemint.heal_jobs() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended text[] := '{}';
  v_wrong  record;
  v_job    codemint.jobs;
  v_true   integer;
BEGIN
  FOR v_wrong IN
    SELECT j.id, j.reward_id
    FROM codemint.jobs j
    LEFT JOIN (SELECT o.job_id, sum(o.outstanding) AS number
               FROM (SELECT c.job_id, c.outstanding FROM codemint.calls c WHERE c.state = 'sending'
                     UNION ALL
                     SELECT c.job_id, c.outstanding FROM codemint.calls c
                     WHERE c.state = 'in_doubt') o
               GROUP BY o.job_id) s ON s.job_id = j.id
    WHERE j.state IN ('running', 'ending') AND j.outstanding <> coalesce(s.number, 0)
    ORDER BY j.id
    LIMIT 1000
  LOOP
    v_job := codemint.lock_to_heal(v_wrong.id, v_wrong.reward_id);
    CONTINUE WHEN v_job.id IS NULL OR v_job.state NOT IN ('running', 'ending');
    SELECT coalesce(sum(c.outstanding), 0) INTO v_true
    FROM codemint.calls c WHERE c.job_id = v_job.id;
    CONTINUE WHEN v_true = v_job.outstanding;
    IF codemint.save_healed(codemint.recount_job(v_job, 0)) THEN
      v_mended := v_mended || format('job %s: %s codes are out, not %s', v_job.id, v_true,
                                     v_job.outstanding);
    END IF;
  END LOOP;
  RETURN v_mended;
END
$$;

-- Compares what open jobs, and jobs that can be retried, have counted of their codes with the codes: a
-- thousand jobs at a time, but no more after 20,000 codes. A completed job has what it asked for, by its
-- constraint. A settlement stores codes and counts them under the reward's lock, so under that lock the two
-- agree.
CREATE OR REPLACE FUNCTION codemint.heal_counts() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended text[] := '{}';
  v_after  bigint := (SELECT h.next_job FROM codemint.healing h);
  v_last   bigint;
  v_read   bigint := 0;
  v_next   record;
  v_job    codemint.jobs;
  v_true   codemint.jobs;
BEGIN
  FOR v_next IN
    SELECT j.id, j.reward_id, j.state <> 'completed' AND j.started_at IS NOT NULL AS matters,
           j.issued, j.surplus, j.finished_at IS NOT NULL AND j.sync_done_at IS NULL AS may_be_synced
    FROM codemint.jobs j WHERE j.id > v_after ORDER BY j.id LIMIT 1000
  LOOP
    v_last := v_next.id;
    IF v_next.may_be_synced AND codemint.heal_sync(v_next.id, v_next.reward_id) THEN
      v_mended := v_mended || format('job %s: nobody was told that its codes wait for no other system', v_next.id);
    END IF;
    CONTINUE WHEN NOT v_next.matters;
    v_read := v_read + v_next.issued + v_next.surplus;
    IF (v_next.issued, v_next.surplus) IS DISTINCT FROM codemint.count_codes(v_next.id) THEN
      v_job := codemint.lock_to_heal(v_next.id, v_next.reward_id);
      CONTINUE WHEN v_job.id IS NULL OR v_job.state = 'completed';
      v_true := codemint.recount_job(v_job, 0);
      -- Fewer codes than were counted: somebody has deleted some. Nobody buys them a second time for that.
      CONTINUE WHEN v_true.issued < v_job.issued;
      IF (v_true.issued, v_true.surplus) IS DISTINCT FROM (v_job.issued, v_job.surplus)
         AND codemint.save_healed(v_true) THEN
        v_mended := v_mended || format('job %s: %s codes and %s surplus, not %s and %s', v_job.id,
                                       v_true.issued, v_true.surplus, v_job.issued, v_job.surplus);
      END IF;
    END IF;
    EXIT WHEN v_read > 20000;
  END LOOP;
  UPDATE codemint.healing h SET next_job = coalesce(v_last, 0);
  RETURN v_mended;
END
$$;

-- Records that no code of a job that has ended waits for another system, if that is so and nobody has said it: as
-- when the trigger that does was disabled. While a pass over the reward is planned or under way it is the end of
-- the pass that says so. A row that cannot be written stays as it is. Returns whether it was written.
CREATE OR REPLACE FUNCTION codemint.heal_sync(p_job bigint, p_reward uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job     codemint.jobs;
  v_context text;
BEGIN
  IF NOT codemint.is_sync_final(p_job, p_reward) OR EXISTS (
       SELECT FROM codemint.tracked_rewards t
       WHERE t.reward_id = p_reward AND t.next_pass_at IS NOT NULL) THEN
    RETURN false;
  END IF;
  v_job := codemint.lock_to_heal(p_job, p_reward);
  IF v_job.finished_at IS NULL OR v_job.sync_done_at IS NOT NULL THEN
    RETURN false;
  END IF;
  UPDATE codemint.jobs j SET sync_done_at = clock_timestamp(), updated_at = clock_timestamp() WHERE j.id = p_job;
  PERFORM codemint.check_now();
  PERFORM codemint.wake('codemint_sync_done', p_job::text);
  RETURN true;
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    IF codemint.concerns_all(SQLSTATE, v_context) THEN
      RAISE;
    END IF;
    RETURN false;
END
$$;

-- Closes rewards that have a call in doubt and are open: nobody would list them, and codes would be asked
-- for that may exist. (A reward that is closed without a doubt is opened by who takes it, take_doubt.)
CREATE OR REPLACE FUNCTION codemint.heal_doubts() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended text[] := '{}';
  v_wrong  uuid;
BEGIN
  FOR v_wrong IN
    SELECT DISTINCT c.reward_id
    FROM codemint.calls c LEFT JOIN codemint.rewards r ON r.reward_id = c.reward_id
    WHERE c.state = 'in_doubt' AND c.held_at IS NULL AND r.closed_at IS NULL
    ORDER BY c.reward_id
    LIMIT 1000
  LOOP
    -- Somebody may have deleted the row: it is made again.
    CONTINUE WHEN (codemint.try_reward(v_wrong)).reward_id IS NULL;
    UPDATE codemint.rewards r SET closed_at = clock_timestamp(), reconcile_at = NULL
    WHERE r.reward_id = v_wrong AND r.closed_at IS NULL AND codemint.has_open_doubt(v_wrong);
    IF FOUND THEN
      v_mended := v_mended || format('reward %s was open with a call in doubt', v_wrong);
    END IF;
  END LOOP;
  RETURN v_mended;
END
$$;

-- Gives a place to jobs that could take a call and have none.
CREATE OR REPLACE FUNCTION codemint.heal_places() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended text[] := '{}';
  v_wrong  record;
  v_job    codemint.jobs;
BEGIN
  FOR v_wrong IN
    SELECT j.id, j.reward_id FROM codemint.jobs j
    WHERE j.state IN ('queued', 'running') AND NOT j.paused AND NOT j.held
      AND NOT j.awaits_approval AND j.issued + j.outstanding < j.count
      AND NOT j.is_new AND j.queue_position IS NULL AND j.next_call_at IS NULL
    ORDER BY j.id
    LIMIT 1000
  LOOP
    v_job := codemint.lock_to_heal(v_wrong.id, v_wrong.reward_id);
    CONTINUE WHEN v_job.id IS NULL OR v_job.next_call_at IS NOT NULL;
    IF codemint.save_healed(v_job) THEN
      v_mended := v_mended || format('job %s had no place in the queue', v_job.id);
    END IF;
  END LOOP;
  RETURN v_mended;
END
$$;

-- Locks a job, after its reward, to mend it. All fields are null if somebody has locked either.
CREATE OR REPLACE FUNCTION codemint.lock_to_heal(p_job bigint, p_reward uuid) RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs;
BEGIN
  IF (codemint.try_reward(p_reward)).reward_id IS NOT NULL THEN
    SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job FOR NO KEY UPDATE SKIP LOCKED;
  END IF;
  RETURN v_job;
END
$$;

-- Saves a job that was mended, in the place where it belongs. If the row cannot be written, it stays
-- as it is: one row must not keep the others from being mended. Returns whether it was written.
CREATE OR REPLACE FUNCTION codemint.save_healed(p_job codemint.jobs) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_context text;
BEGIN
  p_job := codemint.place_job(codemint.conclude_job(p_job, NULL, NULL), interval '0');
  PERFORM codemint.save_job(p_job, false);
  PERFORM codemint.requeue_job(p_job);
  PERFORM codemint.check_now();
  RETURN true;
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    IF codemint.concerns_all(SQLSTATE, v_context) THEN
      RAISE;
    END IF;
    RETURN false;
END
$$;

-- Finds jobs in the queue of which their reward does not know, reward by reward: 500 of those that
-- have any, at a time.
CREATE OR REPLACE FUNCTION codemint.heal_queues() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
  c_slice   constant integer := 500;
  v_mended  text[] := '{}';
  v_after   uuid := (SELECT h.next_reward FROM codemint.healing h);
  v_rewards uuid[];
  v_reward  codemint.rewards;
  v_wrong   uuid;
BEGIN
  WITH RECURSIVE new (reward_id) AS (
    (SELECT j.reward_id FROM codemint.jobs j WHERE j.is_new AND j.reward_id > v_after
     ORDER BY j.reward_id LIMIT 1)
    UNION ALL
    SELECT (SELECT j.reward_id FROM codemint.jobs j WHERE j.is_new AND j.reward_id > n.reward_id
            ORDER BY j.reward_id LIMIT 1)
    FROM new n WHERE n.reward_id IS NOT NULL
  ), placed (reward_id) AS (
    (SELECT j.reward_id FROM codemint.jobs j
     WHERE j.queue_position IS NOT NULL AND NOT j.is_new AND j.reward_id > v_after
     ORDER BY j.reward_id LIMIT 1)
    UNION ALL
    SELECT (SELECT j.reward_id FROM codemint.jobs j
            WHERE j.queue_position IS NOT NULL AND NOT j.is_new AND j.reward_id > p.reward_id
            ORDER BY j.reward_id LIMIT 1)
    FROM placed p WHERE p.reward_id IS NOT NULL
  )
  SELECT array_agg(o.reward_id ORDER BY o.reward_id) INTO v_rewards
  FROM (SELECT u.reward_id
        FROM ((SELECT n.reward_id FROM new n LIMIT c_slice)
              UNION
              (SELECT p.reward_id FROM placed p LIMIT c_slice)) u
        WHERE u.reward_id IS NOT NULL
        ORDER BY u.reward_id LIMIT c_slice) o;
  UPDATE codemint.healing h
  SET next_reward = CASE WHEN cardinality(v_rewards) = c_slice THEN v_rewards[c_slice]
                         ELSE '00000000-0000-0000-0000-000000000000' END;
  FOR v_wrong IN
    SELECT s.reward_id
    FROM unnest(v_rewards) AS s (reward_id)
    LEFT JOIN codemint.rewards r ON r.reward_id = s.reward_id
    LEFT JOIN LATERAL (
      SELECT j.priority FROM codemint.jobs j WHERE j.reward_id = s.reward_id AND j.is_new
      ORDER BY j.priority LIMIT 1) n ON true
    LEFT JOIN LATERAL (
      SELECT j.priority FROM codemint.jobs j
      WHERE j.reward_id = s.reward_id AND j.queue_position IS NOT NULL AND NOT j.is_new
      ORDER BY j.priority LIMIT 1) q ON true
    WHERE (r.queue_priority IS DISTINCT FROM least(n.priority, q.priority)
           OR (r.new_job IS NULL) = (n.priority = least(n.priority, q.priority)) IS TRUE
           OR (r.queue_head IS NULL) = (q.priority = least(n.priority, q.priority)) IS TRUE)
      AND NOT EXISTS (SELECT FROM codemint.pending_placements p WHERE p.reward_id = s.reward_id)
  LOOP
    v_reward := codemint.try_reward(v_wrong);
    CONTINUE WHEN v_reward.reward_id IS NULL;
    CONTINUE WHEN NOT codemint.try_refresh_queue(v_wrong);
    PERFORM FROM codemint.rewards r
    WHERE r.reward_id = v_wrong AND (r.queue_priority, r.new_job, r.queue_head)
          IS DISTINCT FROM (v_reward.queue_priority, v_reward.new_job, v_reward.queue_head);
    IF FOUND THEN
      v_mended := v_mended || format('reward %s did not know the head of its queue', v_wrong);
    END IF;
  END LOOP;
  RETURN v_mended;
END
$$;

-- A moment, but none later than p_most. Null stays null, which it would not with least().
CREATE OR REPLACE FUNCTION codemint.cut_moment(p_moment timestamptz, p_most timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN p_moment > p_most THEN p_most ELSE p_moment END
$$;

-- The length that a row carries, as far as it can be true: no pause and no lease is longer than an hour.
-- Somebody may have written a moment without its length, or with one of a thousand years.
CREATE OR REPLACE FUNCTION codemint.true_length(p_length interval) RETURNS interval
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT least(coalesce(p_length, '0'), interval '1 hour')
$$;

-- How long after its claim a call can take effect at most.
CREATE OR REPLACE FUNCTION codemint.effect_length(p_call codemint.calls) RETURNS interval
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT codemint.true_length(p_call.lease) + codemint.true_length(p_call.api_timeout)
         + codemint.true_length(p_call.listing_gap)
$$;

-- Cuts moments that are further ahead than the length which their own row carries, to now and that
-- length: the clock was set back since. A second is allowed for clocks that are corrected slowly.
CREATE OR REPLACE FUNCTION codemint.cut_future(p_now timestamptz) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c_slack  constant interval := interval '1 second';
  -- Three times the longest lease, which is the longest time between two heartbeats.
  c_life   constant interval := interval '3 hours';
  v_mended text[];
BEGIN
  v_mended := codemint.cut_account(p_now + c_slack, p_now) || codemint.cut_rewards(p_now + c_slack, p_now);
  WITH cut AS (
    UPDATE codemint.calls c
    SET lease_expires_at = codemint.cut_moment(
          c.lease_expires_at, p_now + codemint.true_length(c.lease)),
        effective_until = codemint.cut_moment(c.effective_until, p_now + codemint.effect_length(c))
    WHERE c.id = ANY (ARRAY(
      SELECT o.id FROM codemint.calls o
      WHERE o.state = 'sending' AND o.lease_expires_at > p_now + c_slack + codemint.true_length(o.lease)
      FOR NO KEY UPDATE SKIP LOCKED))
       OR c.id = ANY (ARRAY(
      SELECT o.id FROM codemint.calls o
      WHERE o.state = 'in_doubt'
        AND o.effective_until > p_now + c_slack + codemint.effect_length(o)
      FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING c.id
  )
  SELECT v_mended || array_agg(format('call %s: its lease was too far ahead', c.id))
    INTO v_mended FROM cut c;
  WITH cut AS (
    -- Who lives says so again long before a minute has passed.
    UPDATE codemint.workers w
    SET expires_at = p_now + CASE
          WHEN isfinite(w.seen_at) AND w.expires_at < w.seen_at + c_life THEN w.expires_at - w.seen_at
          ELSE interval '1 minute' END,
        seen_at = codemint.cut_moment(w.seen_at, p_now)
    WHERE w.id = ANY (ARRAY(
      SELECT o.id FROM codemint.workers o
      WHERE o.seen_at > p_now + c_slack OR o.expires_at > p_now + c_slack + c_life
      FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING w.id
  )
  SELECT v_mended || array_agg(format('worker %s: its sign of life was in the future', c.id))
    INTO v_mended FROM cut c;
  RETURN coalesce(array_remove(v_mended, NULL), '{}') || codemint.cut_jobs(p_now + c_slack, p_now);
END
$$;

-- Cuts the pauses and leases of rewards. p_most is now and the slack.
CREATE OR REPLACE FUNCTION codemint.cut_rewards(p_most timestamptz, p_now timestamptz) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended  text[] := '{}';
  v_reward  uuid;
  v_context text;
BEGIN
  FOR v_reward IN
    SELECT o.reward_id FROM codemint.rewards o
    WHERE o.paused_until > p_most + codemint.true_length(o.paused_for)
       OR o.reconcile_at > p_most + codemint.true_length(o.reconcile_for)
       OR o.reconciler_until > p_most + codemint.true_length(o.reconciler_for)
       OR o.passed_over_until > p_most
    LIMIT 1000
    FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    BEGIN
      UPDATE codemint.rewards r
      SET paused_until = codemint.cut_moment(r.paused_until, p_now + codemint.true_length(r.paused_for)),
          reconcile_at = codemint.cut_moment(r.reconcile_at, p_now + codemint.true_length(r.reconcile_for)),
          reconciler_until = codemint.cut_moment(r.reconciler_until, p_now + codemint.true_length(r.reconciler_for)),
          passed_over_until = NULL
      WHERE r.reward_id = v_reward;
      PERFORM codemint.check_now();
      v_mended := v_mended || format('reward %s: its pause or lease was too far ahead', v_reward);
    EXCEPTION
      WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
        PERFORM codemint.note_caught(v_reward, 'claim', NULL, SQLSTATE, SQLERRM, v_context);
    END;
  END LOOP;
  RETURN v_mended;
END
$$;

-- Cuts the pauses of jobs. p_most is now and the slack. A row that cannot be written stays as it is.
CREATE OR REPLACE FUNCTION codemint.cut_jobs(p_most timestamptz, p_now timestamptz) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mended  text[] := '{}';
  v_job     codemint.jobs;
  v_context text;
BEGIN
  FOR v_job IN
    SELECT * FROM codemint.jobs o
    WHERE o.next_call_at > o.run_at AND NOT o.is_new AND o.queue_position IS NULL
      AND o.next_call_at > p_most
      AND o.next_call_at > greatest(o.run_at, p_most + codemint.longest_pause(o))
    LIMIT 1000
    FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    BEGIN
      UPDATE codemint.jobs j SET next_call_at = greatest(j.run_at, p_now + codemint.longest_pause(j))
      WHERE j.id = v_job.id;
      PERFORM codemint.check_now();
      v_mended := v_mended || format('job %s: its pause was too far ahead', v_job.id);
    EXCEPTION
      WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
        IF codemint.concerns_all(SQLSTATE, v_context) THEN
          RAISE;
        END IF;
    END;
  END LOOP;
  RETURN v_mended;
END
$$;

-- Plans for watches, sync passes and resyncs carry no length: they are up to a day ahead, and hold up no
-- call, but for a reward that has to be listed first. They come forward by as much as the clock went
-- back since the last comparison, and say so once.
CREATE OR REPLACE FUNCTION codemint.shift_plans(p_back interval, p_now timestamptz) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_shifted integer := 0;
  v_number  integer;
BEGIN
  UPDATE codemint.reward_watches w SET next_listing_at = greatest(w.next_listing_at - p_back, p_now)
  WHERE w.reward_id = ANY (ARRAY(
    SELECT o.reward_id FROM codemint.reward_watches o WHERE o.next_listing_at > p_now
    FOR NO KEY UPDATE SKIP LOCKED));
  GET DIAGNOSTICS v_number = ROW_COUNT;
  v_shifted := v_shifted + v_number;
  UPDATE codemint.tracked_rewards t
  SET next_pass_at = greatest(t.next_pass_at - p_back, p_now), worker_until = t.worker_until - p_back
  WHERE t.reward_id = ANY (ARRAY(
    SELECT o.reward_id FROM codemint.tracked_rewards o
    WHERE o.next_pass_at > p_now OR o.worker_until > p_now
    FOR NO KEY UPDATE SKIP LOCKED));
  GET DIAGNOSTICS v_number = ROW_COUNT;
  v_shifted := v_shifted + v_number;
  UPDATE codemint.resyncs r SET next_at = greatest(r.next_at - p_back, p_now)
  WHERE (r.reward_id, r.system) IN (
    SELECT o.reward_id, o.system FROM codemint.resyncs o WHERE o.next_at > p_now
    FOR NO KEY UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_number = ROW_COUNT;
  v_shifted := v_shifted + v_number;
  RETURN CASE WHEN v_shifted > 0 THEN ARRAY[format(
    'the clock was set back by %s: %s plan(s) to list or ask again came forward', p_back, v_shifted)]
    ELSE '{}' END;
END
$$;

-- Plans are made for up to a day ahead: a plan for later is nobody's.
CREATE OR REPLACE FUNCTION codemint.cut_plans(p_now timestamptz) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  c_most   constant timestamptz := p_now + interval '1 day 1 second';
  v_mended text[] := '{}';
  v_number integer;
BEGIN
  UPDATE codemint.reward_watches w SET next_listing_at = p_now
  WHERE w.reward_id = ANY (ARRAY(
    SELECT o.reward_id FROM codemint.reward_watches o WHERE o.next_listing_at > c_most
    FOR NO KEY UPDATE SKIP LOCKED));
  GET DIAGNOSTICS v_number = ROW_COUNT;
  IF v_number > 0 THEN
    v_mended := v_mended || format('%s listing(s) were planned for later than a day ahead', v_number);
  END IF;
  UPDATE codemint.tracked_rewards t
  SET next_pass_at = CASE WHEN t.next_pass_at > c_most THEN p_now ELSE t.next_pass_at END,
      worker_until = codemint.cut_moment(t.worker_until, p_now + codemint.true_length('1 hour'))
  WHERE t.reward_id = ANY (ARRAY(
    SELECT o.reward_id FROM codemint.tracked_rewards o
    WHERE o.next_pass_at > c_most OR o.worker_until > c_most
    FOR NO KEY UPDATE SKIP LOCKED));
  GET DIAGNOSTICS v_number = ROW_COUNT;
  IF v_number > 0 THEN
    v_mended := v_mended || format('%s sync pass(es) were planned for later than a day ahead', v_number);
  END IF;
  UPDATE codemint.resyncs r SET next_at = p_now
  WHERE (r.reward_id, r.system) IN (
    SELECT o.reward_id, o.system FROM codemint.resyncs o WHERE o.next_at > c_most
    FOR NO KEY UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_number = ROW_COUNT;
  IF v_number > 0 THEN
    v_mended := v_mended || format('%s resync(s) were planned for later than a day ahead', v_number);
  END IF;
  RETURN v_mended;
END
$$;

-- How far ahead the next slot can be: a whole burst at the lowest pace, after a pause.
CREATE OR REPLACE FUNCTION codemint.slot_length(p_account codemint.account) RETURNS interval
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT least(coalesce(p_account.next_slot_for, '0'), interval '1 hour' + interval '1 second'
    * coalesce((p_account.burst + 2) * 1.01 / codemint.least_pace(p_account), 0))
$$;

-- Cuts the moments of the account. p_most is now and the slack.
CREATE OR REPLACE FUNCTION codemint.cut_account(p_most timestamptz, p_now timestamptz)
RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM codemint.account a
  WHERE a.next_slot_at > p_most + codemint.slot_length(a)
     OR a.paused_until > p_most + codemint.true_length(a.paused_for)
     OR a.probe_at > greatest(codemint.next_probe(p_most), a.paused_until)
     OR a.upgrading_until > p_most + interval '10 seconds'
     OR a.sync_slot_at > greatest(p_most, a.next_slot_at)
     OR greatest(a.pace_at, a.failed_at, a.proven_at) > p_most
  FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN '{}';
  END IF;
  UPDATE codemint.account a
  SET next_slot_at = codemint.cut_moment(a.next_slot_at, p_now + codemint.slot_length(a)),
      next_slot_for = codemint.slot_length(a),
      paused_until = codemint.cut_moment(a.paused_until, p_now + codemint.true_length(a.paused_for)),
      pace_at = codemint.cut_moment(a.pace_at, p_now),
      failed_at = codemint.cut_moment(a.failed_at, p_now),
      proven_at = codemint.cut_moment(a.proven_at, p_now);
  UPDATE codemint.account a
  SET probe_at = codemint.cut_moment(a.probe_at, greatest(codemint.next_probe(p_now), a.paused_until)),
      upgrading_until = codemint.cut_moment(a.upgrading_until, p_now + interval '10 seconds'),
      sync_slot_at = codemint.cut_moment(a.sync_slot_at, greatest(p_now, a.next_slot_at));
  RETURN ARRAY['account: a slot or a pause was too far ahead, as after the clock was set back'];
END
$$;

-- The longest pause that a job takes after so many answers without progress (take_answer), or while the database
-- refuses its calls (put_off).
CREATE OR REPLACE FUNCTION codemint.longest_pause(p_job codemint.jobs) RETURNS interval
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN CASE WHEN p_job.unclaimable_since IS NOT NULL THEN interval '1 minute'
              ELSE interval '1 microsecond' * codemint.backoff_ceiling(
                '500 milliseconds', '1 minute', greatest(p_job.answers_without_progress, 1)) END;
END
$$;
