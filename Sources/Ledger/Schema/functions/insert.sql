-- What an INSERT of jobs does beside inserting: it places each job, applies quotas, writes the job's first
-- event, and wakes the daemons.
--
-- Nobody may execute the function of a trigger. Otherwise a role could put the trigger on a table
-- of its own, and have the function write what the role likes.

-- Sets the columns that belong to codemint, whatever the producer wrote. But if a role that may
-- update jobs inserts other values, the row comes from a backup or is a copy of another row, and
-- keeps them. A job that could take a call gets a place all the same.
CREATE OR REPLACE FUNCTION codemint.place_new_job() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  -- Many programs write NULL for what they leave out; it means the column's default.
  NEW.priority := coalesce(NEW.priority, 5);
  NEW.run_at := coalesce(NEW.run_at, v_now);
  IF (NEW.state, NEW.paused, NEW.held, NEW.awaits_approval, NEW.issued, NEW.outstanding, NEW.surplus,
      NEW.answers_without_progress, NEW.is_new)
       IS DISTINCT FROM ('queued', false, false, false, 0, 0, 0, 0, false)
     OR NEW.created_by IS DISTINCT FROM current_user
     OR num_nonnulls(NEW.error_code, NEW.error_message, NEW.next_call_at, NEW.started_at,
                     NEW.finished_at, NEW.ends_as, NEW.queue_position, NEW.api) > 0
  THEN
    IF has_table_privilege('codemint.jobs', 'UPDATE') THEN
      IF NOT NEW.is_new AND NEW.queue_position IS NULL AND NEW.next_call_at IS NULL
         AND NEW.count BETWEEN 1 AND 1000000 THEN
        NEW := codemint.place_job(NEW, interval '0');
        -- Its turn is that of the priority that its producer may have (take_turn).
        NEW.queue_position := NULL;
      END IF;
      RETURN NEW;
    END IF;
    NEW.state := 'queued';
    NEW.paused := false;
    NEW.held := false;
    NEW.awaits_approval := false;
    NEW.issued := 0;
    NEW.outstanding := 0;
    NEW.surplus := 0;
    NEW.answers_without_progress := 0;
    NEW.queue_position := NULL;
    NEW.created_by := current_user;
    NEW.error_code := NULL;
    NEW.error_message := NULL;
    NEW.started_at := NULL;
    NEW.finished_at := NULL;
    NEW.ends_as := NULL;
    NEW.api := NULL;
  END IF;
  NEW.created_at := v_now;
  NEW.updated_at := v_now;
  NEW.next_call_at := greatest(NEW.run_at, v_now);
  NEW.is_new := NEW.run_at <= v_now;
  RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER place_new_job BEFORE INSERT ON codemint.jobs
  FOR EACH ROW EXECUTE FUNCTION codemint.place_new_job();
COMMENT ON TRIGGER place_new_job ON codemint.jobs IS
  'Puts a new job into the queue, or among the waiting if it is not due.';

-- Gives a new job its turn: a priority that its producer may have, and a place behind the producer's last
-- one. A job that asks for so many codes that an operator has to approve them has no place until then. A
-- trigger of its own, after place_new_job by its name: it reads what producers may not read.
CREATE OR REPLACE FUNCTION codemint.take_turn() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  NEW.priority := greatest(
    NEW.priority,
    (SELECT q.best_priority FROM codemint.quotas q
     WHERE q.producer = NEW.created_by ORDER BY q.id DESC LIMIT 1));
  IF NEW.state = 'queued' AND NEW.count > codemint.approve_above() THEN
    NEW.awaits_approval := true;
    NEW.is_new := false;
    NEW.queue_position := NULL;
    NEW.next_call_at := NULL;
  ELSIF NEW.is_new AND NEW.queue_position IS NULL THEN
    NEW.queue_position := codemint.next_turn(NEW.created_by, NEW.priority, true);
  END IF;
  RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER take_turn BEFORE INSERT ON codemint.jobs
  FOR EACH ROW EXECUTE FUNCTION codemint.take_turn();
COMMENT ON TRIGGER take_turn ON codemint.jobs IS
  'Gives a new job its place in the queue, among the jobs of its producer.';

