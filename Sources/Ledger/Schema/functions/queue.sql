-- The queue: whose call is next.
--
-- Fairness. Priority goes first. Within a priority, new jobs and others alternate if there are both. A
-- job is new while it has had no call since it became due. So however many new jobs come, every other
-- call goes to a job that is not new, and the other way round.
--
-- Among the new jobs, and among the others, producers take turns, and then the jobs of each. A job takes
-- its place (queue_position) when it joins the queue, and a new one after each call. Its place is the one
-- behind its producer's last (next_turn), or behind what has been served if that is further on. So a
-- thousand jobs of one producer have a thousand places in a row, and the first job of another producer
-- has the place that is served next: self-clocked fair queuing, where each call weighs the same. Jobs with
-- the same place go in the order of their numbers. From one place to the next it is 10,000, divided by the
-- producer's share (set_quota): who has three shares has three places where others have one.
--
-- Each reward has a queue of its own (the indexes jobs_new and jobs_queue), and the reward's row
-- holds the heads of that queue. A claim compares the heads of open rewards. Rewards that are
-- closed or await a listing are not in the indexes of heads. Rewards that are paused or full are,
-- but there are never more of them than calls that made them so. So a claim steps over few rewards.
--
-- A function that takes a job out of the queue, or moves it, calls refresh_queue under the reward's
-- lock. A job joins the queue without that lock, because an INSERT must wait for nobody. It adds a
-- pending placement, which counts as a head until somebody who has the lock calls refresh_queue.

-- Microseconds until the next waiting job is due; null if none waits.
CREATE OR REPLACE FUNCTION codemint.next_due(p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT codemint.microseconds(p_now, next_call_at)
    FROM codemint.jobs
    WHERE NOT is_new AND queue_position IS NULL AND next_call_at IS NOT NULL
    ORDER BY next_call_at
    LIMIT 1);
END
$$;

-- Microseconds until the first pause of an open reward ends; null if no open reward is paused.
CREATE OR REPLACE FUNCTION codemint.next_reopening(p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT codemint.microseconds(p_now, min(r.paused_until))
    FROM codemint.rewards r WHERE r.paused_until > p_now AND r.closed_at IS NULL);
END
$$;

-- Puts jobs whose time has come into the queue, and returns how many. The function waits for
-- nobody, so it adds pending placements, as an INSERT does. It must read only jobs that are due,
-- whatever the statistics say. So sequential scans are off, and the time is a variable that an
-- index can be searched for. A row that somebody's trigger or constraint refuses waits alone: if not one row of the
-- first thousand could be placed, the next thousand is looked at, five times at most.
CREATE OR REPLACE FUNCTION codemint.place_due_jobs() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_after  timestamptz := '-infinity';
  v_job    bigint := 0;
  v_due    bigint[];
  v_number integer := 0;
BEGIN
  FOR v_thousand IN 1..5 LOOP
    v_due := ARRAY(
      SELECT d.id FROM codemint.jobs d
      WHERE NOT d.is_new AND d.queue_position IS NULL AND d.next_call_at <= v_now
        AND (d.next_call_at, d.id) > (v_after, v_job)
      ORDER BY d.next_call_at, d.id
      LIMIT 1000
      FOR NO KEY UPDATE SKIP LOCKED);
    EXIT WHEN cardinality(v_due) = 0;
    SELECT j.next_call_at, j.id INTO v_after, v_job
    FROM codemint.jobs j WHERE j.id = v_due[cardinality(v_due)];
    v_number := codemint.try_to_place(v_due);
    IF v_number IS NULL THEN
      SELECT sum(coalesce(codemint.try_to_place(ARRAY[d.id]), 0)) INTO v_number FROM unnest(v_due) AS d (id);
    END IF;
    EXIT WHEN v_number > 0;
  END LOOP;
  IF v_number > 0 THEN
    PERFORM codemint.wake('codemint_jobs', '');
  END IF;
  RETURN v_number;
END
$$;

