-- Steering: what an operator does to a job, or a producer to its own (producers.sql), or decides about a call. An
-- action takes effect with the next claim, never in the middle of a call. A call that was claimed before is made,
-- and its codes count.
--
-- A function of an operator never waits for a lock for longer than two seconds, and never takes one
-- that every claim needs: the operator's transaction may stay open for an hour. (accept_cluster locks every
-- reward that it has listed; nothing is claimed of these anyway before they are, and waits names the operator.)
--
-- An action that is repeated changes nothing. Whoever asks for something that the job does not need is
-- told that nothing was done, and why. Each change is kept with who, when and why (job_actions).

-- Locks a job's row, after its reward's row. Somebody may keep either for long, so the function waits
-- for two seconds at most and then says who has it. A reward that has no row yet does not get one
-- here: the operator's transaction may stay open, and then no claim could make the row.
--
-- What a block with EXCEPTION locks belongs to a part of the transaction, and pg_locks does not know whose
-- that is. So the block only waits, and gives back what it got: waits can name who has the rows.
CREATE OR REPLACE FUNCTION codemint.lock_job(p_job bigint) RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_job   codemint.jobs;
  v_table record;
BEGIN
  BEGIN
    SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job;
    PERFORM FROM codemint.rewards r WHERE r.reward_id = v_job.reward_id FOR NO KEY UPDATE;
    PERFORM FROM codemint.jobs j WHERE j.id = p_job FOR NO KEY UPDATE;
    RAISE EXCEPTION USING ERRCODE = 'CM002';
  EXCEPTION
    WHEN lock_not_available THEN
      SELECT h.what, h.holder INTO v_table FROM codemint.table_holders('0', true) h LIMIT 1;
      PERFORM codemint.refuse_locked(coalesce(v_table.what, 'job ' || p_job),
                                     coalesce(v_table.holder, codemint.job_holder(p_job)));
    WHEN SQLSTATE 'CM002' THEN
      NULL;
  END;
  PERFORM FROM codemint.rewards r WHERE r.reward_id = v_job.reward_id FOR NO KEY UPDATE;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job FOR NO KEY UPDATE;
  IF v_job.id IS NULL THEN
    RAISE EXCEPTION 'there is no job %', p_job USING ERRCODE = 'no_data_found';
  END IF;
  RETURN v_job;
END
$$;

