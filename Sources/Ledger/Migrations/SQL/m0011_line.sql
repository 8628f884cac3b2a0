-- The line: whose call is next.
--
-- Priority goes first. Within one, newcomers and the round take turns, if there are both: newcomers
-- are jobs that have had no call since they became due, the longest waiting first; the round is all
-- others, one call each. So a new job waits for two calls and no longer, however many jobs are in
-- the round, and newcomers, however many come, leave the round every other call.
--
-- Each reward has a line of its own (the index jobs_line), and its row knows the line's heads. A
-- claim compares the heads of open rewards and never steps over a job that cannot be served:
-- rewards that are closed or have to be listed first are not in the index of heads, and of those that
-- are paused or full there are never more than calls that made them so. The heads are kept by refresh_line, which whoever
-- takes a job out of the line or moves it calls under the reward's lock. A job joins without that
-- lock, for who inserts it must wait for nobody; it leaves an arrival, which is as good as a head
-- until somebody who has the lock finds it.

-- Finds the heads of a reward's line again; the reward is locked. p_claimed more calls of it are in
-- flight: its row is written once for both.
--
-- Its plans are pinned to the indexes: statistics that are out of date, as after a large INSERT,
-- must not make it sort a backlog.
CREATE FUNCTION codemint.refresh_line(p_reward uuid, p_claimed integer DEFAULT 0) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
  v_first record;
  v_round bigint;
BEGIN
  -- First of all: an arrival that is seen here has been committed, so the next statement sees its
  -- job. A few at a time; those that are left do no harm.
  DELETE FROM codemint.arrivals a
  WHERE a.ctid = ANY (ARRAY(
    SELECT s.ctid FROM codemint.arrivals s WHERE s.reward_id = p_reward LIMIT 10000));
  SELECT j.priority, j.turn, j.next_call_at, j.id INTO v_first
  FROM codemint.jobs j
  WHERE j.reward_id = p_reward AND j.turn IS NOT NULL
  ORDER BY j.priority, j.turn, j.next_call_at, j.id
  LIMIT 1;
  IF FOUND THEN
    SELECT j.turn INTO v_round
    FROM codemint.jobs j
    WHERE j.reward_id = p_reward AND j.priority = v_first.priority AND j.turn > 0
    ORDER BY j.turn
    LIMIT 1;
  END IF;
  UPDATE codemint.rewards r
  SET in_flight = r.in_flight + p_claimed,
      line_priority = v_first.priority,
      newcomer_due = CASE WHEN v_first.turn = 0 THEN v_first.next_call_at END,
      newcomer_job = CASE WHEN v_first.turn = 0 THEN v_first.id END,
      round_turn = v_round
  WHERE r.reward_id = p_reward
    AND (p_claimed <> 0
         OR (r.line_priority, r.newcomer_due, r.newcomer_job, r.round_turn) IS DISTINCT FROM
            (v_first.priority, CASE WHEN v_first.turn = 0 THEN v_first.next_call_at END,
             CASE WHEN v_first.turn = 0 THEN v_first.id END, v_round));
END
$$;

-- The job whose call is next, of those whose reward is open; none if there is none. Only a hint,
-- found without a lock: the rows are asked again under theirs. Its plans are pinned as well.
CREATE FUNCTION codemint.next_candidate(p_account codemint.accounts, p_now timestamptz)
RETURNS codemint.candidate
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS $$
DECLARE
  v_limit    integer := p_account.max_in_flight_per_reward;
  v_seen     integer;
  v_arrival  record;
  v_newcomer record;
  v_round    record;
  v_next     codemint.candidate;
BEGIN
  SELECT a.* INTO v_arrival
  FROM (SELECT * FROM codemint.arrivals f ORDER BY f.priority, f.due_at, f.job_id LIMIT 100) a
  LEFT JOIN LATERAL (
    SELECT o.* FROM codemint.rewards o WHERE o.reward_id = a.reward_id LIMIT 1) r ON true
  WHERE r.closed_at IS NULL AND coalesce(r.in_flight, 0) < v_limit
    AND coalesce(r.watch_step, 0) >= 0 AND coalesce(r.paused_until, '-infinity') <= p_now
  ORDER BY a.priority, a.due_at, a.job_id
  LIMIT 1;
  IF NOT FOUND THEN
    SELECT count(*) INTO v_seen FROM (SELECT FROM codemint.arrivals LIMIT 100) a;
  END IF;
  SELECT r.reward_id, r.line_priority AS priority, r.newcomer_due AS due_at,
         r.newcomer_job AS job_id INTO v_newcomer
  FROM codemint.rewards r
  WHERE r.newcomer_job IS NOT NULL AND r.closed_at IS NULL AND r.watch_step >= 0
    AND r.in_flight < v_limit AND coalesce(r.paused_until, '-infinity') <= p_now
  ORDER BY r.line_priority, r.newcomer_due, r.newcomer_job
  LIMIT 1;
  SELECT r.reward_id, r.line_priority AS priority, r.round_turn AS turn INTO v_round
  FROM codemint.rewards r
  WHERE r.round_turn IS NOT NULL AND r.closed_at IS NULL AND r.watch_step >= 0
    AND r.in_flight < v_limit AND coalesce(r.paused_until, '-infinity') <= p_now
  ORDER BY r.line_priority, r.round_turn
  LIMIT 1;

  IF v_newcomer.job_id IS NULL OR (v_arrival.priority, v_arrival.due_at, v_arrival.job_id)
                                < (v_newcomer.priority, v_newcomer.due_at, v_newcomer.job_id) THEN
    SELECT v_arrival.reward_id, v_arrival.priority, v_arrival.due_at, v_arrival.job_id
      INTO v_newcomer;
  END IF;
  v_next.is_crowded := coalesce(v_seen = 100, false);
  IF v_newcomer.priority < v_round.priority OR v_round.priority IS NULL
     OR v_newcomer.priority = v_round.priority AND NOT p_account.newcomer_last THEN
    v_next.job_id := v_newcomer.job_id;
    v_next.reward_id := v_newcomer.reward_id;
    v_next.turn := 0;
  ELSE
    v_next.reward_id := v_round.reward_id;
    v_next.turn := v_round.turn;
    SELECT j.id INTO v_next.job_id
    FROM codemint.jobs j
    WHERE j.reward_id = v_round.reward_id AND j.priority = v_round.priority
      AND j.turn = v_round.turn;
  END IF;
  RETURN v_next;
