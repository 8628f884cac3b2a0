-- What producers may do beside inserting: steer their own jobs, see why these wait, and ask beforehand whether a
-- job would be taken. Nobody learns anything of the jobs of others by it: a job of somebody else is not there, and no
-- lock is waited for before that is known.

-- The role that a statement runs as, also within a function that runs with its owner's rights: jobs.created_by of
-- what it inserts. A session keeps the name that it gave to SET ROLE when that role is renamed, so the name may be
-- that of somebody else by now: null if the login is no member of the role that has it.
CREATE OR REPLACE FUNCTION codemint.caller() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN current_setting('role') = 'none' THEN session_user
              ELSE (SELECT r.rolname FROM pg_roles r
                    WHERE r.rolname = current_setting('role') AND pg_has_role(session_user, r.oid, 'MEMBER')) END
$$;

-- Whether the caller acts for jobs of everybody: an operator, the daemon, or the schema's owner.
CREATE OR REPLACE FUNCTION codemint.acts_for_all() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM pg_roles r
    WHERE (r.rolname IN ('codemint_operator', 'codemint_worker')
           OR r.oid = (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'codemint'))
      AND pg_has_role(codemint.caller(), r.oid, 'USAGE'))
$$;

-- Locks a job that the caller may steer. A producer gets the lock on its own job's row alone, and for two seconds at
-- most: its transaction may stay open, and the reward is not its own.
CREATE OR REPLACE FUNCTION codemint.lock_to_steer(p_job bigint) RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_job codemint.jobs;
BEGIN
  IF codemint.acts_for_all() THEN
    RETURN codemint.lock_job(p_job);
  END IF;
  IF NOT EXISTS (SELECT FROM codemint.jobs j WHERE j.id = p_job AND j.created_by = codemint.caller()) THEN
    RAISE EXCEPTION 'there is no job %', p_job USING ERRCODE = 'no_data_found';
  END IF;
  BEGIN
    -- As in lock_job: what a block with EXCEPTION locks is given back.
    PERFORM FROM codemint.jobs j WHERE j.id = p_job FOR NO KEY UPDATE;
    RAISE EXCEPTION USING ERRCODE = 'CM002';
  EXCEPTION
    WHEN lock_not_available THEN
      PERFORM codemint.refuse_locked('job ' || p_job, NULL);
    WHEN SQLSTATE 'CM002' THEN
      NULL;
  END;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job FOR NO KEY UPDATE;
  RETURN v_job;
END
$$;

-- Whether an operator has paused a job, and its producer may not resume it. Whoever has paused it by hand is one.
CREATE OR REPLACE FUNCTION codemint.is_paused_by_operator(p_job codemint.jobs) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_job.paused AND (
    SELECT a.action = 'pause' AND a.by_producer FROM codemint.job_actions a
    WHERE a.job_id = p_job.id AND a.action IN ('pause', 'resume')
    ORDER BY a.id DESC LIMIT 1) IS NOT TRUE
$$;

-- What goes with the error_code of a job of the caller, in words for its producer: without logins, notes and URLs of
-- operators, and without the words with which the database refuses a row, which may be those of somebody's trigger.
-- The API's own words stay.
CREATE OR REPLACE FUNCTION codemint.own_message(p_job codemint.jobs) RETURNS text
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN CASE
    WHEN p_job.error_code = 'other_api'
    THEN 'it has begun at another API than the one that calls go to now: insert a job for the rest'
    WHEN p_job.error_code = 'unclaimable' THEN 'the database refuses its call; operators see why'
    WHEN p_job.error_code = 'cancelled' AND 'cancelled' IN (p_job.state, p_job.ends_as) AND (
      SELECT a.by_producer FROM codemint.job_actions a
      WHERE a.job_id = (SELECT j.id FROM codemint.jobs j WHERE j.id = p_job.id AND j.created_by = codemint.caller())
        AND a.action = 'cancel'
      ORDER BY a.id DESC LIMIT 1) IS NOT TRUE
    THEN 'an operator has cancelled it'
    ELSE p_job.error_message END;