-- Puts these jobs, which are due and locked, into the queue one behind the other, and returns how many; null
-- if one of the rows cannot be written.
CREATE OR REPLACE FUNCTION codemint.try_to_place(p_jobs bigint[]) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job     bigint;
  v_number  integer := 0;
  v_context text;
BEGIN
  FOREACH v_job IN ARRAY p_jobs LOOP
    UPDATE codemint.jobs j
    SET is_new = true, queue_position = codemint.next_turn(j.created_by, j.priority, true)
    WHERE j.id = v_job;
    v_number := v_number + CASE WHEN FOUND THEN 1 ELSE 0 END;
  END LOOP;
  INSERT INTO codemint.pending_placements (reward_id, priority, position, job_id)
  SELECT DISTINCT ON (j.reward_id) j.reward_id, j.priority, j.queue_position, j.id
  FROM codemint.jobs j
  WHERE j.id = ANY (p_jobs) AND j.is_new
  ORDER BY j.reward_id, j.priority, j.queue_position, j.id;
  PERFORM codemint.check_now();
  RETURN v_number;
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    IF codemint.concerns_all(SQLSTATE, v_context) THEN
      RAISE;
    END IF;
    RETURN NULL;
END
$$;

-- Where account.turns has how far the queue has been served.
CREATE OR REPLACE FUNCTION codemint.turn_of(p_priority smallint, p_is_new boolean) RETURNS integer
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN p_priority + CASE WHEN p_is_new THEN 1 ELSE 11 END;
END
$$;

-- How many turns a producer has where one without a share has one.
CREATE OR REPLACE FUNCTION codemint.share_of(p_producer text) RETURNS double precision
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN coalesce(
    (SELECT q.share FROM codemint.quotas q WHERE q.producer = p_producer ORDER BY q.id DESC LIMIT 1), 1);
END
$$;

-- The place of a job of this producer that joins the queue now. No lock is taken, because an INSERT waits
-- for nobody: transactions that insert jobs of one producer at the same time do not see each other, and
-- give the same places. What has been served bounds the search, so that it steps over no job that is gone.
-- Without sorting, the one index with this order is left. Each setting costs time in every claim.
CREATE OR REPLACE FUNCTION codemint.next_turn(p_producer text, p_priority smallint, p_is_new boolean)
RETURNS bigint
LANGUAGE plpgsql
SET enable_sort = off
AS $$
DECLARE
  v_served bigint := coalesce(
    (SELECT a.turns[codemint.turn_of(p_priority, p_is_new)] FROM codemint.account a WHERE a.only_row), 0);
BEGIN
  RETURN round(10000 / codemint.share_of(p_producer))::bigint + coalesce(
    (SELECT j.queue_position FROM codemint.jobs j
     WHERE j.created_by = p_producer AND j.priority = p_priority AND j.is_new = p_is_new
       AND j.queue_position > v_served
     -- Not by is_new as well: where it is a constant, Postgres would sort by it.
     ORDER BY j.queue_position DESC
     LIMIT 1), v_served);
END
$$;

-- Finds the heads of a reward's queue and writes them to the reward's row; the reward is locked.
-- Also adds p_claimed to the calls in flight, so that a claim writes the row only once.
--
-- The plans are pinned to the indexes. Otherwise outdated statistics, as after a large INSERT,
-- could make the function sort a backlog.
CREATE OR REPLACE FUNCTION codemint.refresh_queue(p_reward uuid, p_claimed integer DEFAULT 0)
RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
  v_new      record;
  v_next     record;
  v_priority smallint;