END
$$;

-- The arrivals at the front cannot be served: they find their place in their rewards' lines, so
-- that nobody steps over them again. Waits for nobody; says whether it found one a place.
CREATE FUNCTION codemint.meet_arrivals() RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward uuid;
  v_met    boolean := false;
BEGIN
  FOR v_reward IN
    SELECT DISTINCT a.reward_id
    FROM (SELECT f.reward_id FROM codemint.arrivals f
          ORDER BY f.priority, f.due_at, f.job_id LIMIT 100) a
    ORDER BY a.reward_id
  LOOP
    PERFORM FROM codemint.rewards r WHERE r.reward_id = v_reward FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    PERFORM codemint.refresh_line(v_reward);
    v_met := true;
  END LOOP;
  RETURN v_met;
END
$$;

-- Where a job stands after a change of its counters or flags: in the line, in the waiting room
-- for p_pause, or in neither because it needs no call. One place decides it.
CREATE FUNCTION codemint.place_job(p_job codemint.jobs, p_pause interval)
RETURNS codemint.jobs
LANGUAGE plpgsql
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  IF p_job.state NOT IN ('queued', 'running') OR p_job.paused OR p_job.held
     OR p_job.issued + p_job.outstanding >= p_job.count THEN
    p_job.turn := NULL;
    p_job.next_call_at := NULL;
  ELSIF p_pause > interval '0' THEN
    p_job.turn := NULL;
    p_job.next_call_at := greatest(p_job.next_call_at, v_now + p_pause);
  ELSIF p_job.turn IS NULL THEN
    -- A job that stood nowhere, because it was paused, held or ended, still has its run_at.
    p_job.next_call_at := coalesce(p_job.next_call_at, p_job.run_at);
    IF p_job.next_call_at <= v_now THEN
      p_job.turn := 0;
      p_job.next_call_at := v_now;
    END IF;
  END IF;
  RETURN p_job;
END
$$;

-- Where a job stands after its counters changed or it was refused (p_code). Says who is to be told.
CREATE FUNCTION codemint.conclude_job(p_job codemint.jobs, p_code text, p_message text)
RETURNS codemint.jobs
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
    -- Nobody has to decide anything about it any more.
    p_job.held := false;
    PERFORM pg_notify('codemint_job_done', p_job.id::text);
  END IF;
  RETURN p_job;
END
$$;

-- Writes back what of a job the daemon's functions change; its reward is locked. p_moved says whether
-- its place in the line, or its being there, may have changed.
CREATE FUNCTION codemint.save_job(p_job codemint.jobs, p_moved boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE codemint.jobs j
  SET state = p_job.state, paused = p_job.paused, held = p_job.held, issued = p_job.issued,
      outstanding = p_job.outstanding, surplus = p_job.surplus, error_code = p_job.error_code,
      error_message = p_job.error_message, next_call_at = p_job.next_call_at,
      started_at = p_job.started_at, finished_at = p_job.finished_at, ends_as = p_job.ends_as,
      stalls = p_job.stalls, turn = p_job.turn, priority = p_job.priority,
      updated_at = clock_timestamp()
  WHERE j.id = p_job.id;
  IF p_moved THEN
    PERFORM codemint.refresh_line(p_job.reward_id);
  END IF;
END
$$;

COMMENT ON TABLE codemint.arrivals IS
  'Rewards whose line has got new jobs that nobody has looked at yet.';
COMMENT ON COLUMN codemint.arrivals.due_at IS 'Since when the first of the new jobs waits.';
COMMENT ON COLUMN codemint.arrivals.job_id IS 'The first of the new jobs.';
COMMENT ON COLUMN codemint.rewards.line_priority IS 'The best priority in its line.';
COMMENT ON COLUMN codemint.rewards.newcomer_due IS
  'Since when the first newcomer of that priority waits.';
COMMENT ON COLUMN codemint.rewards.newcomer_job IS 'The first newcomer of that priority.';
COMMENT ON COLUMN codemint.rewards.round_turn IS 'The first turn of that priority.';
COMMENT ON COLUMN codemint.accounts.newcomer_last IS
  'Whether the last call was a newcomer''s, so that the next one is the round''s.';
COMMENT ON TYPE codemint.candidate IS 'Whose call is next, as seen without a lock.';