END
$$;

COMMENT ON FUNCTION codemint.own_message(codemint.jobs) IS
  'For the view my_jobs: what goes with error_code, in words for the producer of the job.';

-- Why a job waits, in words for its producer: they say nothing of other jobs, nor who did what.
CREATE OR REPLACE FUNCTION codemint.tell_producer(p_reason text, p_why text, p_job codemint.jobs) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN CASE p_reason
    WHEN 'decision' THEN 'codemint cannot tell what one of its calls did: an operator has to decide'
    WHEN 'held' THEN concat_ws(': ', 'an operator has to act', p_job.error_code, codemint.own_message(p_job))
    WHEN 'paused' THEN CASE WHEN codemint.is_paused_by_operator(p_job) THEN 'an operator has paused it'
                            ELSE 'you have paused it: SELECT codemint.resume_job(' || p_job.id || ')' END
    WHEN 'approval' THEN codemint.describe_approval(p_job, false)
    WHEN 'time' THEN p_why
    WHEN 'day' THEN 'the codes of today were asked for; it goes on tomorrow'
    WHEN 'api' THEN 'an operator has to say first that codes may be bought from the API'
    WHEN 'suspended' THEN 'an operator has to confirm first that this database is the one to work on'
    WHEN 'locked' THEN 'a transaction keeps locked what it needs; operators see whose'
    WHEN 'daemon' THEN 'no daemon is at work'
    WHEN 'unsettled' THEN 'the database refuses to record what became of its calls; operators see why'
    WHEN 'unclaimable' THEN 'the database refuses its call; operators see why'
    WHEN 'blocked' THEN 'the API refuses the key'
    WHEN 'failing' THEN 'the API fails'
    WHEN 'doubt' THEN 'codemint is finding out what a call for its reward did'
    WHEN 'answers' THEN p_why
    WHEN 'upgrade' THEN 'codemint is being upgraded'
    WHEN 'listing' THEN 'its reward is listed first'
    WHEN 'refused' THEN 'the API has refused its reward, or failed for it, and is asked again later'
    WHEN 'pause' THEN 'the API has asked for a pause, or has just failed'
    WHEN 'reward' THEN 'it runs: as many calls are out for its reward as may be at a time'
    WHEN 'slots' THEN 'as many calls are out as may be'
    WHEN 'pace' THEN 'its next call is due in a moment'
    WHEN 'sync' THEN 'other systems have yet to take its codes'
    WHEN 'turn' THEN CASE WHEN p_job.outstanding > 0 THEN 'it runs' ELSE 'it is due, and other jobs go first' END
    ELSE 'codemint cannot tell; operators see more' END;
END
$$;

-- Whether a job that waits for this goes on only when an operator has done something.
CREATE OR REPLACE FUNCTION codemint.needs_operator(p_reason text, p_until timestamptz, p_job codemint.jobs)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE p_reason
    WHEN 'paused' THEN codemint.is_paused_by_operator(p_job)
    WHEN 'sync' THEN p_until IS NULL
    ELSE p_reason IN ('decision', 'held', 'approval', 'api', 'suspended', 'locked', 'unclaimable', 'unsettled',
                      'unknown', 'daemon', 'blocked') END
$$;