BEGIN
  -- This comes first: the job of a placement that is seen here has been committed, so the next
  -- statement sees the job. The number is limited, and placements that are left over do no harm.
  DELETE FROM codemint.pending_placements p
  WHERE p.ctid = ANY (ARRAY(
    SELECT s.ctid FROM codemint.pending_placements s WHERE s.reward_id = p_reward LIMIT 10000
    FOR UPDATE SKIP LOCKED));
  SELECT j.priority, j.queue_position, j.id INTO v_new
  FROM codemint.jobs j
  WHERE j.reward_id = p_reward AND j.is_new
  ORDER BY j.priority, j.queue_position, j.id
  LIMIT 1;
  SELECT j.priority, j.queue_position, j.id INTO v_next
  FROM codemint.jobs j
  WHERE j.reward_id = p_reward AND j.queue_position IS NOT NULL AND NOT j.is_new
  ORDER BY j.priority, j.queue_position, j.id
  LIMIT 1;
  v_priority := least(v_new.priority, v_next.priority);
  UPDATE codemint.rewards r
  SET in_flight = r.in_flight + p_claimed,
      queue_priority = v_priority,
      new_position = CASE WHEN v_new.priority = v_priority THEN v_new.queue_position END,
      new_job = CASE WHEN v_new.priority = v_priority THEN v_new.id END,
      queue_head = CASE WHEN v_next.priority = v_priority THEN v_next.queue_position END,
      queue_job = CASE WHEN v_next.priority = v_priority THEN v_next.id END
  WHERE r.reward_id = p_reward
    AND (p_claimed <> 0
         OR (r.queue_priority, r.new_position, r.new_job, r.queue_head, r.queue_job)
            IS DISTINCT FROM
            (v_priority, CASE WHEN v_new.priority = v_priority THEN v_new.queue_position END,
             CASE WHEN v_new.priority = v_priority THEN v_new.id END,
             CASE WHEN v_next.priority = v_priority THEN v_next.queue_position END,
             CASE WHEN v_next.priority = v_priority THEN v_next.id END));
  -- Nothing had to be written, or it was kept out: then the head would be found by every claim.
  IF NOT FOUND AND (p_claimed <> 0 OR EXISTS (
       SELECT FROM codemint.rewards r
       WHERE r.reward_id = p_reward AND (r.queue_priority, r.new_job, r.queue_job) IS DISTINCT FROM
             (v_priority, CASE WHEN v_new.priority = v_priority THEN v_new.id END,
              CASE WHEN v_next.priority = v_priority THEN v_next.id END))) THEN
    PERFORM codemint.refuse_silence('rewards');
  END IF;
END
$$;

