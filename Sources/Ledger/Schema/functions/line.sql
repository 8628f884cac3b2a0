-- The line: how long a job has to wait, and when it will have its codes.
--
-- Nobody counts a line of a million jobs for each row that is shown. So a housekeeper measures the line
-- every few seconds, and a row looks up what is ahead of it: calls by priority and by size of job
-- (line_classes), and places in the order of new jobs (line_marks, at most 257 for a priority).

-- Measures the line, unless that was done lately: at most a fiftieth of the time goes into it. Returns
-- whether it was measured. Jobs of rewards that are closed or wait for a listing are not in the line.
-- The plan is pinned to the indexes of the queue, as in refresh_queue; its costs would begin a compilation
-- that takes longer than a short line.
CREATE OR REPLACE FUNCTION codemint.measure_line() RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
SET work_mem = '32MB'
AS $$
DECLARE
  v_begun  timestamptz := clock_timestamp();
  v_before codemint.line_pace;
  v_jobs   bigint;
BEGIN
  SELECT * INTO v_before FROM codemint.line_pace l;
  IF v_begun BETWEEN v_before.measured_at
               AND v_before.measured_at + greatest(interval '5 seconds', v_before.took * 50)
     OR NOT pg_try_advisory_xact_lock(hashtextextended(
       'line', coalesce((SELECT t.salt FROM codemint.claim_turn t), 0))) THEN
    RETURN false;
  END IF;
  DELETE FROM codemint.line_classes c;
  DELETE FROM codemint.line_marks m;
  WITH waiting AS MATERIALIZED (
    SELECT j.priority, j.is_new, j.next_call_at, j.id,
           (j.count - j.issued - j.outstanding + 499) / 500 AS calls
    FROM (SELECT * FROM codemint.jobs n WHERE n.is_new
          UNION ALL
          SELECT * FROM codemint.jobs p WHERE p.queue_position IS NOT NULL) j
    WHERE NOT EXISTS (SELECT FROM codemint.rewards r
                      WHERE r.reward_id = j.reward_id AND (r.closed_at IS NOT NULL OR r.awaits_listing))
  ), classes AS (
    INSERT INTO codemint.line_classes (priority, is_new, size_class, jobs, calls)
    SELECT w.priority, w.is_new, width_bucket(w.calls, ARRAY[2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]),
           count(*), sum(w.calls)
    FROM waiting w GROUP BY 1, 2, 3
    RETURNING jobs
  ), ordered AS (
    SELECT w.priority, w.next_call_at, w.id,
           row_number() OVER o - 1 AS jobs_ahead, sum(w.calls) OVER o - w.calls AS calls_ahead,
           count(*) OVER (PARTITION BY w.priority) AS total
    FROM waiting w WHERE w.is_new
    WINDOW o AS (PARTITION BY w.priority ORDER BY w.next_call_at, w.id
                 ROWS UNBOUNDED PRECEDING)
  ), marks AS (
    INSERT INTO codemint.line_marks (priority, due_at, job_id, jobs_ahead, calls_ahead)
    SELECT o.priority, o.next_call_at, o.id, o.jobs_ahead, o.calls_ahead
    FROM ordered o
    WHERE o.jobs_ahead % ((o.total + 255) / 256) = 0 OR o.jobs_ahead = o.total - 1
  )
  SELECT coalesce(sum(c.jobs), 0) INTO v_jobs FROM classes c;
  DELETE FROM codemint.line_pace l;
  INSERT INTO codemint.line_pace
    (measured_at, took, jobs, rewards, call_seconds, calls_per_second)
  VALUES
    (v_begun, clock_timestamp() - v_begun, v_jobs, codemint.rewards_in_line(),
     (SELECT avg(c.duration_ms) / 1000.0
      FROM (SELECT k.duration_ms FROM codemint.calls k ORDER BY k.created_at DESC LIMIT 100) c),
     codemint.calls_per_second(v_before, v_jobs, v_begun));
  RETURN true;