-- The waits of the caller's own jobs.
CREATE OR REPLACE FUNCTION codemint.own_waits(
  OUT job_id bigint, OUT state text, OUT reason text, OUT why text, OUT until timestamptz, OUT since timestamptz,
  OUT needs_operator boolean
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_own bigint[] := ARRAY(
    SELECT j.id FROM codemint.jobs j
    WHERE j.created_by = codemint.caller() AND (j.state IN ('queued', 'running', 'ending') OR j.sync_done_at IS NULL));
BEGIN
  RETURN QUERY
  SELECT w.job_id, w.state, w.reason, codemint.tell_producer(w.reason, w.why, j), w.until,
         CASE WHEN w.reason <> 'locked' THEN w.since END, codemint.needs_operator(w.reason, w.until, j)
  FROM codemint.waits w JOIN codemint.jobs j ON j.id = w.job_id
  WHERE w.job_id = ANY (v_own)
  ORDER BY w.job_id DESC;
END
$$;
COMMENT ON FUNCTION codemint.own_waits() IS 'The rows of the view my_waits.';

-- What is known beforehand of a job: a row for each thing that would refuse it, or have it wait. The parameters are
-- the columns that producers write.
--
-- What is known of the reward comes from jobs that the caller may see: producers see what their own have met. Of texts
-- no more is looked at than shows that they are too long: a regular expression cannot have all of a gigabyte.
CREATE OR REPLACE FUNCTION codemint.check_job(
  p_reward uuid, p_count integer, p_prefix text DEFAULT NULL, p_priority integer DEFAULT NULL,
  p_dedupe_key text DEFAULT NULL, p_run_at timestamptz DEFAULT NULL, p_metadata jsonb DEFAULT NULL,
  OUT verdict text, OUT about text, OUT finding text
) RETURNS SETOF record
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_found codemint.job_finding[] :=
    ARRAY(SELECT f FROM codemint.check_form(p_count, left(p_prefix, 33), p_priority, left(p_dedupe_key, 256), p_run_at,
                                            p_metadata) f)
    || ARRAY(SELECT f FROM codemint.check_key(left(p_dedupe_key, 256)) f)
    || ARRAY(SELECT f FROM codemint.check_limits(p_count, p_priority) f)
    || ARRAY(SELECT f FROM codemint.check_reward(p_reward, left(p_prefix, 33)) f);
  v_worst text := coalesce((SELECT f.verdict FROM unnest(v_found) f
                            ORDER BY array_position('{refused,waits,doubtful,ok}', f.verdict) LIMIT 1), 'ok');
  v_time  interval := CASE WHEN v_worst <> 'refused' THEN codemint.time_for(p_count, p_priority) END;
BEGIN
  RETURN QUERY
  SELECT v_worst, 'job', CASE v_worst
    WHEN 'refused' THEN 'it would be refused'
    WHEN 'waits' THEN 'it would be taken, and wait'
    WHEN 'doubtful' THEN 'it would be taken; see what may go wrong'
    ELSE 'it would be taken' END
  UNION ALL
  SELECT f.verdict, f.about, f.finding FROM unnest(v_found) f
  UNION ALL
  SELECT 'ok', 'time', coalesce('at the pace now it would have its codes in about ' || v_time,
                                'nobody can tell how long it would take: nothing is sent for now')
  WHERE v_worst <> 'refused';
END
$$;
COMMENT ON FUNCTION codemint.check_job(uuid, integer, text, integer, text, timestamptz, jsonb) IS
  'Whether such a job would be taken, what it would wait for, and about how long it would take. Nothing is changed. '
  'verdict is refused, waits, doubtful or ok; the first row is about the job as a whole.';

-- What the table itself says of what producers write, in the words of its constraints.
CREATE OR REPLACE FUNCTION codemint.check_form(
  p_count integer, p_prefix text, p_priority integer, p_dedupe_key text, p_run_at timestamptz, p_metadata jsonb
) RETURNS SETOF codemint.job_finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT f.verdict, f.about, f.finding
  FROM (VALUES
    ('refused', 'count', 'count must be from 1 to 1000000', (p_count BETWEEN 1 AND 1000000) IS NOT TRUE),
    ('refused', 'prefix', 'prefix must have 1 to 32 characters', char_length(p_prefix) NOT BETWEEN 1 AND 32),
    ('refused', 'prefix', 'prefix must not contain control characters',
     p_prefix ~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'),
    ('doubtful', 'prefix', 'Stripe takes only letters from a to z, digits and hyphens in a code, so it would refuse '
     'all codes with this prefix', p_prefix ~ '[^A-Za-z0-9-]'),
    ('refused', 'priority', 'priority must be from 0 (first) to 9 (last)', p_priority NOT BETWEEN 0 AND 9),
    ('refused', 'dedupe_key', 'dedupe_key must have 1 to 255 characters',
     char_length(p_dedupe_key) NOT BETWEEN 1 AND 255),
    ('refused', 'run_at', 'run_at must be a time in the years 1970 to 9999',
     NOT (p_run_at >= '1970-01-01 00:00+00' AND p_run_at < '10000-01-01 00:00+00')),
    ('waits', 'run_at', 'its run_at has not come', p_run_at > clock_timestamp()),
    ('refused', 'metadata', 'metadata must be a JSON object', jsonb_typeof(p_metadata) <> 'object'),
    ('refused', 'metadata', 'metadata must have at most 16384 bytes as text',
     CASE WHEN pg_column_size(p_metadata) > 131072 THEN true ELSE octet_length(p_metadata::text) > 16384 END)
  ) AS f (verdict, about, finding, applies)
  WHERE f.applies
$$;

-- Whether a job of the caller has this key, or had it before it was purged.
CREATE OR REPLACE FUNCTION codemint.check_key(p_dedupe_key text) RETURNS SETOF codemint.job_finding
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 'refused', 'dedupe_key', format('dedupe_key must be unique: job %s was inserted with it before', j.id)
  FROM codemint.jobs j WHERE j.created_by = codemint.caller() AND j.dedupe_key = p_dedupe_key
  UNION ALL
  SELECT 'refused', 'dedupe_key', format('dedupe_key must be unique: job %s was inserted with it before, and purged',
                                         p.job_id)
  FROM codemint.purges p WHERE p.created_by = codemint.caller() AND p.dedupe_key = p_dedupe_key
$$;

-- What operators have limited: for all, and for the caller.
CREATE OR REPLACE FUNCTION codemint.check_limits(p_count integer, p_priority integer)
RETURNS SETOF codemint.job_finding
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_account codemint.account;
  v_state   record;
  v_quota   codemint.quotas;
  v_left    bigint;
BEGIN
  SELECT * INTO v_account FROM codemint.account a;
  SELECT s.state, s.reason INTO v_state FROM codemint.account_status s LIMIT 1;
  SELECT * INTO v_quota FROM codemint.quotas q WHERE q.producer = codemint.caller() ORDER BY q.id DESC LIMIT 1;
  v_left := least(codemint.codes_left(v_account, v_now), codemint.producer_left(codemint.caller(), v_now));
  RETURN QUERY
  SELECT f.verdict, f.about, f.finding
  FROM (VALUES
    ('refused', 'open jobs', format('you may have at most %s open jobs', v_quota.open_jobs),
     v_quota.open_jobs <= (SELECT count(*) FROM (
       SELECT FROM codemint.jobs j
       WHERE j.created_by = v_quota.producer AND j.state IN ('queued', 'running', 'ending')
       LIMIT v_quota.open_jobs) o)),
    ('ok', 'priority', format('it would get priority %s, the best that you may have', v_quota.best_priority),
     coalesce(p_priority, 5) < v_quota.best_priority),
    ('waits', 'approval', format('a job of more than %s codes waits for an operator''s approval',
                                 codemint.approve_above()), p_count > codemint.approve_above()),
    ('waits', 'codes of a day', format('%s of the codes of today are left, so the rest waits until %s',
                                       greatest(v_left, 0), codemint.day_end(v_now)), v_left < p_count),
    ('waits', 'account', 'nothing is sent ' || CASE v_state.state
       WHEN 'unaccepted' THEN 'until an operator has accepted the API'
       WHEN 'blocked' THEN 'until the daemons have a key that the API takes'
       WHEN 'suspended' THEN 'until an operator has said that this database is no copy'
       WHEN 'failing' THEN 'until the API answers again'
       WHEN 'upgrading' THEN 'for a moment: codemint is upgraded'
       ELSE 'for a moment: the API has asked for a pause, or has failed' END,
     v_state.state NOT IN ('open', 'trying', 'spent')),
    ('waits', 'daemon', 'no daemon is at work',
     NOT codemint.is_daemon_at_work(v_now))
  ) AS f (verdict, about, finding, applies)
  WHERE f.applies;
END
$$;

-- What is known of the reward by jobs that the caller may see. Calls of others can have closed the reward, or shown
-- what becomes of a prefix. So a producer is told how the reward is while a job of its own waits for that, which
-- tells as much, and of prefixes that it has got codes with.
CREATE OR REPLACE FUNCTION codemint.check_reward(p_reward uuid, p_prefix text)
RETURNS SETOF codemint.job_finding
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_all    boolean := codemint.acts_for_all();
  v_reward codemint.rewards;
  v_jobs   bigint[] := ARRAY(
    SELECT j.id FROM codemint.jobs j
    WHERE j.reward_id = p_reward AND (v_all OR j.created_by = codemint.caller()) ORDER BY j.id DESC LIMIT 1000);
BEGIN
  IF p_reward IS NULL THEN
    RETURN QUERY SELECT 'refused', 'reward', 'reward_id is missing';
    RETURN;
  ELSIF cardinality(v_jobs) = 0 THEN
    RETURN QUERY SELECT 'ok', 'reward', CASE WHEN v_all THEN 'no job was for this reward yet'
                                             ELSE 'no job of yours was for this reward yet' END;
    RETURN;
  END IF;
  SELECT * INTO v_reward FROM codemint.rewards r
  WHERE r.reward_id = p_reward
    AND (v_all OR EXISTS (SELECT FROM codemint.jobs j
                          WHERE j.id = ANY (v_jobs) AND j.state IN ('queued', 'running') AND NOT j.paused
                            AND NOT j.awaits_approval AND j.run_at <= clock_timestamp()));
  RETURN QUERY
  SELECT f.verdict, f.about, f.finding
  FROM (VALUES
    ('doubtful', 'reward', 'the API did not know this reward at ' || (
       SELECT max(c.settled_at) FROM codemint.calls c WHERE c.job_id = ANY (v_jobs) AND c.http_status = 404), true),
    ('waits', 'reward', 'a job for this reward is held: ' || (
       SELECT max(coalesce(j.error_code, 'a call in doubt')) FROM codemint.jobs j WHERE j.id = ANY (v_jobs) AND j.held),
     true),
    ('waits', 'reward', 'the API has refused this reward, or failed for it, and is asked again at '
       || v_reward.paused_until, v_reward.paused_until > clock_timestamp()),
    ('waits', 'reward', 'codemint is finding out what a call for this reward did', v_reward.closed_at IS NOT NULL),
    ('waits', 'reward', 'this reward has to be listed first', v_reward.awaits_listing),
    ('doubtful', 'prefix', 'codes of this reward did not begin with this prefix', (
       SELECT f.is_altered FROM codemint.prefix_facts(p_reward, p_prefix) f
      WHERE v_all OR EXISTS (SELECT FROM codemint.jobs j
                             WHERE j.id = ANY (v_jobs) AND j.prefix = p_prefix AND j.issued > 0)))
  ) AS f (verdict, about, finding, applies)
  WHERE f.applies AND f.finding IS NOT NULL;
END
$$;

-- About how long a new job would take, behind those of the caller with its priority; null if nobody can tell.
CREATE OR REPLACE FUNCTION codemint.time_for(p_count integer, p_priority integer) RETURNS interval
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT date_trunc('second', codemint.time_until_done(
    greatest(coalesce(p_priority, 5), (
      SELECT q.best_priority FROM codemint.quotas q
      WHERE q.producer = codemint.caller() ORDER BY q.id DESC LIMIT 1))::smallint,
    codemint.caller(), false, NULL, 0, (p_count + 499) / 500, NULL))
$$;
