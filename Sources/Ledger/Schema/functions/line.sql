-- The line: how long a job has to wait, and when it will have its codes.
--
-- Nobody counts a line of a million jobs for each row that is shown. So a housekeeper measures the line
-- every few seconds, and a row looks up what is ahead of it: calls by priority, producer and size of job
-- (line_classes), and places in the order of new jobs (line_marks, at most 257 for a priority).
-- What comes later is not told: jobs of other producers take turns with those that wait.

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
  v_oldest timestamptz;
BEGIN
  SELECT * INTO v_before FROM codemint.line_pace l;
  IF v_begun BETWEEN v_before.measured_at
               AND v_before.measured_at + greatest(interval '5 seconds', v_before.took * 50)
     OR NOT codemint.try_turn('line') THEN
    RETURN false;
  END IF;
  DELETE FROM codemint.line_classes c;
  DELETE FROM codemint.line_marks m;
  WITH waiting AS MATERIALIZED (
    SELECT j.priority, j.is_new, j.created_by, j.queue_position, j.id,
           greatest(j.created_at, j.run_at) AS since,
           (j.count - j.issued - j.outstanding + 499) / 500 AS calls
    FROM (SELECT * FROM codemint.jobs n WHERE n.is_new
          UNION ALL
          SELECT * FROM codemint.jobs p WHERE p.queue_position IS NOT NULL AND NOT p.is_new) j
    WHERE NOT EXISTS (SELECT FROM codemint.rewards r
                      WHERE r.reward_id = j.reward_id AND (r.closed_at IS NOT NULL OR r.awaits_listing))
  ), classes AS (
    INSERT INTO codemint.line_classes (priority, is_new, producer, size_class, jobs, calls, share)
    SELECT w.priority, w.is_new, w.created_by,
           width_bucket(w.calls, ARRAY[2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]), count(*), sum(w.calls),
           codemint.share_of(w.created_by)
    FROM waiting w GROUP BY 1, 2, 3, 4
    RETURNING jobs
  ), ordered AS (
    SELECT w.priority, w.queue_position, w.id,
           row_number() OVER o - 1 AS jobs_ahead, sum(w.calls) OVER o - w.calls AS calls_ahead,
           count(*) OVER (PARTITION BY w.priority) AS total
    FROM waiting w WHERE w.is_new
    WINDOW o AS (PARTITION BY w.priority ORDER BY w.queue_position, w.id
                 ROWS UNBOUNDED PRECEDING)
  ), marks AS (
    INSERT INTO codemint.line_marks (priority, position, job_id, jobs_ahead, calls_ahead)
    SELECT o.priority, o.queue_position, o.id, o.jobs_ahead, o.calls_ahead
    FROM ordered o
    WHERE o.jobs_ahead % ((o.total + 255) / 256) = 0 OR o.jobs_ahead = o.total - 1
  )
  SELECT (SELECT coalesce(sum(c.jobs), 0) FROM classes c), (SELECT min(w.since) FROM waiting w)
  INTO v_jobs, v_oldest;
  DELETE FROM codemint.line_pace l;
  INSERT INTO codemint.line_pace
    (measured_at, took, jobs, rewards, call_seconds, calls_per_second)
  VALUES
    (v_begun, clock_timestamp() - v_begun, v_jobs, codemint.rewards_in_line(),
     (SELECT avg(c.duration_ms) / 1000.0
      FROM (SELECT k.duration_ms FROM codemint.calls k ORDER BY k.created_at DESC LIMIT 100) c),
     codemint.calls_per_second(v_before, v_oldest, v_begun));
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
-- show. Null if the line was empty then or is now, or if its oldest job has not waited for a second: what was
-- claimed while it was empty says nothing of what is possible.
CREATE OR REPLACE FUNCTION codemint.calls_per_second(
  p_before codemint.line_pace, p_oldest timestamptz, p_now timestamptz
) RETURNS double precision
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_since timestamptz := greatest(p_before.measured_at, p_now - interval '10 seconds', p_oldest);
  v_rate  double precision;