-- The same for a caller that goes through many rewards. If somebody's own trigger or constraint refuses the row, that
-- stops this reward alone, and is told: claims pass it over until it can be written. Returns whether it was.
CREATE OR REPLACE FUNCTION codemint.try_refresh_queue(p_reward uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_context text;
BEGIN
  PERFORM codemint.refresh_queue(p_reward);
  PERFORM codemint.check_now();
  RETURN true;
EXCEPTION
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
    PERFORM codemint.note_caught(p_reward, 'claim', NULL, SQLSTATE, SQLERRM, v_context);
    RETURN false;
END
$$;

-- The job whose call is next, without rewards in p_passed; job_id is null if no job can be served. This
-- is a hint, found without a lock, and the caller reads the rows again under their locks. The plans are
-- pinned as in refresh_queue. Of rewards in p_headless somebody has locked the first job; its placement may
-- be locked too, and is not looked at (queue_unlocked).
CREATE OR REPLACE FUNCTION codemint.next_candidate(
  p_account codemint.account, p_now timestamptz, p_passed uuid[] DEFAULT '{}',
  p_headless uuid[] DEFAULT '{}'
) RETURNS codemint.candidate
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
  v_limit   integer := p_account.max_in_flight_per_reward;
  v_seen    integer;
  v_pending codemint.pending_placements;
  v_new     record;
  v_queued  record;
  v_next    codemint.candidate;
BEGIN
  IF EXISTS (SELECT FROM codemint.pending_placements) THEN
    SELECT p.* INTO v_pending
    FROM (SELECT * FROM codemint.pending_placements f
          WHERE f.reward_id <> ALL (p_passed) AND f.reward_id <> ALL (p_headless)
          ORDER BY f.priority, f.position, f.job_id LIMIT 100) p
    -- LIMIT 1 keeps the subquery apart. The planner then looks up the reward of each placement by its
    -- key, in the placements' order. A plain join could read all rewards.
    LEFT JOIN LATERAL (
      SELECT o.* FROM codemint.rewards o WHERE o.reward_id = p.reward_id LIMIT 1) r ON true
    WHERE r.closed_at IS NULL AND coalesce(r.in_flight, 0) < v_limit
      AND r.awaits_listing IS NOT TRUE AND coalesce(r.paused_until, '-infinity') <= p_now
      AND coalesce(r.passed_over_until, '-infinity') <= p_now
    ORDER BY p.priority, p.position, p.job_id
    LIMIT 1;
    IF NOT FOUND THEN
      SELECT count(*) INTO v_seen FROM (SELECT FROM codemint.pending_placements LIMIT 100) p;
    END IF;
  END IF;
  SELECT r.reward_id, r.queue_priority AS priority, r.new_position AS position, r.new_job AS job_id
    INTO v_new
  FROM codemint.rewards r
  WHERE r.new_job IS NOT NULL AND r.closed_at IS NULL AND NOT r.awaits_listing
    AND r.in_flight < v_limit AND coalesce(r.paused_until, '-infinity') <= p_now
    AND coalesce(r.passed_over_until, '-infinity') <= p_now AND r.reward_id <> ALL (p_passed)
  ORDER BY r.queue_priority, r.new_position, r.new_job
  LIMIT 1;
  SELECT r.reward_id, r.queue_priority AS priority, r.queue_head AS position, r.queue_job AS job_id
    INTO v_queued
  FROM codemint.rewards r
  WHERE r.queue_head IS NOT NULL AND r.closed_at IS NULL AND NOT r.awaits_listing
    AND r.in_flight < v_limit AND coalesce(r.paused_until, '-infinity') <= p_now
    AND coalesce(r.passed_over_until, '-infinity') <= p_now AND r.reward_id <> ALL (p_passed)
  ORDER BY r.queue_priority, r.queue_head, r.queue_job
  LIMIT 1;

  IF v_new.job_id IS NULL OR (v_pending.priority, v_pending.position, v_pending.job_id)
                           < (v_new.priority, v_new.position, v_new.job_id) THEN
    SELECT v_pending.reward_id, v_pending.priority, v_pending.position, v_pending.job_id
      INTO v_new;
  END IF;
  v_next.is_crowded := coalesce(v_seen = 100, false);
  IF v_new.priority < v_queued.priority OR v_queued.priority IS NULL
     OR v_new.priority = v_queued.priority AND NOT p_account.new_job_last THEN
    v_next.job_id := v_new.job_id;
    v_next.reward_id := v_new.reward_id;
    v_next.is_new := true;
    v_next.queue_position := v_new.position;
  ELSE
    v_next.job_id := v_queued.job_id;
    v_next.reward_id := v_queued.reward_id;
    v_next.is_new := false;
    v_next.queue_position := v_queued.position;
  END IF;
  RETURN v_next;
END
$$;

-- The candidate of a claim that has passed over these rewards. A transaction that has locked more than
-- a few may have locked hundreds: an operator pauses many jobs. Passing over each of them would take
-- longer than a claim may. Rewards in p_refused are passed over as well, which takes no time.
CREATE OR REPLACE FUNCTION codemint.choose_candidate(
  p_account codemint.account, p_now timestamptz, p_passed uuid[], p_headless uuid[], p_refused uuid[]
) RETURNS codemint.candidate
LANGUAGE plpgsql
AS $$
BEGIN
  IF cardinality(p_passed) < 5 THEN
    RETURN codemint.next_candidate(p_account, p_now, p_passed || p_refused, p_headless);
  END IF;
  RETURN codemint.next_unlocked(p_account, p_now, p_passed || p_refused);
END
$$;

-- The first job of a reward that nobody has locked, without rewards in p_passed; job_id is null if there
-- is none. What is locked is skipped in one scan, and a reward that has no row yet is locked by nobody.
-- The rewards are locked that were looked at last. The plans are pinned as in refresh_queue.
CREATE OR REPLACE FUNCTION codemint.next_unlocked(
  p_account codemint.account, p_now timestamptz, p_passed uuid[]
) RETURNS codemint.candidate
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
  v_limit  integer := p_account.max_in_flight_per_reward;
  v_reward codemint.rewards;
  v_queued codemint.rewards;
  v_fresh  codemint.pending_placements;
  v_next   codemint.candidate;
BEGIN
  SELECT * INTO v_fresh FROM codemint.pending_placements p
  WHERE p.reward_id <> ALL (p_passed)
    AND NOT EXISTS (SELECT FROM codemint.rewards r WHERE r.reward_id = p.reward_id)
  ORDER BY p.priority, p.position, p.job_id
  LIMIT 1;
  SELECT * INTO v_reward FROM codemint.rewards r
  WHERE r.new_job IS NOT NULL AND r.closed_at IS NULL AND NOT r.awaits_listing
    AND r.in_flight < v_limit AND coalesce(r.paused_until, '-infinity') <= p_now
    AND coalesce(r.passed_over_until, '-infinity') <= p_now AND r.reward_id <> ALL (p_passed)
  ORDER BY r.queue_priority, r.new_position, r.new_job
  LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
  SELECT * INTO v_queued FROM codemint.rewards r
  WHERE r.queue_head IS NOT NULL AND r.closed_at IS NULL AND NOT r.awaits_listing
    AND r.in_flight < v_limit AND coalesce(r.paused_until, '-infinity') <= p_now
    AND coalesce(r.passed_over_until, '-infinity') <= p_now AND r.reward_id <> ALL (p_passed)
  ORDER BY r.queue_priority, r.queue_head, r.queue_job
  LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
  IF v_fresh.priority <= least(v_reward.queue_priority, v_queued.queue_priority)
     OR num_nonnulls(v_reward.reward_id, v_queued.reward_id) = 0 THEN
    v_next.reward_id := v_fresh.reward_id;
    v_next.job_id := v_fresh.job_id;
    v_next.is_new := true;
    v_next.queue_position := v_fresh.position;
  ELSIF v_queued.queue_priority < v_reward.queue_priority OR v_reward.reward_id IS NULL
     OR v_queued.queue_priority = v_reward.queue_priority AND p_account.new_job_last THEN
    v_next.reward_id := v_queued.reward_id;
    v_next.job_id := v_queued.queue_job;
    v_next.is_new := false;
    v_next.queue_position := v_queued.queue_head;
  ELSE
    v_next.reward_id := v_reward.reward_id;
    v_next.job_id := v_reward.new_job;
    v_next.is_new := true;
    v_next.queue_position := v_reward.new_position;
  END IF;
  RETURN v_next;
END
$$;

-- Takes the first placements into their rewards' queues. Called if none of them can be served, so
-- that no claim steps over them again. Rewards that are locked or refused are skipped, and all their placements with
-- them: the first hundred may be of one. Returns whether it placed a job.
CREATE OR REPLACE FUNCTION codemint.place_pending(p_refused uuid[] DEFAULT '{}') RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward  uuid;
  v_placed  boolean := false;
  v_skipped uuid[] := p_refused;
  v_before  integer := -1;
BEGIN
  WHILE NOT v_placed AND cardinality(v_skipped) > v_before LOOP
    v_before := cardinality(v_skipped);
    FOR v_reward IN
      SELECT DISTINCT p.reward_id
      FROM (SELECT f.reward_id FROM codemint.pending_placements f
            WHERE f.reward_id <> ALL (v_skipped)
            ORDER BY f.priority, f.position, f.job_id LIMIT 100) p
      ORDER BY p.reward_id
    LOOP
      PERFORM FROM codemint.rewards r WHERE r.reward_id = v_reward FOR NO KEY UPDATE SKIP LOCKED;
      IF FOUND AND codemint.try_refresh_queue(v_reward) THEN
        v_placed := true;
      ELSE
        v_skipped := v_skipped || v_reward;
      END IF;
    END LOOP;
  END LOOP;
  RETURN v_placed;
END
$$;

-- Decides where a job stands after its counters or flags changed: in the queue, waiting for
-- p_pause, or neither because it needs no call. No other function decides this.
CREATE OR REPLACE FUNCTION codemint.place_job(p_job codemint.jobs, p_pause interval)
RETURNS codemint.jobs
LANGUAGE plpgsql
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  IF p_job.state NOT IN ('queued', 'running') OR p_job.paused OR p_job.held
     OR p_job.awaits_approval OR p_job.issued + p_job.outstanding >= p_job.count THEN
    p_job.is_new := false;
    p_job.queue_position := NULL;
    p_job.next_call_at := NULL;
  ELSIF p_pause > interval '0' THEN
    p_job.is_new := false;
    p_job.queue_position := NULL;
    p_job.next_call_at := greatest(p_job.next_call_at, v_now + p_pause);
  ELSIF p_job.queue_position IS NULL THEN
    -- The job was paused, was held or had ended. Its run_at may still be ahead.
    p_job.next_call_at := coalesce(p_job.next_call_at, p_job.run_at);
    IF p_job.next_call_at <= v_now THEN
      p_job.is_new := true;
      p_job.queue_position := codemint.next_turn(p_job.created_by, p_job.priority, true);
      p_job.next_call_at := v_now;
    END IF;
  END IF;
  RETURN p_job;
END
$$;

-- Decides the state of a job after its counters changed, or after the job was refused (p_code).
-- Notifies those who listen for the end of jobs.
CREATE OR REPLACE FUNCTION codemint.conclude_job(
  p_job codemint.jobs, p_code text, p_message text
) RETURNS codemint.jobs
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_job.state IN ('completed', 'failed', 'cancelled') THEN
    RETURN p_job;
  END IF;
  IF p_code IS NOT NULL AND p_job.ends_as IS NULL THEN
    p_job.state := 'ending';
    p_job.ends_as := 'failed';
    p_job.error_code := p_code;
    p_job.error_message := p_message;
  END IF;
  IF p_job.issued = p_job.count THEN
    p_job.state := 'completed';
    p_job.ends_as := NULL;
  ELSIF p_job.state = 'ending' AND p_job.outstanding = 0 THEN
    p_job.state := p_job.ends_as;
    p_job.ends_as := NULL;
  END IF;
  IF p_job.state IN ('completed', 'failed', 'cancelled') THEN
    p_job.finished_at := clock_timestamp();
    -- No person has to decide anything about the job any more.
    p_job.held := false;
    PERFORM codemint.wake('codemint_job_done', p_job.id::text);
  END IF;
  RETURN p_job;
END
$$;

-- Writes the columns of a job that the daemon can change; the reward is locked. p_moved says whether the
-- job may have joined, left or moved in the queue.
CREATE OR REPLACE FUNCTION codemint.save_job(p_job codemint.jobs, p_moved boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE codemint.jobs j
  SET state = p_job.state, held = p_job.held, issued = p_job.issued,
      outstanding = p_job.outstanding, surplus = p_job.surplus, error_code = p_job.error_code,
      error_message = p_job.error_message,
      unclaimable_since = CASE WHEN p_job.error_code = 'unclaimable' THEN j.unclaimable_since END,
      next_call_at = p_job.next_call_at,
      started_at = p_job.started_at, finished_at = p_job.finished_at, ends_as = p_job.ends_as,
      answers_without_progress = p_job.answers_without_progress, is_new = p_job.is_new,
      queue_position = p_job.queue_position, updated_at = clock_timestamp()
  WHERE j.id = p_job.id;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('jobs');
  END IF;
  IF p_moved THEN
    PERFORM codemint.refresh_queue(p_job.reward_id);
  END IF;
END
$$;

-- Holds every open job of a reward for a person; the reward is locked.
CREATE OR REPLACE FUNCTION codemint.hold_jobs(p_reward uuid, p_code text, p_message text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE codemint.jobs j
  SET held = true, is_new = false, queue_position = NULL, next_call_at = NULL, error_code = p_code,
      error_message = p_message, updated_at = clock_timestamp()
  WHERE j.reward_id = p_reward AND j.state IN ('queued', 'running') AND NOT j.held;
  PERFORM codemint.refresh_queue(p_reward);
END
$$;
