-- Retention: the daemon deletes requests of jobs that ended long ago. Jobs and codes are removed
-- only when an operator says so.

-- Whether nobody needs a call any more. Only calls with a proven outcome are deleted. Calls that
-- were judged (adopted, absent) are the reason why codemint still watches for codes that come late.
-- A call that a person decided stays, with who and why. Unattributed codes, answers and watches
-- must find the call that they name.
CREATE OR REPLACE FUNCTION codemint.may_forget(p_call codemint.calls, p_before timestamptz)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_call.state IN ('issued', 'rejected', 'unsent') AND p_call.settled_at < p_before
     AND NOT p_call.is_short AND p_call.resolution IS NULL
     AND NOT EXISTS (SELECT FROM codemint.answers a WHERE a.call_id = p_call.id)
     AND NOT EXISTS (SELECT FROM codemint.unattributed_codes u WHERE u.call_id = p_call.id)
     AND NOT EXISTS (SELECT FROM codemint.raw_codes w WHERE w.call_id = p_call.id)
     AND NOT EXISTS (SELECT FROM codemint.reward_watches w
                     WHERE w.reward_id = p_call.reward_id AND w.call_id = p_call.id)
$$;

-- Deletes old calls of a job that nobody needs any more, at most p_limit, and returns how many. The
-- daemon's role may delete no call itself: whoever has its login could destroy the record of what was
-- decided, and of what was sent just now. So nothing is deleted here that is younger than a day, the
-- shortest retention there is, by the times of creation, which the daemon's role cannot write.
CREATE OR REPLACE FUNCTION codemint.forget_calls(p_job bigint, p_before timestamptz, p_limit integer)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_before timestamptz := least(p_before, clock_timestamp() - interval '1 day');
  v_number integer;
BEGIN
  DELETE FROM codemint.calls c
  WHERE c.id = ANY (ARRAY(
    SELECT o.id FROM codemint.calls o
    JOIN codemint.jobs j ON j.id = o.job_id AND greatest(j.finished_at, j.created_at) < v_before
    WHERE o.job_id = p_job AND o.created_at < v_before AND codemint.may_forget(o, v_before)
    ORDER BY o.id
    LIMIT p_limit));
  GET DIAGNOSTICS v_number = ROW_COUNT;
  RETURN v_number;
END
$$;
COMMENT ON FUNCTION codemint.forget_calls(bigint, timestamptz, integer) IS
  'For the daemon: deletes calls of a job that ended long ago and whose outcome is proven.';

