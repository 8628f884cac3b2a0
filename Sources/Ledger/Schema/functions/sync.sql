-- Tracking: a reward is listed again and again until other systems (Shopify, Stripe) have its
-- codes. Each listing is a sync pass, and the pauses between passes grow. Tracking ends when the
-- sync of every code is final or is given up.

-- Tracks a reward from now on, beginning with the first pause again. Called under the reward's lock
-- when codes were stored whose sync is not final.
--
-- p_mark is when the oldest of these codes was made: earlier changes do not matter. If that time is
-- not known, p_mark is null and the whole list is read.
CREATE OR REPLACE FUNCTION codemint.track_codes(p_reward uuid, p_mark timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  INSERT INTO codemint.tracked_rewards AS t (reward_id, next_pass_at, mark)
  VALUES (p_reward, v_now, p_mark)
  ON CONFLICT (reward_id) DO UPDATE
  SET next_pass_at = CASE WHEN t.next_pass_at IS NULL OR t.passes > 0
                          THEN v_now ELSE t.next_pass_at END,
      passes = 0,
      given_up_at = NULL,
      mark = CASE WHEN t.next_pass_at IS NULL THEN p_mark
                  WHEN t.mark IS NOT NULL AND p_mark IS NOT NULL THEN least(t.mark, p_mark) END,
      -- A pass that has already read past the place of the new codes begins anew.
      scan_offset = CASE WHEN p_mark >= t.mark THEN t.scan_offset END
  WHERE t.next_pass_at IS NULL OR t.passes > 0
     OR (t.mark IS NOT NULL AND (p_mark >= t.mark) IS NOT TRUE);
END
$$;

-- Gives a worker the reward whose sync pass has been due longest. The worker has the reward for
-- p_lease, and sync_slot extends that. If no pass is due, wait_us is the time until the next one.
-- p_first is the time from storing a code to the first pass. p_code is the checksum of the
-- functions that the worker was built with (require_code).
CREATE OR REPLACE FUNCTION codemint.take_tracked(
  p_worker uuid, p_lease interval, p_first interval, p_code text,
  OUT reward_id uuid, OUT pass integer, OUT failures integer, OUT mark timestamptz,
  OUT list_order text, OUT scan_offset integer, OUT scan_anchor uuid, OUT scan_newest timestamptz,
  OUT wait_us bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_tracked codemint.tracked_rewards;
BEGIN
  PERFORM codemint.require_code(p_code);
  IF NOT codemint.speaks_to_api(p_worker) THEN
    RETURN;
  END IF;
  LOOP
    SELECT * INTO v_tracked FROM codemint.tracked_rewards t
    WHERE t.next_pass_at <= v_now AND (t.passes > 0 OR t.next_pass_at <= v_now - p_first)
      AND coalesce(t.worker_until, '-infinity') < v_now
      AND NOT codemint.is_refused(t.reward_id, 'sync', v_now)
    ORDER BY t.next_pass_at, t.reward_id
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    EXIT WHEN NOT FOUND OR codemint.try_lend_tracked(v_tracked.reward_id, p_worker, v_now + p_lease);
  END LOOP;
  IF v_tracked.reward_id IS NULL THEN
    SELECT codemint.microseconds(v_now, min(greatest(
             t.next_pass_at + CASE WHEN t.passes = 0 THEN p_first ELSE interval '0' END,
             t.worker_until,
             (SELECT r.retry_at FROM codemint.refused_work r
              WHERE r.reward_id = t.reward_id AND r.work = 'sync'
                AND codemint.is_refused(t.reward_id, 'sync', v_now)))))
      INTO wait_us
    FROM codemint.tracked_rewards t WHERE t.next_pass_at IS NOT NULL;
    RETURN;
  END IF;
  reward_id := v_tracked.reward_id;
  pass := v_tracked.passes + 1;
  failures := v_tracked.failures;
  mark := v_tracked.mark;
  list_order := v_tracked.list_order;
  scan_offset := v_tracked.scan_offset;
  scan_anchor := v_tracked.scan_anchor;
  scan_newest := v_tracked.scan_newest;
END
$$;

-- Gives a tracked reward, which is locked, to a worker. Returns false if the row cannot be written; it is then
-- left alone for a while.
CREATE OR REPLACE FUNCTION codemint.try_lend_tracked(p_reward uuid, p_worker uuid, p_until timestamptz)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_context text;
BEGIN
  UPDATE codemint.tracked_rewards t
  SET worker = p_worker, worker_until = p_until, passes = t.passes + 1
  WHERE t.reward_id = p_reward;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('tracked_rewards');
  END IF;
  PERFORM codemint.check_now();
  RETURN true;
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    PERFORM codemint.note_caught(p_reward, 'sync', p_worker, SQLSTATE, SQLERRM, v_context);
    RETURN false;
END
$$;

-- Takes a slot for a page of a tracked reward, and extends the worker's lease on the reward. While
-- a job is in the queue, at most one slot in ten is given. So generate calls go first, and tracking
-- never stops altogether.
--
-- outcome is 'slot' or 'wait', both with delay_us; 'closed' if the account may not send now; or
-- 'lost' if the worker has lost the reward.
CREATE OR REPLACE FUNCTION codemint.sync_slot(
  p_reward uuid, p_worker uuid, p_lease interval, OUT outcome text, OUT delay_us bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_now  timestamptz := clock_timestamp();
  v_next timestamptz;
BEGIN
  UPDATE codemint.tracked_rewards t SET worker_until = v_now + p_lease
  WHERE t.reward_id = p_reward AND t.worker = p_worker AND t.worker_until >= v_now;
  IF NOT FOUND THEN
    outcome := 'lost';
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM codemint.jobs j WHERE j.queue_position IS NOT NULL) THEN
    SELECT a.sync_slot_at + 10 * (codemint.next_slot(a, v_now)).spacing INTO v_next
    FROM codemint.account a;
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
  UPDATE codemint.account a
  SET sync_slot_at = clock_timestamp() + interval '1 microsecond' * greatest(delay_us, 0);
  UPDATE codemint.tracked_rewards t
  SET worker_until = v_now + p_lease + interval '1 microsecond' * greatest(delay_us, 0)
  WHERE t.reward_id = p_reward;
  outcome := 'slot';
END
$$;

-- Whether a code that is shown with this time of its last change may replace what is known of it. A
-- time that is not shown says nothing, so it never replaces one that is known.
CREATE OR REPLACE FUNCTION codemint.is_newer(p_shown timestamptz, p_known timestamptz)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN p_known IS NULL OR coalesce(p_shown >= p_known, false);
END
$$;

-- Records how a page showed the codes of a tracked reward. One statement writes only rows that
-- differ. A code that is shown with an older change than the known one, or with none, is out of
-- date and is left alone. What is unknown never replaces what is known: a page that shows no
-- externalIds keeps them, and one that shows the same change without expiresAt keeps that. The codes
-- come without their values, which never change.
CREATE OR REPLACE FUNCTION codemint.record_changes(
  p_reward uuid, p_worker uuid, p_codes codemint.received_code[],
  OUT kept boolean, OUT changed integer, OUT unknown integer, OUT raises_watch boolean
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_newest timestamptz;
BEGIN
  changed := 0;
  unknown := 0;
  raises_watch := false;
  -- Whoever stores codes of the reward holds this lock too, and waits for rows of codes meanwhile.
  PERFORM FROM codemint.rewards r WHERE r.reward_id = p_reward FOR NO KEY UPDATE;
  kept := EXISTS (
    SELECT FROM codemint.tracked_rewards t
    WHERE t.reward_id = p_reward AND t.worker = p_worker AND t.worker_until >= v_now);
  IF NOT kept THEN
    RETURN;
  END IF;
  UPDATE codemint.codes c
  SET status = s.status, sync_status = s.sync_status, external_ids = s.external_ids,
      expires_at = s.expires_at, updated_at = s.updated_at,
      synced_at = CASE WHEN s.sync_status = 'synced' THEN coalesce(c.synced_at, v_now)
                       ELSE c.synced_at END
  FROM (SELECT k.id, u.status, u.updated_at,
               CASE WHEN x.is_known THEN k.sync_status ELSE u.sync_status END AS sync_status,
               CASE WHEN x.is_known THEN k.external_ids ELSE u.external_ids END AS external_ids,
               CASE WHEN u.updated_at = k.updated_at
                    THEN coalesce(u.expires_at, k.expires_at) ELSE u.expires_at END AS expires_at
        FROM unnest(p_codes) AS u
        JOIN codemint.codes k ON k.id = u.id
        CROSS JOIN LATERAL (
          SELECT u.external_ids = '{}' AND k.external_ids <> '{}' AS is_known) x
        WHERE k.reward_id = p_reward AND k.purged_at IS NULL
          AND codemint.is_newer(u.updated_at, k.updated_at)) AS s
  WHERE c.id = s.id
    AND (c.status, c.sync_status, c.external_ids, c.expires_at, c.updated_at)
        IS DISTINCT FROM
        (s.status, s.sync_status, s.external_ids, s.expires_at, s.updated_at);
  GET DIAGNOSTICS changed = ROW_COUNT;
  PERFORM codemint.record_tracked_times(p_codes);
  SELECT count(*), CASE WHEN count(*) = count(s.created_at) THEN max(s.created_at) END
    INTO unknown, v_newest
  FROM unnest(p_codes) AS s
  WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = s.id)
    AND NOT EXISTS (SELECT FROM codemint.unattributed_codes u WHERE u.id = s.id)
    AND NOT EXISTS (SELECT FROM codemint.raw_codes w WHERE w.id = s.id);
  IF unknown > 0 THEN
    raises_watch := codemint.watch_for_late_codes(p_reward, v_newest);
  END IF;
END
$$;

-- Records what a page of a pass shows of createdAt in lists, if no page has shown it for an hour. A
-- pass can have thousands of pages.
CREATE OR REPLACE FUNCTION codemint.record_tracked_times(p_codes codemint.received_code[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM codemint.observed_facts f
  WHERE f.fact = 'list_resolution' AND f.subject = ''
    AND f.last_seen_at > clock_timestamp() - interval '1 hour';
  IF NOT FOUND THEN
    PERFORM codemint.record_list_times(p_codes, w.times_agree, w.times_differ, w.times_missing)
    FROM codemint.weigh_witnesses(p_codes) w;
  END IF;
END
$$;

-- Watches a reward once more because a page showed codes that the ledger does not know. This
-- happens only if a call of the reward was judged absent before the codes were made, and no call in
-- flight or in doubt explains the codes. The watch records codes that are then still unknown as
-- surplus. It is begun at most once an hour, because codes that somebody else makes stay unknown.
CREATE OR REPLACE FUNCTION codemint.watch_for_late_codes(p_reward uuid, p_newest timestamptz)
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
    -- The API's clock may differ from the database's.
    AND (p_newest IS NULL OR c.created_at <= p_newest + interval '5 minutes')
  ORDER BY c.created_at, c.id
  LIMIT 1;
  IF v_call IS NULL
     OR NOT EXISTS (
       SELECT FROM codemint.rewards r
       WHERE r.reward_id = p_reward AND r.closed_at IS NULL AND r.in_flight = 0)
     OR EXISTS (
       SELECT FROM codemint.reward_watches w
       WHERE w.reward_id = p_reward AND w.next_listing_at IS NOT NULL) THEN
    RETURN false;
  END IF;
  UPDATE codemint.tracked_rewards t SET late_codes_at = v_now
  WHERE t.reward_id = p_reward
    AND coalesce(t.late_codes_at, '-infinity') < v_now - interval '1 hour';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM codemint.watch_reward(p_reward, v_call, 'late_codes');
  RETURN true;
END
$$;

-- Ends a sync pass and gives the reward back. p_outcome is 'read', 'failed' (p_error says why) or
-- 'interrupted'. If p_reading has a scan_offset, the pass was not complete, and the next one
-- continues there.
--
-- p_resync_us has one element for each attempt to have the reward copied once more: the
-- microseconds that the system has after the attempt. outcome is 'tracking' (systems names those to
-- ask for now), 'final', 'given_up', or 'lost' if the worker has lost the reward and nothing was
-- changed.
CREATE OR REPLACE FUNCTION codemint.finish_sync_pass(
  p_reward uuid, p_worker uuid, p_outcome text, p_error text, p_reading codemint.list_reading,
  p_pause interval, p_first interval, p_patience interval, p_resync_us bigint[],
  OUT outcome text, OUT systems text[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_tracked codemint.tracked_rewards;
BEGIN
  PERFORM FROM codemint.rewards r WHERE r.reward_id = p_reward FOR NO KEY UPDATE;
  SELECT * INTO v_tracked FROM codemint.tracked_rewards t WHERE t.reward_id = p_reward FOR NO KEY UPDATE;
  IF v_tracked.worker IS DISTINCT FROM p_worker OR v_tracked.worker_until < v_now THEN
    outcome := 'lost';
    RETURN;
  END IF;
  outcome := 'tracking';
  systems := '{}';
  v_tracked.list_order := p_reading.list_order;
  v_tracked.failures := CASE WHEN p_outcome = 'failed' THEN v_tracked.failures + 1 ELSE 0 END;
  v_tracked.error_message := CASE WHEN p_outcome = 'failed' THEN p_error END;
  v_tracked.scan_offset := NULL;
  v_tracked.scan_anchor := p_reading.scan_anchor;
  v_tracked.scan_newest := p_reading.scan_newest;
  -- With passes = 0 more codes were stored meanwhile, and this pass may have missed them.
  IF v_tracked.passes > 0 THEN
    v_tracked.next_pass_at := v_now + p_pause;
    v_tracked.mark := p_reading.mark;
    v_tracked.scan_offset := p_reading.scan_offset;
  END IF;
  IF p_outcome = 'read' AND p_reading.scan_offset IS NULL THEN
    SELECT * INTO v_tracked.next_pass_at, v_tracked.given_up_at, outcome, systems
    FROM codemint.judge_tracked(v_tracked, p_first, p_patience, p_resync_us);
  ELSE
    -- The same pass continues.
    v_tracked.passes := greatest(v_tracked.passes - 1, least(v_tracked.passes, 1));
  END IF;
  UPDATE codemint.tracked_rewards t
  SET next_pass_at = v_tracked.next_pass_at, passes = v_tracked.passes,
      failures = v_tracked.failures, error_message = v_tracked.error_message,
      mark = v_tracked.mark, list_order = v_tracked.list_order,
      scan_offset = v_tracked.scan_offset, scan_anchor = v_tracked.scan_anchor,
      scan_newest = v_tracked.scan_newest, worker = NULL, worker_until = NULL,
      given_up_at = v_tracked.given_up_at
  WHERE t.reward_id = p_reward;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('tracked_rewards');
  END IF;
  PERFORM codemint.forget_refused_work(p_reward, '{sync}');
  PERFORM codemint.conclude_sync(p_reward);
END
$$;

-- Decides what follows a complete pass: another pass and when, or the sync of every code is final,
-- or the reward is given up. It is given up when every code that is still pending was stored longer
-- than p_patience ago.
CREATE OR REPLACE FUNCTION codemint.judge_tracked(
  p_tracked codemint.tracked_rewards, p_first interval, p_patience interval, p_resync_us bigint[],
  OUT next_pass_at timestamptz, OUT given_up_at timestamptz, OUT outcome text, OUT systems text[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_resync record;
  v_stored bigint;
  v_newest timestamptz;
BEGIN
  SELECT * INTO v_resync FROM codemint.judge_resyncs(p_tracked.reward_id, p_resync_us);
  systems := v_resync.asked;
  next_pass_at := p_tracked.next_pass_at;
  given_up_at := p_tracked.given_up_at;
  outcome := 'tracking';
  SELECT count(*), max(c.stored_at) INTO v_stored, v_newest
  FROM codemint.jobs j
  JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status = 'pending'
  WHERE j.reward_id = p_tracked.reward_id AND j.has_codes;
  IF v_resync.is_open THEN
    IF p_tracked.passes > 0 THEN
      next_pass_at := least(next_pass_at, v_resync.next_at,
                            CASE WHEN cardinality(systems) > 0 THEN v_now + p_first END);
    END IF;
  ELSIF v_stored = 0 OR v_newest <= v_now - p_patience THEN
    next_pass_at := NULL;
    given_up_at := CASE WHEN v_stored > 0 THEN v_now END;
    outcome := CASE WHEN v_stored > 0 OR v_resync.gave_up THEN 'given_up' ELSE 'final' END;
  END IF;
END
$$;

-- Decides what to do about the codes of a reward that are in error. asked are the systems for which
-- the API is asked now to copy the reward once more; the attempt is counted before it is made.
-- is_open says that a system still has time, until next_at. gave_up says that a system is given up.
-- The API cannot be asked for any other system than these two.
CREATE OR REPLACE FUNCTION codemint.judge_resyncs(
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
                 WHERE j.reward_id = p_reward AND j.has_codes) THEN
    -- No code is pending or in error any more, so a later error has all its attempts again.
    DELETE FROM codemint.resyncs r WHERE r.reward_id = p_reward;
    RETURN;
  END IF;
  FOREACH v_system IN ARRAY ARRAY['shopify', 'stripe'] LOOP
    CONTINUE WHEN NOT EXISTS (
      SELECT FROM codemint.jobs j
      JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status = 'error'
      WHERE j.reward_id = p_reward AND j.has_codes
        AND c.external_ids -> v_system ->> 'syncStatus' = 'error');
    INSERT INTO codemint.resyncs (reward_id, system, next_at) VALUES (p_reward, v_system, v_now)
    ON CONFLICT DO NOTHING;
    SELECT * INTO v_resync FROM codemint.resyncs r
    WHERE r.reward_id = p_reward AND r.system = v_system FOR NO KEY UPDATE;
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

-- Records why the API was not asked to copy a reward once more, or why it refused. A request that
-- was never sent does not count as an attempt.
CREATE OR REPLACE FUNCTION codemint.note_resync(
  p_reward uuid, p_system text, p_failure text, p_sent boolean
) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
  UPDATE codemint.resyncs r
  SET error_message = p_failure,
      attempts = r.attempts - CASE WHEN p_sent OR r.attempts = 0 THEN 0 ELSE 1 END,
      next_at = CASE WHEN p_sent THEN r.next_at ELSE clock_timestamp() END
  WHERE r.reward_id = p_reward AND r.system = p_system
$$;

-- Whether the sync of every code of a job is final. A code in error is not final while its reward
-- is tracked, because the system may still take it.
CREATE OR REPLACE FUNCTION codemint.is_sync_final(p_job bigint, p_reward uuid) RETURNS boolean
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
    SELECT FROM codemint.tracked_rewards t
    WHERE t.reward_id = p_reward AND t.next_pass_at IS NOT NULL);
END
$$;

-- Notifies, once, of every finished job of a reward whose sync has become final. A job without a
-- code was notified of when it ended (note_sync_done).
CREATE OR REPLACE FUNCTION codemint.conclude_sync(p_reward uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job bigint;
BEGIN
  FOR v_job IN
    SELECT j.id FROM codemint.jobs j
    WHERE j.reward_id = p_reward AND j.has_codes AND j.sync_done_at IS NULL
      AND j.finished_at IS NOT NULL
      AND codemint.is_sync_final(j.id, p_reward)
    ORDER BY j.id
    FOR NO KEY UPDATE
  LOOP
    UPDATE codemint.jobs j SET sync_done_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE j.id = v_job AND j.sync_done_at IS NULL;
    IF FOUND THEN
      PERFORM codemint.wake('codemint_sync_done', v_job::text);
    END IF;
  END LOOP;
END
$$;

-- Notifies when a job ends and the sync of its codes is final already.
CREATE OR REPLACE FUNCTION codemint.note_sync_done() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NEW.finished_at IS NULL THEN
    NEW.sync_done_at := NULL;
  ELSIF codemint.is_sync_final(NEW.id, NEW.reward_id) THEN
    NEW.sync_done_at := clock_timestamp();
    PERFORM codemint.wake('codemint_sync_done', NEW.id::text);
  END IF;
  RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER note_sync_done BEFORE UPDATE OF finished_at ON codemint.jobs
  FOR EACH ROW WHEN ((OLD.finished_at IS NULL) <> (NEW.finished_at IS NULL))
  EXECUTE FUNCTION codemint.note_sync_done();
COMMENT ON TRIGGER note_sync_done ON codemint.jobs IS
  'Notifies when a job ends and no code of the job waits for another system.';

-- What an error of another system says, as one of a few words of ours. Such texts quote codes, the
-- code's own and others, and nobody can tell which of their words are codes. So none of their words is
-- shown to who may not read codes.
CREATE OR REPLACE FUNCTION codemint.error_class(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN CASE
    WHEN coalesce(p_text, '') !~ '\S' THEN 'none'
    WHEN p_text ~* 'already|exists|taken|duplicate|not unique|in use' THEN 'taken'
    WHEN p_text ~* 'throttl|rate limit|too many|\m429\M' THEN 'throttled'
    WHEN p_text ~* 'unauthori[sz]ed|forbidden|permission|denied|access|token|\m40[13]\M' THEN 'refused'
    WHEN p_text ~* 'not found|no such|unknown|does not exist|deleted|missing|\m404\M' THEN 'unknown'
    WHEN p_text ~* 'invalid|too long|too short|must be|not allowed|\m4(00|22)\M' THEN 'invalid'
    WHEN p_text ~* 'timed? ?out|unavailable|internal|try again|\m5\d\d\M' THEN 'unavailable'
    ELSE 'other' END;
END
$$;

-- Which systems have not taken codes of these jobs, as a sentence begins: by the first hundred codes that are pending.
-- Operators may not read external_ids, so it reads with its owner's rights; names that the API's documents do not
-- have could quote a code.
CREATE OR REPLACE FUNCTION codemint.untaken_words(p_jobs bigint[]) RETURNS text
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(string_agg(n.name, ' and ' ORDER BY n.name), 'other systems')
         || CASE WHEN count(*) = 1 THEN ' has' ELSE ' have' END || ' not taken'
  FROM (SELECT DISTINCT CASE WHEN e.key IN ('shopify', 'stripe') THEN e.key ELSE 'another system' END AS name
        FROM (SELECT k.external_ids
              FROM unnest(p_jobs) AS j (id)
              CROSS JOIN LATERAL (SELECT c.external_ids FROM codemint.codes c
                                  WHERE c.job_id = j.id AND c.sync_status = 'pending' LIMIT 100) k
              LIMIT 100) c
        CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(c.external_ids) = 'object'
                                           THEN c.external_ids ELSE '{}' END) AS e
        WHERE e.value ->> 'syncStatus' = 'pending') n
$$;
COMMENT ON FUNCTION codemint.untaken_words(bigint[]) IS
  'Which systems have not taken codes of these jobs, for the views waits and needs_you.';