BEGIN
  IF (p_oldest IS NOT NULL AND p_before.jobs > 0 AND v_since <= p_now - interval '1 second') IS NOT TRUE THEN
    RETURN NULL;
  END IF;
  SELECT count(*) / extract(epoch FROM p_now - v_since)::double precision INTO v_rate
  FROM codemint.calls c WHERE c.created_at > v_since AND c.created_at <= p_now;
  RETURN (v_rate + coalesce(p_before.calls_per_second, v_rate)) / 2;
END
$$;

-- How many new jobs of a priority get a call before this one does, and how many calls all these need. A job
-- that is not in the queue yet will stand behind those of its producer, and each other producer has as many
-- turns before it, times its share.
CREATE OR REPLACE FUNCTION codemint.new_jobs_ahead(
  p_priority smallint, p_producer text, p_position bigint, p_job bigint, OUT jobs double precision,
  OUT calls double precision
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_own   bigint;
  v_share double precision := codemint.share_of(p_producer);
BEGIN
  IF p_position IS NOT NULL THEN
    SELECT m.jobs_ahead, m.calls_ahead INTO jobs, calls
    FROM codemint.line_marks m
    WHERE m.priority = p_priority AND (m.position, m.job_id) <= (p_position, p_job)
    ORDER BY m.position DESC, m.job_id DESC LIMIT 1;
  ELSE
    SELECT coalesce(sum(c.jobs), 0) INTO v_own
    FROM codemint.line_classes c
    WHERE c.priority = p_priority AND c.is_new AND c.producer = p_producer;
    SELECT sum(least(o.jobs, o.turns)), sum(o.calls * least(1.0, o.turns / o.jobs))
      INTO jobs, calls
    FROM (SELECT sum(c.jobs) AS jobs, sum(c.calls) AS calls,
                 greatest((v_own + 1) * max(c.share) / v_share - 1, 0) AS turns
          FROM codemint.line_classes c
          WHERE c.priority = p_priority AND c.is_new GROUP BY c.producer) o;
  END IF;
  jobs := coalesce(jobs, 0);
  calls := coalesce(calls, 0);
END
$$;

-- How many calls go out before a job has made so many calls, its own included.
--
-- Better priorities go first with everything. A new job waits for the new jobs ahead of it, and for as many
-- calls of others, because the two alternate. Then each further call costs the job a round: one call of each
-- job of its producer that has had calls. Every other producer has as many turns meanwhile, times its share,
-- as long as its calls last, and new jobs have every other call.
CREATE OR REPLACE FUNCTION codemint.calls_until_done(
  p_priority smallint, p_producer text, p_is_new boolean, p_position bigint, p_job bigint, p_calls integer
) RETURNS double precision
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_waits  boolean := p_is_new OR p_position IS NULL;
  v_share  double precision := codemint.share_of(p_producer);
  v_ahead  record;
  v_line   record;
  v_own    record;
  -- Of its first round, a job that has had calls has half behind it on average.
  v_rounds double precision := p_calls - CASE WHEN v_waits THEN 1 ELSE 0.5 END;
  v_first  double precision := 0;
  v_new    double precision;
  v_left   double precision := 1;
  v_placed double precision;
  v_turns  double precision;
  v_most   double precision;
  v_rest   double precision;
BEGIN
  SELECT coalesce(sum(c.calls) FILTER (WHERE c.priority < p_priority), 0) AS better,
         coalesce(sum(c.calls) FILTER (WHERE c.priority = p_priority), 0) AS same,
         coalesce(sum(c.jobs) FILTER (WHERE c.priority = p_priority AND c.is_new), 0) AS new_jobs,
         coalesce(sum(c.calls) FILTER (WHERE c.priority = p_priority AND NOT c.is_new), 0) AS placed_calls
    INTO v_line
  FROM codemint.line_classes c WHERE c.priority <= p_priority;
  SELECT coalesce(sum(c.jobs) FILTER (WHERE NOT c.is_new), 0) AS placed,
         coalesce(sum(c.jobs) FILTER (WHERE c.is_new), 0) AS new_jobs,
         -- The share of new jobs that come back for more.
         coalesce(sum(c.jobs) FILTER (WHERE c.is_new AND c.size_class > 0)
                  / nullif(sum(c.jobs) FILTER (WHERE c.is_new), 0), 0)::double precision AS returning
    INTO v_own
  FROM codemint.line_classes c WHERE c.priority = p_priority AND c.producer = p_producer;
  v_new := v_line.new_jobs;
  v_placed := v_own.placed;
  IF v_waits THEN
    v_ahead := codemint.new_jobs_ahead(p_priority, p_producer, CASE WHEN p_is_new THEN p_position END, p_job);
    v_first := least(v_ahead.jobs, v_line.placed_calls + v_ahead.calls - v_ahead.jobs);
    -- The share of the calls of others that is left when the job has had its first call.
    v_left := 1 - v_first / greatest(v_line.same - v_line.new_jobs, v_first, 1);
    v_first := v_first + v_ahead.jobs + 1;
    v_new := greatest(v_new - v_ahead.jobs - 1, 0);
    v_placed := v_placed + 1 + least(v_ahead.jobs, v_own.new_jobs) * v_own.returning;
  END IF;
  v_placed := greatest(v_placed, 1);
  v_turns := CASE WHEN v_own.returning = 0 THEN v_placed * v_rounds
                  ELSE v_placed * (power(1 + v_own.returning, least(v_rounds, 60)) - 1) / v_own.returning END;
  -- Nobody has more turns than calls.
  SELECT coalesce(sum(least(c.jobs * v_rounds,
                            (c.calls - CASE WHEN c.is_new THEN c.jobs ELSE 0 END) * v_left)), 0) INTO v_most
  FROM codemint.line_classes c WHERE c.priority = p_priority AND c.producer = p_producer;
  v_turns := least(v_turns, greatest(v_most, v_rounds));
  SELECT v_turns + coalesce(sum(least(o.calls * v_left, v_turns * o.share / v_share)), 0) INTO v_rest
  FROM (SELECT sum(c.calls - CASE WHEN c.is_new THEN c.jobs ELSE 0 END) AS calls, max(c.share) AS share
        FROM codemint.line_classes c
        WHERE c.priority = p_priority AND c.producer IS DISTINCT FROM p_producer GROUP BY c.producer) o;
  RETURN v_line.better
    + greatest(least(v_first + v_rest + least(v_new, v_rest), v_line.same), p_calls);
END
$$;

-- Whether the login may know how many jobs of a producer wait: it can work as that producer, or may read
-- every job anyway. A role is looked up by a name, and not read from a text as to_regrole does: of a huge one that
-- takes hours, and nobody can cancel it.
CREATE OR REPLACE FUNCTION codemint.knows_producer(p_producer text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT
    FROM unnest(ARRAY[p_producer, current_user::text, 'codemint_operator', 'codemint_reader',
                      'codemint_worker']) AS r (name)
    JOIN pg_roles o ON o.rolname = r.name::name
    WHERE pg_has_role(session_user, o.oid, 'MEMBER'))
$$;

-- How long it takes until a job has its codes: what is ahead of it, at the pace now. Null if nobody can
-- tell, because nothing is sent for now or the codes of the day do not suffice. p_calls is 0 if everything that the job lacks has been asked for.
-- The function shows nothing of any other job but what the waiting time itself shows: for a producer that the
-- login may know nothing of, it tells what a producer without jobs would wait.
CREATE OR REPLACE FUNCTION codemint.time_until_done(
  p_priority smallint, p_producer text, p_is_new boolean, p_position bigint, p_job bigint, p_calls integer,
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
     OR codemint.is_suspended() OR codemint.asked_purchase() IS NOT NULL
     OR codemint.codes_left(v_account, v_now) <= greatest(p_calls - 1, 0) * 500
     OR NOT codemint.is_daemon_at_work(v_now) THEN
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
      codemint.calls_until_done(
        p_priority, CASE WHEN codemint.knows_producer(p_producer) THEN p_producer END, p_is_new, p_position,
        p_job, p_calls) / v_pace
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
COMMENT ON FUNCTION codemint.time_until_done(smallint, text, boolean, bigint, bigint, integer, timestamptz) IS
  'An estimate for the views: how long it takes until a job in this place has its codes.';
