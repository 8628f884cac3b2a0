-- Actions: what the functions of operators have in common. They lock a job, refuse what cannot be done
-- to it, save it, and keep who did what, when and why.

CREATE TABLE codemint.job_actions (
  id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id       bigint      NOT NULL REFERENCES codemint.jobs (id) ON DELETE CASCADE,
  action       text        NOT NULL,
  note         text,
  done_by      text        NOT NULL DEFAULT session_user,
  done_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  state_before text        NOT NULL,
  state_after  text        NOT NULL,
  told_at      timestamptz,

  CONSTRAINT "a note has at most 2000 characters" CHECK (char_length(note) <= 2000)
);

CREATE INDEX job_actions_by_job ON codemint.job_actions (job_id, id);
CREATE INDEX job_actions_untold ON codemint.job_actions (id) WHERE told_at IS NULL;

-- A job's row, locked after its reward's as everywhere.
CREATE FUNCTION codemint.lock_job(p_job bigint) RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs;
BEGIN
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job;
  IF FOUND THEN
    PERFORM codemint.lock_reward(v_job.reward_id);
    SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job FOR UPDATE;
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no job %', p_job USING ERRCODE = 'no_data_found';
  END IF;
  RETURN v_job;
END
$$;

-- Saves a steered job where it belongs now, and keeps what was done. Says how it stands.
CREATE FUNCTION codemint.steer_job(p_job codemint.jobs, p_action text, p_note text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_before text := (SELECT j.state FROM codemint.jobs j WHERE j.id = p_job.id);
  v_job    codemint.jobs;
BEGIN
  v_job := codemint.place_job(codemint.conclude_job(p_job, NULL, NULL), interval '0');
  PERFORM codemint.save_job(v_job);
  PERFORM codemint.keep_action(v_job, v_before, p_action, p_note);
  RETURN codemint.describe_job(v_job);
END
$$;

-- Keeps what somebody did to a job, which has been saved, and wakes the workers: there may be work
-- again, or room for another job's, and one of them says so in its log.
CREATE FUNCTION codemint.keep_action(
  p_job codemint.jobs, p_before text, p_action text, p_note text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO codemint.job_actions (job_id, action, note, state_before, state_after)
  VALUES (p_job.id, p_action, nullif(btrim(p_note), ''), p_before, p_job.state);
  PERFORM pg_notify('codemint_jobs', '');
  PERFORM pg_notify('codemint_limits', '');
END
$$;

-- Actions that no worker has been told of, each to one worker and once. Up to a thousand: the rest
-- the next time.
CREATE FUNCTION codemint.tell_actions() RETURNS SETOF codemint.job_actions
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
      FOR UPDATE SKIP LOCKED))
    RETURNING a.*
  )
  SELECT * FROM told ORDER BY id;
END
$$;

-- One sentence on where a job stands.
CREATE FUNCTION codemint.describe_job(p_job codemint.jobs) RETURNS text
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

-- Refuses what cannot be done to a job as it stands.
CREATE FUNCTION codemint.refuse(p_job codemint.jobs, p_why text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION '%: %', codemint.describe_job(p_job), p_why
    USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;

COMMENT ON TABLE codemint.job_actions IS 'What operators did to jobs: who, when and why.';
COMMENT ON COLUMN codemint.job_actions.id IS 'In the order in which things were done.';
COMMENT ON COLUMN codemint.job_actions.job_id IS 'The job that it was done to.';
COMMENT ON COLUMN codemint.job_actions.action IS
  'cancel, pause, resume, retry, resolve adopt, resolve absent, or a priority.';
COMMENT ON COLUMN codemint.job_actions.note IS 'Why, in the person''s words.';
COMMENT ON COLUMN codemint.job_actions.done_by IS 'The role that was logged in.';
COMMENT ON COLUMN codemint.job_actions.done_at IS 'When it was done.';
COMMENT ON COLUMN codemint.job_actions.state_before IS 'The job''s state before.';
COMMENT ON COLUMN codemint.job_actions.state_after IS 'The job''s state afterwards.';
COMMENT ON COLUMN codemint.job_actions.told_at IS
  'When a daemon took it up to say so in its log; null until one does.';
COMMENT ON SEQUENCE codemint.job_actions_id_seq IS 'Numbers of what operators did to jobs.';
COMMENT ON FUNCTION codemint.lock_job IS 'A job''s row, locked after its reward''s.';
COMMENT ON FUNCTION codemint.steer_job IS 'Saves a steered job and keeps what was done.';
COMMENT ON FUNCTION codemint.keep_action IS 'Keeps what somebody did to a job, and wakes the workers.';
COMMENT ON FUNCTION codemint.tell_actions IS
  'What operators did and no log has yet, each told to one worker and once.';
COMMENT ON FUNCTION codemint.describe_job IS 'One sentence on where a job stands.';
COMMENT ON FUNCTION codemint.refuse IS 'Refuses what cannot be done to a job as it stands.';