-- Refuses too many open jobs of these producers. The inserts of one producer write to a row before they
-- count, so they count one after the other, and a transaction that sees an older state of the ledger
-- (REPEATABLE READ) fails. A producer without a quota locks nothing.
CREATE OR REPLACE FUNCTION codemint.apply_quotas(p_producers text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_producer text;
  v_quota    codemint.quotas;
BEGIN
  FOREACH v_producer IN ARRAY p_producers LOOP
    SELECT * INTO v_quota FROM codemint.quotas q
    WHERE q.producer = v_producer ORDER BY q.id DESC LIMIT 1;
    IF v_quota.open_jobs IS NOT NULL THEN
      UPDATE codemint.quotas q SET counted_at = clock_timestamp() WHERE q.id = v_quota.id;
      IF (SELECT count(*) FROM (
            SELECT FROM codemint.jobs j
            WHERE j.created_by = v_producer AND j.state IN ('queued', 'running', 'ending')
            LIMIT v_quota.open_jobs + 1) o) > v_quota.open_jobs THEN
        RAISE EXCEPTION '% may have at most % open jobs', v_producer, v_quota.open_jobs
          USING ERRCODE = 'check_violation',
                HINT = 'Insert more when some have ended. An operator sets the number: codemint.set_quota.';
      END IF;
    END IF;
  END LOOP;
END
$$;

-- Refuses what a login inserts under another name (SET ROLE) if it has a quota of its own: jobs count
-- for the role that inserts them, so the quota would not bind. Whoever has logged in cannot change
-- session_user.
CREATE OR REPLACE FUNCTION codemint.require_own_name(p_producers text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT p_producers <@ ARRAY[session_user::text]
     AND (SELECT num_nonnulls(q.best_priority, q.open_jobs, q.codes_per_day) > 0 OR q.share < 1
          FROM codemint.quotas q WHERE q.producer = session_user ORDER BY q.id DESC LIMIT 1) THEN
    RAISE EXCEPTION '% has a quota, and inserts jobs under its own name only', session_user
      USING ERRCODE = 'insufficient_privilege', HINT = 'RESET ROLE, and insert again.';
  END IF;
END
$$;

-- Adds one pending placement for each reward, and sends one notification for each INSERT, however
-- many rows the INSERT has. Writes an event for each job (events.sql).
CREATE OR REPLACE FUNCTION codemint.wake_workers() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_producers text[];
BEGIN
  IF EXISTS (SELECT FROM codemint.quotas) THEN
    v_producers := ARRAY(SELECT DISTINCT i.created_by FROM inserted i ORDER BY 1);
    PERFORM codemint.require_own_name(v_producers);
    PERFORM codemint.apply_quotas(v_producers);
  END IF;
  INSERT INTO codemint.pending_placements (reward_id, priority, position, job_id)
  SELECT DISTINCT ON (i.reward_id) i.reward_id, i.priority, i.queue_position, i.id
  FROM inserted i
  WHERE i.queue_position IS NOT NULL
  ORDER BY i.reward_id, i.priority, i.queue_position, i.id;
  INSERT INTO codemint.unnumbered_events (job_id, kind, created_by, detail)
  SELECT i.id, 'queued', i.created_by, jsonb_build_object('count', i.count)
  FROM inserted i WHERE i.state = 'queued' ORDER BY i.id;
  PERFORM codemint.wake('codemint_jobs', '');
  RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER wake_workers AFTER INSERT ON codemint.jobs
  REFERENCING NEW TABLE AS inserted
  FOR EACH STATEMENT EXECUTE FUNCTION codemint.wake_workers();
COMMENT ON TRIGGER wake_workers ON codemint.jobs IS 'Tells every daemon that there is work.';

-- A producer may ask again with the same key after years, and must not get codes twice. So the key
-- stays taken after its job was purged.
CREATE OR REPLACE FUNCTION codemint.refuse_purged_key() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- This runs after the insert, which has waited for anybody who was purging a job with this key.
  IF EXISTS (SELECT FROM codemint.purges p
             WHERE p.created_by = NEW.created_by AND p.dedupe_key = NEW.dedupe_key) THEN
    RAISE EXCEPTION 'dedupe_key must be unique: this job was inserted before, and purged'
      USING ERRCODE = 'unique_violation';
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER refuse_purged_key AFTER INSERT ON codemint.jobs
  FOR EACH ROW WHEN (NEW.dedupe_key IS NOT NULL)
  EXECUTE FUNCTION codemint.refuse_purged_key();
COMMENT ON TRIGGER refuse_purged_key ON codemint.jobs IS
  'Keeps the dedupe_key of a purged job taken.';