END
$$;

-- How many rewards have jobs in the line; the count ends at a thousand, the most calls that can be out.
CREATE OR REPLACE FUNCTION codemint.rewards_in_line() RETURNS integer
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT least(count(*), 1000)::integer
  FROM ((SELECT r.reward_id FROM codemint.rewards r
         WHERE r.new_job IS NOT NULL AND r.closed_at IS NULL AND NOT r.awaits_listing LIMIT 1000)
        UNION
        (SELECT r.reward_id FROM codemint.rewards r
         WHERE r.queue_head IS NOT NULL AND r.closed_at IS NULL AND NOT r.awaits_listing LIMIT 1000)
        UNION
        (SELECT p.reward_id FROM codemint.pending_placements p LIMIT 1000)) AS w
$$;

-- Calls a second since the line was last measured, half of it as before so that one slow answer does not
-- show. Null if the line was empty then or is now: what was claimed since says nothing of what is possible.
CREATE OR REPLACE FUNCTION codemint.calls_per_second(
  p_before codemint.line_pace, p_jobs bigint, p_now timestamptz
) RETURNS double precision
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_since timestamptz := greatest(p_before.measured_at, p_now - interval '10 seconds');
  v_rate  double precision;
BEGIN
  IF p_jobs = 0 OR (p_before.jobs > 0 AND v_since < p_now) IS NOT TRUE THEN
    RETURN NULL;
  END IF;
  SELECT count(*) / extract(epoch FROM p_now - v_since)::double precision INTO v_rate
  FROM codemint.calls c WHERE c.created_at > v_since AND c.created_at <= p_now;
  RETURN (v_rate + coalesce(p_before.calls_per_second, v_rate)) / 2;
END
$$;

-- How many calls go out before a job of this priority has made so many calls, its own included. p_due is
-- null if the job has a place already.
--
-- Better priorities go first with everything. A new job waits for the new jobs ahead of it, and for as many
-- calls of jobs with a place, because the two alternate. Then each further call costs a round: one call of
-- each job with a place, and as many of new jobs, which have a place from then on if they need more.
CREATE OR REPLACE FUNCTION codemint.calls_until_done(
  p_priority smallint, p_due timestamptz, p_job bigint, p_calls integer
) RETURNS double precision
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_mark   codemint.line_marks;
  v_line   record;
  -- Of its first round, a job with a place has half behind it on average.
  v_rounds double precision := p_calls - CASE WHEN p_due IS NULL THEN 0.5 ELSE 1 END;
  v_first  double precision := 0;
  v_placed double precision;
  v_rest   double precision;
BEGIN
  SELECT coalesce(sum(c.calls) FILTER (WHERE c.priority < p_priority), 0) AS better,
         coalesce(sum(c.calls) FILTER (WHERE c.priority = p_priority), 0) AS same,
         coalesce(sum(c.jobs) FILTER (WHERE c.priority = p_priority AND NOT c.is_new), 0) AS placed,
         coalesce(sum(c.calls) FILTER (WHERE c.priority = p_priority AND NOT c.is_new), 0)
           AS placed_calls,
         coalesce(sum(least(c.calls, c.jobs * v_rounds)) FILTER (WHERE c.priority = p_priority), 0)
           AS in_rounds,
         -- The share of new jobs that come back for more.
         coalesce(sum(c.jobs) FILTER (WHERE c.priority = p_priority AND c.is_new AND c.size_class > 0)
                  / nullif(sum(c.jobs) FILTER (WHERE c.priority = p_priority AND c.is_new), 0), 0)
           AS returning,
         bool_or(c.priority = p_priority AND c.is_new) AS has_new
    INTO v_line
  FROM codemint.line_classes c WHERE c.priority <= p_priority;
  v_placed := v_line.placed;
  IF p_due IS NOT NULL THEN
    SELECT * INTO v_mark FROM codemint.line_marks m
    WHERE m.priority = p_priority AND (m.due_at, m.job_id) <= (p_due, p_job)
    ORDER BY m.due_at DESC, m.job_id DESC LIMIT 1;
    v_first := coalesce(v_mark.jobs_ahead, 0) + 1
      + least(coalesce(v_mark.jobs_ahead, 0),
              v_line.placed_calls + coalesce(v_mark.calls_ahead - v_mark.jobs_ahead, 0));
    v_placed := v_placed + coalesce(v_mark.jobs_ahead, 0) * v_line.returning + 1;
  END IF;
  v_placed := greatest(v_placed, 1);
  v_rest := least(
    v_line.in_rounds,
    CASE WHEN NOT coalesce(v_line.has_new, false) THEN v_placed * v_rounds
         WHEN v_line.returning = 0 THEN 2 * v_placed * v_rounds
         ELSE 2 * v_placed * (power(1 + v_line.returning, least(v_rounds, 60)) - 1) / v_line.returning END);
  RETURN v_line.better
    + greatest(least(v_first + v_rest, v_line.same), p_calls);