-- Says who has locked what an operator's function needs.
CREATE OR REPLACE FUNCTION codemint.refuse_locked(p_what text, p_holder text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION '% is locked by %', p_what, coalesce(p_holder, 'another connection')
    USING ERRCODE = 'lock_not_available',
          HINT = 'Nothing was changed. Try again when that transaction has ended.';
END
$$;

-- Gives a job its place in the queue of its reward after an operator changed it; the job is locked and
-- saved. If nobody has met the reward yet, or somebody is making its row, the first job of the reward
-- gets a pending placement as after an INSERT. So does the job of a producer who steers it: the row of the
-- reward is not the producer's to lock. But one that the job has already, in no later place, is enough, however often
-- the producer steers it: locked, it stays until the job is saved. A head of the queue that is out of date is
-- corrected by the next claim.
CREATE OR REPLACE FUNCTION codemint.requeue_job(p_job codemint.jobs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT codemint.acts_for_all() THEN
    PERFORM FROM codemint.pending_placements p
    WHERE p.reward_id = p_job.reward_id AND p.job_id = p_job.id AND p.position <= p_job.queue_position
    LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
      INSERT INTO codemint.pending_placements (reward_id, priority, position, job_id)
      SELECT j.reward_id, j.priority, j.queue_position, j.id
      FROM codemint.jobs j WHERE j.id = p_job.id AND j.queue_position IS NOT NULL;
    END IF;
    RETURN;
  END IF;
  PERFORM FROM codemint.rewards r
  WHERE r.reward_id = p_job.reward_id FOR NO KEY UPDATE SKIP LOCKED;
  IF FOUND THEN
    PERFORM codemint.refresh_queue(p_job.reward_id);
    -- Claims may have passed the reward over while this transaction had the job.
    UPDATE codemint.rewards r SET passed_over_until = NULL
    WHERE r.reward_id = p_job.reward_id AND r.passed_over_until IS NOT NULL;
    RETURN;
  END IF;
  DELETE FROM codemint.pending_placements p
  WHERE p.id = ANY (ARRAY(
    SELECT s.id FROM codemint.pending_placements s WHERE s.reward_id = p_job.reward_id
    FOR UPDATE SKIP LOCKED));
  INSERT INTO codemint.pending_placements (reward_id, priority, position, job_id)
  SELECT j.reward_id, j.priority, j.queue_position, j.id
  FROM codemint.jobs j
  WHERE j.reward_id = p_job.reward_id AND j.is_new
  ORDER BY j.priority, j.queue_position, j.id
  LIMIT 1;
END
$$;

-- Saves a steered job, in the place where it belongs now, and keeps the action. Returns a sentence
-- on how the job stands. Whether a job is paused, and its priority, are the operators' to write: the daemon
-- may not.
CREATE OR REPLACE FUNCTION codemint.steer_job(
  p_job codemint.jobs, p_action text, p_note text
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_before text := (SELECT j.state FROM codemint.jobs j WHERE j.id = p_job.id);
  v_job    codemint.jobs;
BEGIN
  v_job := codemint.place_job(codemint.conclude_job(p_job, NULL, NULL), interval '0');
  UPDATE codemint.jobs j
  SET paused = v_job.paused, is_new = v_job.is_new, queue_position = v_job.queue_position
  WHERE j.id = v_job.id AND j.paused <> v_job.paused;
  PERFORM codemint.save_job(v_job, false);
  PERFORM codemint.requeue_job(v_job);
  PERFORM codemint.keep_action(v_job, v_before, p_action, p_note);
  RETURN codemint.describe_job(v_job);
END
$$;

-- A note as it is kept; null for none. One that is too long is refused before anything is done with it: a text of a
-- gigabyte cannot be trimmed.
CREATE OR REPLACE FUNCTION codemint.tidy_note(p_note text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF char_length(p_note) > 2000 THEN
    RAISE EXCEPTION 'a note has at most 2000 characters' USING ERRCODE = 'check_violation';
  END IF;
  RETURN nullif(btrim(p_note), '');
END
$$;

-- Refuses a producer that has steered a hundred times in a transaction that it has not committed: as many jobs are
-- locked, and every claim has to step over them. Actions of its other sessions since then count too.
CREATE OR REPLACE FUNCTION codemint.bound_steering() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT codemint.acts_for_all() AND (
       SELECT count(*) FROM (SELECT a.xmin AS made_in, a.done_by FROM codemint.job_actions a
                             ORDER BY a.id DESC LIMIT 100) a
       WHERE a.done_by = session_user AND age(a.made_in) <= age(pg_current_xact_id()::xid)) = 100 THEN
    RAISE EXCEPTION 'a producer steers at most 100 times in one transaction'
      USING ERRCODE = 'program_limit_exceeded', HINT = 'Commit, and go on with the others.';
  END IF;
END
$$;

-- Keeps an action; the job has been saved. Wakes the workers, because there may be work again and one of them
-- writes the action to its log. A producer may pause and resume its job without end, so of what it did itself the
-- latest hundred actions on a job stay. Operators' actions all stay.
CREATE OR REPLACE FUNCTION codemint.keep_action(
  p_job codemint.jobs, p_before text, p_action text, p_note text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM codemint.bound_steering();
  INSERT INTO codemint.job_actions (job_id, action, note, state_before, state_after, by_producer)
  VALUES (p_job.id, p_action, codemint.tidy_note(p_note), p_before, p_job.state, NOT codemint.acts_for_all());
  DELETE FROM codemint.job_actions a
  WHERE a.job_id = p_job.id AND a.by_producer AND a.id <= (
    SELECT o.id FROM codemint.job_actions o WHERE o.job_id = p_job.id AND o.by_producer
    ORDER BY o.id DESC OFFSET 100 LIMIT 1);
  PERFORM codemint.wake('codemint_jobs', '');
  PERFORM codemint.wake('codemint_control', '');
END
$$;

-- Actions that no worker has logged yet. Each is given to one worker, once. At most a thousand at a
-- time; the rest comes with the next heartbeat.
CREATE OR REPLACE FUNCTION codemint.tell_actions() RETURNS SETOF codemint.job_actions
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY
  WITH told AS (
    UPDATE codemint.job_actions a SET told_at = clock_timestamp()
    WHERE a.id = ANY (ARRAY(
      SELECT u.id FROM codemint.job_actions u WHERE u.told_at IS NULL
      ORDER BY u.id
      LIMIT 1000
      FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING a.*
  )
  SELECT * FROM told ORDER BY id;
END
$$;

-- One sentence on where a job stands.
CREATE OR REPLACE FUNCTION codemint.describe_job(p_job codemint.jobs) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT format('job %s is %s%s%s with %s of %s codes%s', p_job.id, p_job.state,
    CASE WHEN p_job.paused AND p_job.finished_at IS NULL THEN ', paused' END,
    CASE WHEN p_job.held AND p_job.finished_at IS NULL THEN ', held' END,
    p_job.issued, p_job.count,
    CASE WHEN p_job.outstanding > 0
         THEN format('; %s more were asked for and count if they come', p_job.outstanding) END)
$$;

-- Refuses an action that the state of the job does not allow.
CREATE OR REPLACE FUNCTION codemint.refuse(p_job codemint.jobs, p_why text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION '%: %', codemint.describe_job(p_job), p_why
    USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;

CREATE OR REPLACE FUNCTION codemint.cancel_job(p_job bigint, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs := codemint.lock_to_steer(p_job);
BEGIN
  IF v_job.state = 'cancelled' OR v_job.ends_as = 'cancelled' THEN
    RETURN codemint.describe_job(v_job) || ': nothing was done, because it was cancelled before';
  END IF;
  IF v_job.state NOT IN ('queued', 'running') THEN
    PERFORM codemint.refuse(v_job, 'there is nothing to cancel');
  END IF;
  v_job.state := 'ending';
  v_job.ends_as := 'cancelled';
  v_job.error_code := 'cancelled';
  v_job.error_message := coalesce(codemint.tidy_note(p_note), 'cancelled by ' || session_user);
  RETURN codemint.steer_job(v_job, 'cancel', p_note);
END
$$;
COMMENT ON FUNCTION codemint.cancel_job(bigint, text) IS
  'Stops a job for good. Codes already issued stay. The job ends when its last call has its '
  'outcome. Producers cancel their own jobs.';

CREATE OR REPLACE FUNCTION codemint.pause_job(p_job bigint, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs := codemint.lock_to_steer(p_job);
BEGIN
  IF v_job.state NOT IN ('queued', 'running') THEN
    PERFORM codemint.refuse(v_job, 'there is nothing to pause');
  END IF;
  IF v_job.paused AND codemint.acts_for_all() AND NOT codemint.is_paused_by_operator(v_job) THEN
    PERFORM codemint.keep_action(v_job, v_job.state, 'pause', p_note);
    RETURN codemint.describe_job(v_job) || ': its producer had paused it, and cannot resume it any more';
  END IF;
  IF v_job.paused THEN
    RETURN codemint.describe_job(v_job) || ': nothing was done, because it was paused before';
  END IF;
  v_job.paused := true;
  RETURN codemint.steer_job(v_job, 'pause', p_note);
END
$$;
COMMENT ON FUNCTION codemint.pause_job(bigint, text) IS
  'Pauses a job: it gets no new call until resume_job. Producers pause their own jobs.';

CREATE OR REPLACE FUNCTION codemint.resume_job(p_job bigint, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs := codemint.lock_to_steer(p_job);
BEGIN
  IF v_job.state NOT IN ('queued', 'running') THEN
    PERFORM codemint.refuse(v_job, 'there is nothing to resume');
  END IF;
  IF NOT v_job.paused THEN
    RETURN codemint.describe_job(v_job) || ': nothing was done, because it is not paused';
  END IF;
  IF codemint.is_paused_by_operator(v_job) AND NOT codemint.acts_for_all() THEN
    PERFORM codemint.refuse(v_job, 'an operator has paused it, and has to resume it');
  END IF;
  v_job.paused := false;
  RETURN codemint.steer_job(v_job, 'resume', p_note);
END
$$;
COMMENT ON FUNCTION codemint.resume_job(bigint, text) IS
  'Lets a paused job proceed. A job that is held stays held: resuming resolves nothing. Producers resume their own '
  'jobs, if no operator has paused them.';

-- Whether a surplus code can be one that the job asked for: it begins with the job's prefix, or the
-- API is known not to take that prefix literally. A watch also finds codes of other jobs of the
-- reward.
CREATE OR REPLACE FUNCTION codemint.may_be_of(p_job codemint.jobs, p_code text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT starts_with(p_code, coalesce(p_job.prefix, ''))
         OR (SELECT f.is_altered AND NOT f.is_literal
             FROM codemint.prefix_facts(p_job.reward_id, p_job.prefix) f)
$$;

CREATE OR REPLACE FUNCTION codemint.retry_job(p_job bigint, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs := codemint.lock_job(p_job);
BEGIN
  IF v_job.state = 'completed' THEN
    PERFORM codemint.refuse(v_job, 'there is nothing to retry');
  ELSIF v_job.state IN ('queued', 'running') AND NOT v_job.held THEN
    RETURN codemint.describe_job(v_job)
      || ': nothing was done, because it has not failed, was not cancelled and is not held';
  END IF;
  IF v_job.state = 'ending' THEN
    PERFORM codemint.refuse(v_job, 'it can be retried when it has ended');
  END IF;
  IF EXISTS (SELECT FROM codemint.calls c
             WHERE c.job_id = p_job AND c.held_at IS NOT NULL
               AND codemint.has_seen_all(c.hold_reason)) THEN
    PERFORM codemint.refuse(v_job, 'decide its held calls first, see codemint.doubts');
  END IF;
  v_job := codemint.take_surplus(v_job);
  v_job.state := CASE WHEN v_job.started_at IS NULL THEN 'queued' ELSE 'running' END;
  v_job.finished_at := NULL;
  v_job.held := false;
  v_job.answers_without_progress := 0;
  v_job.error_code := NULL;
  v_job.error_message := NULL;
  RETURN codemint.steer_job(v_job, 'retry', p_note);
EXCEPTION
  -- The server's own error has the whole row as its detail, with the code.
  WHEN integrity_constraint_violation THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END
$$;
COMMENT ON FUNCTION codemint.retry_job(bigint, text) IS
  'Opens a failed or cancelled job again, or a job that is held because its reward was refused or '
  'could not be listed. The job takes its own surplus first, and asks only for the rest.';

CREATE OR REPLACE FUNCTION codemint.set_priority(
  p_job bigint, p_priority integer, p_note text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs := codemint.lock_job(p_job);
BEGIN
  IF v_job.finished_at IS NOT NULL THEN
    PERFORM codemint.refuse(v_job, 'its priority does not matter any more');
  END IF;
  IF p_priority IS NULL OR p_priority NOT BETWEEN 0 AND 9 THEN
    RAISE EXCEPTION 'priority must be from 0 (first) to 9 (last)'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF v_job.priority = p_priority THEN
    RETURN format('job %s has priority %s: nothing was done, because it had it before', p_job, p_priority);
  END IF;
  UPDATE codemint.jobs j
  SET priority = p_priority, updated_at = clock_timestamp(),
      queue_position = CASE WHEN j.queue_position IS NOT NULL
                            THEN codemint.next_turn(j.created_by, p_priority::smallint, j.is_new) END
  WHERE j.id = p_job;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('jobs');
  END IF;
  PERFORM codemint.requeue_job(v_job);
  PERFORM codemint.keep_action(v_job, v_job.state, format('priority %s', p_priority), p_note);
  RETURN format('job %s has priority %s', p_job, p_priority);
END
$$;
COMMENT ON FUNCTION codemint.set_priority(bigint, integer, text) IS
  'Changes the priority, 0 (first) to 9 (last), of a job that has not ended.';

CREATE OR REPLACE FUNCTION codemint.set_quota(
  p_producer text, p_best_priority integer DEFAULT -1, p_open_jobs integer DEFAULT -1,
  p_note text DEFAULT NULL, p_codes_per_day integer DEFAULT -1, p_share numeric DEFAULT -1
) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_before codemint.quotas;
  v_quota  codemint.quotas;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = p_producer) THEN
    RAISE EXCEPTION 'there is no role %', p_producer USING ERRCODE = 'no_data_found';
  END IF;
  -- Each row has all limits: who sets one of them waits for who sets another.
  PERFORM FROM codemint.turns t WHERE t.turn = 'guards' FOR NO KEY UPDATE;
  SELECT * INTO v_before FROM codemint.quotas q WHERE q.producer = p_producer ORDER BY q.id DESC LIMIT 1;
  IF (p_best_priority, p_open_jobs, p_codes_per_day, p_share) = (-1, -1, -1, -1) THEN
    v_before.producer := p_producer;
    RETURN codemint.describe_quota(v_before);
  END IF;
  INSERT INTO codemint.quotas (producer, best_priority, open_jobs, codes_per_day, share, note)
  VALUES (p_producer,
          CASE WHEN p_best_priority = -1 THEN v_before.best_priority ELSE p_best_priority END,
          CASE WHEN p_open_jobs = -1 THEN v_before.open_jobs ELSE p_open_jobs END,
          CASE WHEN p_codes_per_day = -1 THEN v_before.codes_per_day ELSE p_codes_per_day END,
          CASE WHEN p_share = -1 THEN v_before.share ELSE p_share END,
          nullif(btrim(p_note), ''))
  RETURNING * INTO v_quota;
  PERFORM codemint.wake('codemint_control', '');
  RETURN codemint.describe_quota(v_quota);
END
$$;
COMMENT ON FUNCTION codemint.set_quota(text, integer, integer, text, integer, numeric) IS
  'Limits what a producer may ask for from now on: the best priority, how many jobs may be open, and how many '
  'codes may be asked for in a day. A share of 3 gives it three turns where others have one. What is not named, or is '
  '-1, stays as it is; null takes it back. Returns all that holds then, and changes nothing if nothing is named. Who, when and why is kept.';

-- What a quota says, with the limits that it does not have.
CREATE OR REPLACE FUNCTION codemint.describe_quota(p_quota codemint.quotas) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT format('jobs that %s inserts from now on: %s, %s; for all its jobs %s', p_quota.producer,
    coalesce('priority ' || p_quota.best_priority || ' at best', 'any priority'),
    coalesce('at most ' || p_quota.open_jobs || ' open at a time', 'any number'),
    coalesce('at most ' || p_quota.codes_per_day || ' codes a day', 'any number of codes a day'))
    || coalesce(', and ' || trim_scale(p_quota.share) || ' turns where others have 1', '')
    || CASE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = p_quota.producer AND NOT r.rolcanlogin)
            THEN '; logins that have this role are limited only while they SET ROLE' ELSE '' END
$$;

CREATE OR REPLACE FUNCTION codemint.resolve_call(p_call uuid, p_decision text, p_note text)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_call  codemint.calls;
  v_job   codemint.jobs;
  v_state text;
  v_found uuid[];
BEGIN
  PERFORM codemint.check_resolution(p_call, p_decision, p_note);
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  v_job := codemint.lock_job(v_call.job_id);
  v_state := v_job.state;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call FOR NO KEY UPDATE;
  IF v_call.state <> 'in_doubt' OR v_call.held_at IS NULL THEN
    RAISE EXCEPTION 'call % is % and not held: there is nothing to resolve', p_call,
      CASE WHEN v_call.state = 'in_doubt' THEN 'in doubt, codemint is working on it,'
           ELSE v_call.state END
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF p_decision = 'adopt' THEN
    v_found := codemint.unattributed_for(v_call);
    IF cardinality(v_found) = 0 THEN
      RETURN codemint.look_for_codes(v_call);
    END IF;
  END IF;
  UPDATE codemint.calls c
  SET resolved_by = session_user, resolved_at = clock_timestamp(), resolution = p_decision,
      resolution_note = p_note
  WHERE c.id = p_call;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('calls');
  END IF;
  IF p_decision = 'absent' THEN
    PERFORM codemint.declare_absent(p_call);
  ELSE
    PERFORM codemint.stage_unattributed(p_call, v_found);
    PERFORM codemint.adopt_call(p_call, p_call, v_found);
  END IF;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_call.job_id;
  PERFORM codemint.keep_action(v_job, v_state, 'resolve ' || p_decision, p_note);
  RETURN format('call %s is %s; job %s is %s with %s of %s codes', p_call,
    (SELECT c.state FROM codemint.calls c WHERE c.id = p_call), v_job.id, v_job.state, v_job.issued,
    v_job.count);
EXCEPTION
  -- The server's own error has the whole row as its detail, with the code.
  WHEN integrity_constraint_violation THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END
$$;
COMMENT ON FUNCTION codemint.resolve_call(uuid, text, text) IS
  'Decides a held call: adopt takes the codes that were found for the call, absent frees its room. '
  'The note is required; who, when and why are kept.';

-- Stages codes that were set aside as a listing would, under the id of the call that adopts them.
CREATE OR REPLACE FUNCTION codemint.stage_unattributed(p_call uuid, p_codes uuid[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO codemint.listed_codes
    (listing, id, reward_id, code, status, sync_status, external_ids, created_at, expires_at,
     updated_at)
  SELECT p_call, u.id, u.reward_id, u.code, u.status, u.sync_status, u.external_ids, u.created_at,
         u.expires_at, u.updated_at
  FROM codemint.unattributed_codes u
  WHERE u.id = ANY (p_codes)
  ON CONFLICT DO NOTHING
$$;

-- An operator wants to adopt a held call, and no codes were found for it. If the reward has never
-- been listed as a whole, it is listed now, because the codes of the call may be there.
CREATE OR REPLACE FUNCTION codemint.look_for_codes(p_call codemint.calls) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF codemint.has_seen_all(p_call.hold_reason) OR EXISTS (
       SELECT FROM codemint.found_together(p_call) u) THEN
    RAISE EXCEPTION 'no codes were found for call %: there is nothing to adopt', p_call.id
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  PERFORM codemint.watch_reward(p_call.reward_id, p_call.id, 'held_call');
  UPDATE codemint.reward_watches w SET next_listing_at = clock_timestamp()
  WHERE w.reward_id = p_call.reward_id;
  PERFORM codemint.wake('codemint_jobs', '');
  RETURN format('call %s is still held: no codes have been found for it so far. Its reward is listed '
    'again now; decide when codemint.doubts shows what was found', p_call.id);
END
$$;

-- Refuses a decision that makes no sense, a missing note, and an unknown call.
CREATE OR REPLACE FUNCTION codemint.check_resolution(p_call uuid, p_decision text, p_note text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_decision IS NULL OR p_decision NOT IN ('adopt', 'absent') THEN
    RAISE EXCEPTION 'the decision is "adopt" or "absent", not "%"', p_decision
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF coalesce(p_note, '') !~ '\S' THEN
    RAISE EXCEPTION 'a note says why: it is kept with the call'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT EXISTS (SELECT FROM codemint.calls c WHERE c.id = p_call) THEN
    RAISE EXCEPTION 'there is no call %', p_call USING ERRCODE = 'no_data_found';
  END IF;
END
$$;

-- Codes that were set aside for a held call and the calls that are held with it.
CREATE OR REPLACE FUNCTION codemint.found_together(p_call codemint.calls)
RETURNS SETOF codemint.unattributed_codes
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT u.*
  FROM codemint.unattributed_codes u
  WHERE u.call_id IN (SELECT c.id FROM codemint.calls c WHERE c.held_with = p_call.held_with)
    AND u.reward_id = p_call.reward_id
    AND NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = u.id)
$$;

-- The codes that a held call may adopt, at most as many as it lacks. Codes that begin with the
-- call's prefix are taken. If none does, and answers have not shown that codes begin with it, codes
-- are that begin with no other call's prefix.
CREATE OR REPLACE FUNCTION codemint.unattributed_for(p_call codemint.calls) RETURNS uuid[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH others AS (
    SELECT array_agg(DISTINCT o.prefix) AS prefixes
    FROM codemint.calls o
    WHERE o.held_with = p_call.held_with AND o.held_at IS NOT NULL
      AND o.prefix <> coalesce(p_call.prefix, '')
  ), found AS (
    SELECT u.id, u.created_at, starts_with(u.code, coalesce(p_call.prefix, '')) AS is_own,
           EXISTS (SELECT FROM unnest(o.prefixes) AS p (prefix)
                   WHERE starts_with(u.code, p.prefix)) AS is_others
    FROM codemint.found_together(p_call) u CROSS JOIN others o
  ), own AS (
    SELECT f.id
    FROM found f
    WHERE f.is_own
       OR NOT f.is_others AND NOT EXISTS (SELECT FROM found g WHERE g.is_own)
          AND (p_call.prefix IS NULL OR NOT EXISTS (
            SELECT FROM codemint.prefix_facts(p_call.reward_id, p_call.prefix) p
            WHERE p.is_literal AND NOT p.is_altered))
    ORDER BY f.is_others, f.created_at, f.id
    LIMIT p_call.outstanding)
  SELECT ARRAY(SELECT o.id FROM own o)
$$;

-- What a person has to know to decide a held call. Operators may know how many codes were found, but
-- not which. So this function runs with its owner's rights, and takes the id of a call and not a row
-- that the caller makes up.
CREATE OR REPLACE FUNCTION codemint.explain_doubt(p_call uuid, OUT codes_found bigint, OUT seen text,
  OUT look_for text, OUT adopt_means text, OUT absent_means text, OUT decision text, OUT remark text)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
  v_call  codemint.calls;
  v_job   codemint.jobs;
  -- Of its own answer, and of nobody yet: they name another reward, or lack its prefix.
  v_own   bigint;
  v_from  timestamptz;
  v_until timestamptz;
BEGIN
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = v_call.job_id;
  SELECT count(*) INTO v_own FROM codemint.unattributed_codes u
  WHERE u.call_id = p_call AND u.from_answer AND NOT EXISTS (SELECT FROM codemint.codes k WHERE k.id = u.id);
  codes_found := 0;
  seen := concat_ws('; ',
    format('%s codes were asked for at %s', v_call.size,
           to_char(coalesce(v_call.send_at, v_call.created_at), 'YYYY-MM-DD HH24:MI:SS "UTC"'))
      || coalesce(', with the prefix ' || v_call.prefix, ''),
    concat_ws(': ', CASE WHEN v_call.is_short THEN 'the answer lacked ' || v_call.outstanding
                         WHEN v_call.http_status IS NULL THEN 'no answer came'
                         ELSE 'the answer had status ' || v_call.http_status END,
              v_call.error_code, v_call.error_message),
    CASE WHEN v_own > 0 THEN
      format('%s codes of the answer are set aside, because they name another reward or lack the prefix: they may be '
             'what the call made (codemint.unattributed_codes)', v_own) END,
    'the list ' || codemint.describe_hold(v_call.hold_reason),
    (SELECT 'the last listing failed: ' || r.listing_error FROM codemint.rewards r
     WHERE r.reward_id = v_call.reward_id));
  IF v_call.held_at IS NULL THEN
    RETURN;
  END IF;
  codes_found := cardinality(codemint.unattributed_for(v_call));
  -- Where nothing was set aside, and the list has shown all that it has, there is nothing to adopt.
  decision := CASE WHEN codes_found = 0 AND codemint.has_seen_all(v_call.hold_reason) THEN 'absent' ELSE 'adopt' END;
  remark := CASE WHEN v_own > 0 THEN 'ask the vendor first whose the codes of the answer are'
                 WHEN decision = 'absent' THEN 'if the vendor has none of its codes'
                 WHEN v_call.hold_reason = 'list_differs' THEN 'only if customers can use the texts of the list; or absent'
                 ELSE 'or absent' END;
  v_from := v_call.created_at;
  v_until := v_call.effective_until;
  IF v_call.hold_reason = 'codes_out_of_time' THEN
    -- The API's clock may have been another (protocol, rule 12).
    v_from := v_from - interval '2 minutes';
    v_until := v_call.held_at;
  END IF;
  look_for := format('codes of reward %s that were made between %s and %s%s and that codemint.codes '
    'does not have: any number up to %s', v_call.reward_id,
    to_char(v_from, 'YYYY-MM-DD HH24:MI:SS'), to_char(v_until, 'YYYY-MM-DD HH24:MI:SS "UTC"'),
    (SELECT ', asked for with the prefix ' || v_call.prefix
            || CASE WHEN p.is_altered THEN ', which the API changes or leaves out,'
                    WHEN p.is_literal THEN '' ELSE ', which the API may change or leave out,' END
     FROM codemint.prefix_facts(v_call.reward_id, v_call.prefix) p),
    v_call.outstanding);
  adopt_means := CASE
    WHEN codes_found > 0 THEN
      format('the job gets the %s codes that were found', codes_found)
      || CASE WHEN codes_found < v_call.outstanding AND v_job.state IN ('queued', 'running')
              THEN format(', and codemint asks for %s more', v_call.outstanding - codes_found) ELSE '' END
      || '. If somebody else made them, they are given out twice'
      || CASE v_call.hold_reason WHEN 'list_differs'
              THEN '. Their texts are those of the list, which differ from what answers showed' ELSE '' END
    WHEN codemint.has_seen_all(v_call.hold_reason) THEN 'nothing: no codes were found for the call'
    ELSE 'the reward is listed again at once; the call stays held until codes are found' END;
  absent_means := CASE
    WHEN v_job.state IN ('queued', 'running')
    THEN format('codemint asks for %s codes again. If the call did make them, they are paid for twice',
                v_call.outstanding)
    ELSE 'the job ends. If the call did make codes, they are paid for and nobody gets them' END;
END
$$;
COMMENT ON FUNCTION codemint.explain_doubt(uuid) IS
  'Returns what is known of a call in doubt, in words, and how many codes adopt would take for it. If the call is '
  'held, decision is what the views propose, with a remark.';

CREATE OR REPLACE FUNCTION codemint.track_sync(p_reward uuid) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_codes bigint;
BEGIN
  BEGIN
    PERFORM FROM codemint.rewards r WHERE r.reward_id = p_reward FOR NO KEY UPDATE;
  EXCEPTION
    WHEN lock_not_available THEN
      PERFORM codemint.refuse_locked('reward ' || p_reward, (
        SELECT string_agg(h.holder, '; ')
        FROM codemint.rewards r CROSS JOIN codemint.lock_holders(r.xmax, '0', NULL, p_reward) h
        WHERE r.reward_id = p_reward));
  END;
  SELECT count(*) INTO v_codes
  FROM codemint.jobs j
  JOIN codemint.codes c ON c.job_id = j.id AND c.sync_status IN ('pending', 'error')
  WHERE j.reward_id = p_reward AND j.has_codes;
  IF v_codes = 0 THEN
    RAISE EXCEPTION 'no code of reward % is pending or in error: there is nothing to track', p_reward
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  DELETE FROM codemint.resyncs r WHERE r.reward_id = p_reward;
  INSERT INTO codemint.tracked_rewards (reward_id, next_pass_at, passes)
  VALUES (p_reward, clock_timestamp(), 1)
  ON CONFLICT (reward_id) DO UPDATE
  SET next_pass_at = clock_timestamp(), passes = 1, failures = 0, error_message = NULL, mark = NULL,
      list_order = 'unknown', scan_offset = NULL, given_up_at = NULL;
  RETURN format('reward %s is tracked for %s code(s)', p_reward, v_codes);
END
$$;
COMMENT ON FUNCTION codemint.track_sync(uuid) IS
  'Tracks a reward again whose codes are pending or in error, with all attempts to have them copied.';