-- Deletes a batch of old calls, of jobs in the order in which they ended. The batch reads at most
-- p_limit jobs and deletes at most p_limit calls. is_last says that nothing more can be deleted
-- now. p_code is the checksum of the functions that the worker was built with (require_code).
--
-- If a settlement is repeated after its call was deleted, it counts nothing twice: counters move by
-- the codes that are inserted, and the ids of codes stay.
CREATE OR REPLACE FUNCTION codemint.prune_calls(
  p_age interval, p_limit integer, p_code text, OUT pruned integer, OUT is_last boolean
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_before   timestamptz := clock_timestamp() - greatest(p_age, interval '1 day');
  v_progress codemint.retention_progress;
  v_job      record;
  v_seen     integer := 0;
BEGIN
  PERFORM codemint.require_code(p_code);
  pruned := 0;
  is_last := true;
  -- One worker deletes at a time. A second worker has nothing to do.
  SELECT * INTO v_progress FROM codemint.retention_progress p FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  FOR v_job IN
    SELECT j.id, j.finished_at FROM codemint.jobs j
    WHERE j.finished_at < v_before
      AND (j.finished_at, j.id) > (coalesce(v_progress.calls_pruned_until, '-infinity'),
                                   coalesce(v_progress.calls_pruned_job, 0))
    ORDER BY j.finished_at, j.id
    LIMIT p_limit
  LOOP
    v_seen := v_seen + 1;
    pruned := pruned + codemint.forget_calls(v_job.id, v_before, p_limit - pruned);
    -- This job may have more old calls, so the next batch begins with it.
    EXIT WHEN pruned >= p_limit;
    v_progress.calls_pruned_until := v_job.finished_at;
    v_progress.calls_pruned_job := v_job.id;
  END LOOP;
  is_last := v_seen < p_limit AND pruned < p_limit;
  UPDATE codemint.retention_progress p
  SET calls_pruned_until = v_progress.calls_pruned_until,
      calls_pruned_job = v_progress.calls_pruned_job
  WHERE (p.calls_pruned_until, p.calls_pruned_job)
        IS DISTINCT FROM (v_progress.calls_pruned_until, v_progress.calls_pruned_job);
END
$$;

-- Refuses to purge a job that has not ended, or whose codes may not all be known.
CREATE OR REPLACE FUNCTION codemint.check_purge(p_job codemint.jobs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM codemint.calls c WHERE c.job_id = p_job.id AND c.held_at IS NOT NULL) THEN
    PERFORM codemint.refuse(p_job, 'decide its held calls first, see codemint.doubts');
  ELSIF EXISTS (SELECT FROM codemint.calls c WHERE c.job_id = p_job.id AND c.state = 'in_doubt') THEN
    PERFORM codemint.refuse(p_job, 'codemint is finding out what one of its calls did, see '
      'codemint.doubts; purge it when that is known');
  ELSIF p_job.finished_at IS NULL THEN
    PERFORM codemint.refuse(p_job, format(
      'it can be purged when it has ended; codemint.cancel_job(%s) ends it', p_job.id));
  END IF;
  IF EXISTS (SELECT FROM codemint.rewards r
             WHERE r.reward_id = p_job.reward_id AND r.closed_at IS NOT NULL) THEN
    PERFORM codemint.refuse(p_job, 'a call of its reward is in doubt, see codemint.doubts; purge it '
      'when that is decided');
  ELSIF EXISTS (SELECT FROM codemint.reward_watches w
                WHERE w.reward_id = p_job.reward_id AND w.next_listing_at IS NOT NULL) THEN
    PERFORM codemint.refuse(p_job, 'its reward is watched for codes that may yet come to light, see '
      'codemint.watches; purge it when that has ended');
  END IF;
END
$$;

-- Only the job is locked: the purge of a large job would hold the reward's lock for seconds. The
-- function waits for no row of codes either, because whoever changes codes holds the reward's lock.
CREATE OR REPLACE FUNCTION codemint.purge_job(p_job bigint, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_job    codemint.jobs;
  v_codes  integer := 0;
  v_number integer;
BEGIN
  BEGIN
    SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job FOR UPDATE;
  EXCEPTION
    WHEN lock_not_available THEN
      PERFORM codemint.refuse_locked('job ' || p_job, codemint.job_holder(p_job));
  END;
  IF v_job.id IS NULL THEN
    RAISE EXCEPTION 'there is no job %', p_job USING ERRCODE = 'no_data_found';
  END IF;
  PERFORM codemint.check_purge(v_job);
  LOOP
    WITH free AS (
      SELECT c.id FROM codemint.codes c WHERE c.job_id = p_job FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE codemint.codes c
    SET job_id = NULL, call_id = NULL, code = '', status = 'purged', sync_status = 'none',
        external_ids = '{}', surplus = false, created_at = NULL, expires_at = NULL,
        updated_at = NULL, synced_at = NULL, purged_at = clock_timestamp()
    FROM free f
    WHERE c.id = f.id;
    GET DIAGNOSTICS v_number = ROW_COUNT;
    v_codes := v_codes + v_number;
    EXIT WHEN NOT EXISTS (SELECT FROM codemint.codes c WHERE c.job_id = p_job);
    PERFORM pg_sleep(0.02);
  END LOOP;
  DELETE FROM codemint.answers a
  USING codemint.calls c WHERE c.job_id = p_job AND a.call_id = c.id;
  UPDATE codemint.unattributed_codes s SET code = '', external_ids = '{}'
  FROM codemint.calls c WHERE c.job_id = p_job AND s.call_id = c.id;
  UPDATE codemint.raw_codes r SET code = '', status = '', external_ids = ''
  FROM codemint.calls c WHERE c.job_id = p_job AND r.call_id = c.id;
  DELETE FROM codemint.calls c WHERE c.job_id = p_job;
  DELETE FROM codemint.jobs j WHERE j.id = p_job;
  INSERT INTO codemint.purges (job_id, reward_id, count, state, codes, created_by, dedupe_key, note)
  VALUES (p_job, v_job.reward_id, v_job.count, v_job.state, v_codes, v_job.created_by,
          v_job.dedupe_key, nullif(btrim(p_note), ''));
  RETURN format('job %s is gone; of its %s codes only the bare ids are left', p_job, v_codes);
EXCEPTION
  -- The server's own error has the whole row as its detail, with the code.
  WHEN integrity_constraint_violation THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END
$$;
COMMENT ON FUNCTION codemint.purge_job(bigint, text) IS
  'Removes a job that has ended, its requests, and its codes; only the ids of the codes stay. There '
  'is no way back. Refused while a call of the job is held or in doubt, or its reward is closed or '
  'watched.';
