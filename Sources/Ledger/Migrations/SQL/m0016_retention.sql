-- Retention: requests of jobs that ended long ago are forgotten by the daemon; jobs and codes only
-- when an operator says so.

-- Up to which ended job old calls have been forgotten.
ALTER TABLE codemint.accounts ADD COLUMN calls_pruned_until timestamptz;
ALTER TABLE codemint.accounts ADD COLUMN calls_pruned_job bigint;

-- Whether nobody needs a call any more. Only what was proven is forgotten. What was judged (adopted,
-- absent) is the reason why codes that come late are still looked for, what a person decided is kept
-- with who and why, and codes, answers and watches must find the call that they name.
CREATE FUNCTION codemint.may_forget(p_call codemint.calls, p_before timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_call.state IN ('issued', 'rejected', 'unsent') AND p_call.settled_at < p_before
     AND NOT p_call.is_short AND p_call.resolution IS NULL
     AND NOT EXISTS (SELECT FROM codemint.answers a WHERE a.call_id = p_call.id)
     AND NOT EXISTS (SELECT FROM codemint.strays s WHERE s.call_id = p_call.id)
     AND NOT EXISTS (SELECT FROM codemint.raw_codes w WHERE w.call_id = p_call.id)
     AND NOT EXISTS (SELECT FROM codemint.rewards r
                     WHERE r.reward_id = p_call.reward_id AND r.watch_call = p_call.id)
$$;

CREATE INDEX strays_by_call ON codemint.strays (call_id);
CREATE INDEX raw_codes_by_call ON codemint.raw_codes (call_id);

-- Deletes a batch of old calls, of jobs in the order in which they ended. It looks at p_limit jobs and
-- deletes p_limit calls at most; is_last says that there is nothing more for now.
--
-- A settlement that is repeated after its call is gone counts nothing twice: counters move by codes
-- that are inserted, and ids of codes stay.
CREATE FUNCTION codemint.prune_calls(
  p_age interval, p_limit integer, OUT pruned integer, OUT is_last boolean
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_before  timestamptz := clock_timestamp() - p_age;
  v_account codemint.accounts;
  v_job     record;
  v_number  integer;
  v_seen    integer := 0;
BEGIN
  pruned := 0;
  is_last := true;
  -- One at a time: who comes second has nothing to do. The number is arbitrary.
  IF NOT pg_try_advisory_xact_lock(7226321903128) THEN
    RETURN;
  END IF;
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  FOR v_job IN
    SELECT j.id, j.finished_at FROM codemint.jobs j
    WHERE j.finished_at < v_before
      AND (j.finished_at, j.id) > (coalesce(v_account.calls_pruned_until, '-infinity'),
                                   coalesce(v_account.calls_pruned_job, 0))
    ORDER BY j.finished_at, j.id
    LIMIT p_limit
  LOOP
    v_seen := v_seen + 1;
    DELETE FROM codemint.calls c
    WHERE c.id = ANY (ARRAY(
      SELECT o.id FROM codemint.calls o
      WHERE o.job_id = v_job.id AND codemint.may_forget(o, v_before)
      ORDER BY o.id
      LIMIT p_limit - pruned));
    GET DIAGNOSTICS v_number = ROW_COUNT;
    pruned := pruned + v_number;
    -- The job may have more.
    EXIT WHEN pruned >= p_limit;
    v_account.calls_pruned_until := v_job.finished_at;
    v_account.calls_pruned_job := v_job.id;
  END LOOP;
  is_last := v_seen < p_limit AND pruned < p_limit;
  -- Last of all, since whoever claims a call wants this row.
  UPDATE codemint.accounts a
  SET calls_pruned_until = v_account.calls_pruned_until,
      calls_pruned_job = v_account.calls_pruned_job
  WHERE a.name = 'default'
    AND (a.calls_pruned_until, a.calls_pruned_job)
        IS DISTINCT FROM (v_account.calls_pruned_until, v_account.calls_pruned_job);
END
$$;

-- A code whose job was purged keeps its id, so that no listing can take it for a new one, and nothing
-- else.
ALTER TABLE codemint.codes ADD COLUMN purged_at timestamptz;
ALTER TABLE codemint.codes DROP CONSTRAINT "a code that counts belongs to a job and a call";
ALTER TABLE codemint.codes
  ADD CONSTRAINT "a code that counts belongs to a job and a call"
    CHECK (surplus OR purged_at IS NOT NULL OR (job_id IS NOT NULL AND call_id IS NOT NULL)),
  ADD CONSTRAINT "a purged code keeps nothing but its id"
    CHECK (purged_at IS NULL OR (job_id IS NULL AND call_id IS NULL AND code = ''
                                 AND external_ids = '{}' AND NOT surplus));

-- Jobs that an operator removed.
CREATE TABLE codemint.purges (
  job_id     bigint      PRIMARY KEY,
  reward_id  uuid        NOT NULL,
  count      integer     NOT NULL,
  state      text        NOT NULL,
  codes      integer     NOT NULL,
  dedupe_key text        UNIQUE,
  note       text,
  done_by    text        NOT NULL DEFAULT session_user,
  done_at    timestamptz NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT "a note has at most 2000 characters" CHECK (char_length(note) <= 2000)
);

-- A key is unique for ever, so it outlives its job: else a producer that asks again after years, as
-- the key allows it to, would get codes twice.
CREATE FUNCTION codemint.refuse_purged_key() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- After the insert, which has waited for whoever was purging a job with this key.
  IF EXISTS (SELECT FROM codemint.purges p WHERE p.dedupe_key = NEW.dedupe_key) THEN
    RAISE EXCEPTION 'dedupe_key must be unique: this job was inserted before, and purged'
      USING ERRCODE = 'unique_violation';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER refuse_purged_key AFTER INSERT ON codemint.jobs
  FOR EACH ROW WHEN (NEW.dedupe_key IS NOT NULL)
  EXECUTE FUNCTION codemint.refuse_purged_key();

-- Refuses to purge a job of which something is still to be found out.
CREATE FUNCTION codemint.check_purge(p_job codemint.jobs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward codemint.rewards;
BEGIN
  IF p_job.held OR EXISTS (SELECT FROM codemint.calls c
                           WHERE c.job_id = p_job.id AND c.state = 'in_doubt') THEN
    PERFORM codemint.refuse(p_job, 'decide its doubtful calls first, see codemint.doubts');
  ELSIF p_job.finished_at IS NULL THEN
    PERFORM codemint.refuse(p_job, format(
      'it can be purged when it has ended; codemint.cancel_job(%s) ends it', p_job.id));
  END IF;
  SELECT * INTO v_reward FROM codemint.rewards r WHERE r.reward_id = p_job.reward_id;
  IF v_reward.closed_at IS NOT NULL THEN
    PERFORM codemint.refuse(p_job, 'a call of its reward is in doubt, see codemint.doubts; purge it '
      'when that is decided');
  ELSIF v_reward.watch_at IS NOT NULL THEN
    PERFORM codemint.refuse(p_job, 'its reward is watched for codes that may yet come to light, see '
      'codemint.watches; purge it when that has ended');
  END IF;
END
$$;

-- Removes a job that has ended, its requests, and its codes but for their bare ids.
--
-- Only the job is locked and not its reward, which a large job would keep from everybody for seconds;
-- and no code is waited for, since whoever changes some holds the reward's lock meanwhile.
CREATE FUNCTION codemint.purge_job(p_job bigint, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job    codemint.jobs;
  v_codes  integer := 0;
  v_number integer;
BEGIN
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no job %', p_job USING ERRCODE = 'no_data_found';
  END IF;
  PERFORM codemint.check_purge(v_job);
  LOOP
    WITH free AS (
      SELECT c.id FROM codemint.codes c WHERE c.job_id = p_job FOR UPDATE SKIP LOCKED)
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
  UPDATE codemint.strays s SET code = '', external_ids = '{}'
  FROM codemint.calls c WHERE c.job_id = p_job AND s.call_id = c.id;
  UPDATE codemint.raw_codes r SET code = '', status = '', external_ids = ''
  FROM codemint.calls c WHERE c.job_id = p_job AND r.call_id = c.id;
  DELETE FROM codemint.calls c WHERE c.job_id = p_job;
  DELETE FROM codemint.jobs j WHERE j.id = p_job;
  INSERT INTO codemint.purges (job_id, reward_id, count, state, codes, dedupe_key, note)
  VALUES (p_job, v_job.reward_id, v_job.count, v_job.state, v_codes, v_job.dedupe_key,
          nullif(btrim(p_note), ''));
  RETURN format('job %s is gone; of its %s codes only the bare ids are left', p_job, v_codes);
END
$$;

-- Two more tables of many rows. Every call is updated as it is settled, and dead entries in the small
-- indexes of open calls are what every tending steps over: vacuumed after a number of them, not
-- after a share of a table that only grows. Codes are mostly inserted: often enough for counts by
-- index alone, and after a share that a large ledger reaches while a follower is at work.
ALTER TABLE codemint.calls SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
ALTER TABLE codemint.codes SET (
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
-- One row a followed reward, rewritten with every page of a look: versions stay on their page.
ALTER TABLE codemint.follows SET (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE codemint.workers SET (fillfactor = 50);

COMMENT ON TABLE codemint.purges IS
  'Jobs that an operator removed with codemint.purge_job: what they were, who, when and why.';
COMMENT ON COLUMN codemint.purges.job_id IS 'The number that the job had.';
COMMENT ON COLUMN codemint.purges.reward_id IS 'Its reward.';
COMMENT ON COLUMN codemint.purges.count IS 'How many codes it had asked for.';
COMMENT ON COLUMN codemint.purges.state IS 'How it had ended: completed, failed or cancelled.';
COMMENT ON COLUMN codemint.purges.codes IS
  'How many codes of it, surplus included, are known by their bare ids only.';
COMMENT ON COLUMN codemint.purges.dedupe_key IS 'Its key, which stays taken for ever.';
COMMENT ON COLUMN codemint.purges.note IS 'Why, in the person''s words.';
COMMENT ON COLUMN codemint.purges.done_by IS 'The login that removed it.';
COMMENT ON COLUMN codemint.purges.done_at IS 'When it was removed.';
COMMENT ON TRIGGER refuse_purged_key ON codemint.jobs IS
  'Keeps the dedupe_key of a purged job taken.';
COMMENT ON FUNCTION codemint.purge_job IS
  'Removes a job that has ended, its requests, and its codes but for their bare ids. There is no way '
  'back. Refused while anything of it is unfinished, in doubt, held or watched.';
COMMENT ON FUNCTION codemint.refuse_purged_key IS 'The trigger of the same name.';
COMMENT ON FUNCTION codemint.may_forget IS 'Whether nobody needs a call any more.';
COMMENT ON FUNCTION codemint.prune_calls IS
  'Deletes a batch of old calls of jobs that have ended (retention.calls_days).';
COMMENT ON FUNCTION codemint.check_purge IS
  'Refuses to purge a job of which something is still to be found out.';