END
$$;

-- How long it takes until a job has its codes: what is ahead of it, at the pace now. Null if nobody can
-- tell, because nothing is sent for now. p_calls is 0 if everything that the job lacks has been asked for.
-- The function shows nothing of any other job but what the waiting time itself shows.
CREATE OR REPLACE FUNCTION codemint.time_until_done(
  p_priority smallint, p_is_new boolean, p_due timestamptz, p_job bigint, p_calls integer,
  p_not_before timestamptz
) RETURNS interval
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_account codemint.account;
  v_line    codemint.line_pace;
  v_slots   integer;
  v_pace    double precision;
  v_answer  double precision;
  v_seconds double precision := 0;
BEGIN
  SELECT * INTO v_account FROM codemint.account a;
  SELECT * INTO v_line FROM codemint.line_pace l;
  IF v_line.measured_at IS NULL OR v_account.blocked_at IS NOT NULL OR v_account.breaker = 'open'
     OR codemint.is_suspended()
     OR NOT EXISTS (SELECT FROM codemint.workers w WHERE w.expires_at >= v_now AND NOT w.draining) THEN
    RETURN NULL;
  END IF;
  v_answer := greatest(coalesce(v_line.call_seconds, 0), 0.001);
  v_slots := CASE WHEN v_account.failures > 0 THEN 1
                  ELSE least(v_account.max_in_flight,
                             v_account.max_in_flight_per_reward * greatest(v_line.rewards, 1)) END;
  -- Nobody is faster than the pace, nor than its calls in flight allow. What was measured holds if it is
  -- less; not if it is next to nothing, as while all waited for one thing that has passed.
  v_pace := least(codemint.current_pace(v_account, v_now) / 1.01, v_slots / v_answer);
  IF v_line.calls_per_second IS NOT NULL THEN
    v_pace := least(v_pace, greatest(v_line.calls_per_second, v_pace / 20));
  END IF;
  IF p_calls > 0 THEN
    v_seconds := greatest(
      codemint.calls_until_done(p_priority, CASE WHEN p_is_new OR p_due > v_now THEN p_due END, p_job,
                                p_calls) / v_pace
        - greatest(extract(epoch FROM v_now - v_line.measured_at), 0),
      (p_calls - 1) / v_pace,
      (p_calls - 1) / v_account.max_in_flight_per_reward * v_answer);
  END IF;
  -- No interval is as long as a slow pace makes a million codes: a century is as good as never.
  RETURN make_interval(secs => least(3153600000, v_answer + greatest(
    v_seconds, extract(epoch FROM greatest(p_not_before, v_account.paused_until) - v_now)
                 + p_calls / v_pace, 0)));
END
$$;
COMMENT ON FUNCTION codemint.time_until_done(smallint, boolean, timestamptz, bigint, integer, timestamptz) IS
  'An estimate for the views: how long it takes until a job in this place has its codes.';
