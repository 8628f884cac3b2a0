-- Guard rails for money: calls go to an API only after somebody has said so, the codes of a day have a
-- bound, and large jobs wait for a person. All of these are decided where a call is claimed, or before.

-- The API that calls go to.

-- Whether requests stay on this machine: codemint accepts plain HTTP only for loopback addresses. Whatever
-- answers there is a stand-in, and costs nothing.
CREATE OR REPLACE FUNCTION codemint.stays_here(p_api text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN starts_with(p_api, 'http://');
END
$$;

-- Whether an API is a stand-in, whose codes are worth nothing: it is on this machine, or its answers have said so,
-- wherever it is. Nothing but what people are shown follows from this: what an answer says of itself is no leave
-- to buy codes (api_question).
CREATE OR REPLACE FUNCTION codemint.is_stand_in(p_api text) RETURNS boolean
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT codemint.stays_here(p_api) OR EXISTS (SELECT FROM codemint.stand_ins s WHERE s.api = p_api)
$$;
COMMENT ON FUNCTION codemint.is_stand_in(text) IS
  'Whether the API with this base URL is a stand-in, so that its codes are worth nothing.';

-- Whether two base URLs are those of one API. Those of this machine are one, whatever their ports; null if an
-- URL is.
CREATE OR REPLACE FUNCTION codemint.same_api(p_one text, p_other text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN p_one = p_other OR codemint.stays_here(p_one) AND codemint.stays_here(p_other);
END
$$;

-- Why calls may not go to p_api before an operator says so, and what would be bought there; null if they
-- may, or if the asker sends nothing. A queue that was filled while somebody tried things out is not to be
-- bought because a key was set. So a ledger that no answer of the API has ever reached sends one small job
-- by itself, and asks for everything else. What stays on this machine is used without a word. And codes of two
-- APIs in one ledger would be mistaken for each other, and calls of one cannot be listed at the other.
CREATE OR REPLACE FUNCTION codemint.api_question(p_account codemint.account, p_api text) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_small constant integer := 500;
  v_open  record;
BEGIN
  IF p_api IS NULL OR codemint.stays_here(coalesce(p_account.api, p_api)) AND codemint.stays_here(p_api)
     OR p_account.api = p_api AND p_account.api_accepted_at IS NOT NULL THEN
    RETURN NULL;
  END IF;
  SELECT count(*) AS jobs, coalesce(sum(o.count - o.issued), 0) AS codes,
         count(DISTINCT o.reward_id) AS rewards
    INTO v_open
  FROM (SELECT j.count, j.issued, j.reward_id FROM codemint.jobs j
        WHERE j.state IN ('queued', 'running', 'ending') LIMIT 10000) o;
  IF p_account.api <> p_api AND (p_account.api_accepted_at IS NOT NULL OR codemint.has_open_calls()) THEN
    RETURN format('calls of this ledger go to %s, and a daemon would send them to %s; %s open job(s) lack %s '
                  'codes', p_account.api, p_api, v_open.jobs, v_open.codes);
  ELSIF v_open.jobs <= 1 AND v_open.codes <= c_small THEN
    RETURN NULL;
  END IF;
  RETURN format('%s has never answered a call of this ledger, and %s job(s) for %s codes of %s reward(s) would '
                'be bought there', p_api, v_open.jobs, v_open.codes, v_open.rewards);
END
$$;

-- Whether a call is sending or in doubt: only the API that it was sent to can show what became of it.
CREATE OR REPLACE FUNCTION codemint.has_open_calls() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM codemint.calls c WHERE c.state = 'sending')
         OR EXISTS (SELECT FROM codemint.calls c WHERE c.state = 'in_doubt')
$$;

-- What is asked of the operators if no living daemon may send; null if one may.
CREATE OR REPLACE FUNCTION codemint.asked_purchase() RETURNS text
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT max(q.question)
  FROM (SELECT codemint.api_question(a, w.api) AS question
        FROM codemint.account a
        JOIN codemint.workers w ON w.expires_at >= clock_timestamp() AND NOT w.draining) q
  HAVING bool_and(q.question IS NOT NULL)
$$;
COMMENT ON FUNCTION codemint.asked_purchase() IS
  'What would be bought if an operator accepted the API that the daemons are to use; null if nothing is asked.';

-- The same for everybody: it does not tell producers what others have asked for.
CREATE OR REPLACE FUNCTION codemint.fleet_question() RETURNS text
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT 'an operator has to accept the API first: see codemint.waits, then run codemint accept-api'
  WHERE codemint.asked_purchase() IS NOT NULL
$$;
COMMENT ON FUNCTION codemint.fleet_question() IS
  'Whether nothing is sent because nobody has accepted the API yet, in words; null if that is not so.';

CREATE OR REPLACE FUNCTION codemint.accept_api(p_url text, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_url     text := rtrim(p_url, '/');
  v_account codemint.account;
BEGIN
  IF (v_url ~ '^https?://[^/?#@[:space:]]+[^?#@[:space:]]*$' AND char_length(v_url) <= 2000) IS NOT TRUE THEN
    RAISE EXCEPTION 'the base URL of the API must look like https://api.example.com'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO v_account FROM codemint.account a;
  IF v_account.api <> v_url AND codemint.has_open_calls() THEN
    RAISE EXCEPTION 'calls to % have no outcome yet, and only that API can show it', v_account.api
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Run a daemon with that URL until codemint.doubts is empty, or decide its held calls.';
  END IF;
  INSERT INTO codemint.api_acceptances (url, note) VALUES (v_url, nullif(btrim(p_note), ''));
  PERFORM codemint.wake('codemint_control', '');
  RETURN format('calls may go to %s from the next sign of life of a daemon on', v_url);
END
$$;
COMMENT ON FUNCTION codemint.accept_api(text, text) IS
  'Says that codes may be bought from the API with this base URL. Open jobs that have begun elsewhere are held.';

-- Puts the newest acceptance in force. Nobody claims meanwhile, so that no call of the API before can begin;
-- as long as one has no outcome, the change waits.
CREATE OR REPLACE FUNCTION codemint.apply_api() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_wanted  codemint.api_acceptances;
  v_account codemint.account;
BEGIN
  SELECT * INTO v_wanted FROM codemint.api_acceptances n ORDER BY n.id DESC LIMIT 1;
  SELECT * INTO v_account FROM codemint.account a;
  IF v_wanted.id IS NULL OR v_account.api = v_wanted.url AND v_account.api_accepted_at IS NOT NULL THEN
    RETURN;
  END IF;
  PERFORM FROM codemint.turns t WHERE t.turn = 'claims' FOR NO KEY UPDATE;
  SELECT * INTO v_account FROM codemint.account a;
  IF v_account.api <> v_wanted.url THEN
    IF codemint.has_open_calls() THEN
      RETURN;
    ELSIF v_account.api_accepted_at IS NOT NULL THEN
      PERFORM codemint.forget_api();
    END IF;
  END IF;
  UPDATE codemint.account a SET api = v_wanted.url, api_accepted_at = v_wanted.accepted_at;
  PERFORM codemint.wake('codemint_jobs', '');
END
$$;

-- Forgets what was seen of an API that calls do not go to any more. Its codes are no evidence of what another
-- one lists, and nothing of it can be listed.
CREATE OR REPLACE FUNCTION codemint.forget_api() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE codemint.rewards r SET newest_job = NULL, newest_call = NULL WHERE r.newest_call IS NOT NULL;
  UPDATE codemint.reward_watches w SET next_listing_at = NULL, ended = 'unlistable'
  WHERE w.next_listing_at IS NOT NULL;
  UPDATE codemint.tracked_rewards t SET next_pass_at = NULL, given_up_at = clock_timestamp()
  WHERE t.next_pass_at IS NOT NULL;
  UPDATE codemint.account a SET proven_at = NULL, proven_reward = NULL;
  UPDATE codemint.api_clock c
  SET ahead_at_least_us = NULL, ahead_at_most_us = NULL, measured_at = NULL, distrusted_until = NULL;
  DELETE FROM codemint.observed_facts;
END
$$;

-- Remembers the API that the first call of all goes to; the account is locked, and nothing is in the way.
CREATE OR REPLACE FUNCTION codemint.begin_api(p_account codemint.account, p_api text)
RETURNS codemint.account
LANGUAGE plpgsql
AS $$
BEGIN
  IF NOT codemint.same_api(p_api, p_account.api) OR p_api IS NOT NULL AND p_account.api IS NULL THEN
    UPDATE codemint.account a SET api = p_api, api_accepted_at = NULL;
    p_account.api := p_api;
  END IF;
  RETURN p_account;
END
$$;

-- The first clean answer accepts the API: the codes are there, and somebody had asked for so few that this
-- was no slip. The caller saves the account.
CREATE OR REPLACE FUNCTION codemint.accept_by_answer(p_account codemint.account, p_now timestamptz)
RETURNS codemint.account
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_account.api IS NOT NULL AND p_account.api_accepted_at IS NULL THEN
    p_account.api_accepted_at := p_now;
    INSERT INTO codemint.api_acceptances (url, note) VALUES (p_account.api, 'its first answer');
    PERFORM codemint.wake('codemint_jobs', '');
  END IF;
  RETURN p_account;
END
$$;

-- Whether a worker may list rewards: it speaks to the API that the calls went to. Any other would not find
-- their codes and call them absent. A worker that has not announced itself yet has no say.
CREATE OR REPLACE FUNCTION codemint.speaks_to_api(p_worker uuid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT a.api IS NULL
         OR EXISTS (SELECT FROM codemint.workers w WHERE w.id = p_worker
                   AND codemint.same_api(coalesce(w.api, a.api), a.api))
  FROM codemint.account a
$$;

-- Holds a job whose codes are of another API than the one that calls go to; the job and its reward are locked.
CREATE OR REPLACE FUNCTION codemint.hold_for_api(p_job codemint.jobs, p_account codemint.account) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  p_job.held := true;
  p_job.error_code := 'other_api';
  p_job.error_message := format('it has begun at %s, and calls go to %s now: insert a job for the rest',
                                p_job.api, p_account.api);
  PERFORM codemint.save_job(codemint.place_job(p_job, interval '0'));
END
$$;

-- The codes of a day. A call counts on the day of its claim, by the database's clock and in UTC, in the
-- transaction that claims it: so the count is exact, however many daemons there are and whenever they die. A
-- call that was never sent, or that the API refused, gives back what it asked for on the same day. A call
-- that a listing found to be absent does not: its codes may still turn up.

-- The day of a moment.
CREATE OR REPLACE FUNCTION codemint.day_of(p_moment timestamptz) RETURNS date
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN (p_moment AT TIME ZONE 'UTC')::date;
END
$$;

-- When the day of a moment ends.
CREATE OR REPLACE FUNCTION codemint.day_end(p_moment timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT (codemint.day_of(p_moment) + 1)::timestamp AT TIME ZONE 'UTC'
$$;

-- How many more codes the fleet may ask for today; null for no limit.
CREATE OR REPLACE FUNCTION codemint.codes_left(p_account codemint.account, p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_account.codes_per_day
         - CASE WHEN p_account.day = codemint.day_of(p_now) THEN p_account.day_codes ELSE 0 END;
END
$$;

-- How many more codes may be asked for today for jobs of a producer; null for no limit.
CREATE OR REPLACE FUNCTION codemint.producer_left(p_producer text, p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT q.codes_per_day - coalesce((SELECT d.codes FROM codemint.producer_days d
                                       WHERE d.producer = p_producer AND d.day = codemint.day_of(p_now)), 0)
    FROM codemint.quotas q
    WHERE q.id = (SELECT max(n.id) FROM codemint.quotas n WHERE n.producer = p_producer));
END
$$;

-- Counts codes for a producer that has a limit, or gives them back if p_codes is negative. The account is
-- locked, so nobody else writes here.
CREATE OR REPLACE FUNCTION codemint.count_for_producer(
  p_producer text, p_codes integer, p_moment timestamptz
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_day date := codemint.day_of(p_moment);
BEGIN
  IF codemint.producer_left(p_producer, p_moment) IS NULL THEN
    RETURN;
  ELSIF p_codes < 0 THEN
    UPDATE codemint.producer_days d SET codes = greatest(d.codes + p_codes, 0)
    WHERE d.producer = p_producer AND d.day = v_day;
  ELSE
    INSERT INTO codemint.producer_days AS d (producer, day, codes) VALUES (p_producer, v_day, p_codes)
    ON CONFLICT (producer) DO UPDATE
    SET day = excluded.day,
        codes = excluded.codes + CASE WHEN d.day = excluded.day THEN d.codes ELSE 0 END;
  END IF;
END
$$;

-- Counts the codes of a call that was restored, or gives back those of a call that made none (p_codes is
-- negative). The account is locked.
CREATE OR REPLACE FUNCTION codemint.count_for_day(
  p_job codemint.jobs, p_call codemint.calls, p_codes integer
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_day date := codemint.day_of(p_call.created_at);
BEGIN
  UPDATE codemint.account a
  SET day = v_day, day_codes = greatest(CASE WHEN a.day = v_day THEN a.day_codes ELSE 0 END + p_codes, 0)
  WHERE a.day = v_day OR p_codes > 0;
  PERFORM codemint.count_for_producer(p_job.created_by, p_codes, p_call.created_at);
END
$$;

-- Lets jobs of a producer wait for tomorrow: this job, which is the next of its reward, and others of the
-- producer among the next thousand. So each job is in the way of a claim at most once a day. The reward is
-- locked.
CREATE OR REPLACE FUNCTION codemint.park_jobs(p_job codemint.jobs, p_now timestamptz) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
  UPDATE codemint.jobs j
  SET is_new = false, queue_position = NULL, next_call_at = codemint.day_end(p_now),
      updated_at = p_now
  WHERE j.id = p_job.id OR j.id = ANY (ARRAY(
    SELECT s.id FROM codemint.jobs s
    WHERE s.created_by = p_job.created_by AND s.id IN (
      (SELECT n.id FROM codemint.jobs n WHERE n.reward_id = p_job.reward_id AND n.is_new
       ORDER BY n.priority, n.queue_position, n.id LIMIT 1000)
      UNION ALL
      (SELECT q.id FROM codemint.jobs q
       WHERE q.reward_id = p_job.reward_id AND q.queue_position IS NOT NULL AND NOT q.is_new
       ORDER BY q.priority, q.queue_position, q.id LIMIT 1000))
    FOR NO KEY UPDATE SKIP LOCKED));
  PERFORM codemint.count_for_producer(p_job.created_by, 0, p_now);
  PERFORM codemint.refresh_queue(p_job.reward_id);
END
$$;

-- Whether a job waits for tomorrow: it is due, and waits until the very end of the day.
CREATE OR REPLACE FUNCTION codemint.is_parked(p_job codemint.jobs, p_now timestamptz) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT NOT p_job.is_new AND p_job.queue_position IS NULL AND p_job.run_at < p_job.next_call_at
         AND p_job.next_call_at = codemint.day_end(p_now)
$$;

-- Lets jobs proceed that wait for tomorrow, if their producer may have more today after all: its limit was
-- raised or taken back, or calls gave back what they had asked for.
CREATE OR REPLACE FUNCTION codemint.release_parked() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now      timestamptz := clock_timestamp();
  v_end      timestamptz := codemint.day_end(v_now);
  v_producer text;
BEGIN
  FOR v_producer IN
    SELECT d.producer FROM codemint.producer_days d
    WHERE d.day = codemint.day_of(v_now) AND (codemint.producer_left(d.producer, v_now) <= 0) IS NOT TRUE
  LOOP
    UPDATE codemint.jobs j SET next_call_at = v_now
    WHERE j.id = ANY (ARRAY(
      SELECT s.id FROM codemint.jobs s
      WHERE NOT s.is_new AND s.queue_position IS NULL AND s.next_call_at = v_end AND s.run_at < v_end
        AND s.created_by = v_producer
      ORDER BY s.id
      LIMIT 1000
      FOR NO KEY UPDATE SKIP LOCKED));
  END LOOP;
END
$$;

-- Who set a limit, when and why, in words that follow the limit; null if nobody is known.
CREATE OR REPLACE FUNCTION codemint.setter_words(p_by text, p_at timestamptz, p_note text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT ', as ' || p_by || ' set it at ' || date_trunc('second', p_at) || coalesce(' (' || p_note || ')', '')
$$;

-- The guard rail of this name as it was at a time, with who set it to that. Each row of guards repeats what the
-- others had said, so this is the first of the rows that have had the same ever since.
CREATE OR REPLACE FUNCTION codemint.guard_at(p_name text, p_at timestamptz) RETURNS codemint.guards
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH known AS (
    SELECT g AS guard, g.id, to_jsonb(g) -> p_name AS value FROM codemint.guards g WHERE g.set_at <= p_at
  ), latest AS (
    SELECT k.value FROM known k ORDER BY k.id DESC LIMIT 1
  )
  SELECT (k.guard).* FROM known k
  WHERE k.id > (SELECT coalesce(max(o.id), 0) FROM known o, latest l WHERE o.value <> l.value)
  ORDER BY k.id LIMIT 1
$$;

-- The quota that set the codes of a day which a producer has now. Each row repeats what the others had said, as in
-- guard_at.
CREATE OR REPLACE FUNCTION codemint.day_quota(p_producer text) RETURNS SETOF codemint.quotas
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH own AS (
    SELECT * FROM codemint.quotas q WHERE q.producer = p_producer
  ), latest AS (
    SELECT o.codes_per_day FROM own o ORDER BY o.id DESC LIMIT 1
  )
  SELECT k.* FROM own k
  WHERE k.id > (SELECT coalesce(max(o.id), 0) FROM own o, latest l
                WHERE o.codes_per_day IS DISTINCT FROM l.codes_per_day)
  ORDER BY k.id LIMIT 1
$$;

-- Says whose codes of the day were asked for, and who set the limit.
CREATE OR REPLACE FUNCTION codemint.describe_day(
  p_job codemint.jobs, p_account codemint.account, p_now timestamptz
) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE WHEN codemint.codes_left(p_account, p_now) <= 0
              THEN format('the %s codes that may be asked for in a day (UTC) were asked for%s',
                          p_account.codes_per_day,
                          (SELECT codemint.setter_words(g.set_by, g.set_at, g.note)
                           FROM codemint.guard_at('codes_per_day', p_now) g))
              ELSE (
                SELECT format('the %scodes that may be asked for in a day (UTC) for jobs of %s were asked for%s',
                              max(q.codes_per_day) || ' ', p_job.created_by,
                              max(codemint.setter_words(q.set_by, q.set_at, q.note)))
                FROM codemint.day_quota(p_job.created_by) q) END
$$;

-- Says why a job waits for an approval: the limit when it was inserted, and for whoever may know it, who had set it.
CREATE OR REPLACE FUNCTION codemint.describe_approval(p_job codemint.jobs, p_names boolean) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT format('it asks for %s codes, which an operator has to approve', p_job.count)
    || coalesce(': jobs of more than ' || g.approve_above || ' wait'
                || CASE WHEN p_names THEN codemint.setter_words(g.set_by, g.set_at, g.note) ELSE '' END, '')
  FROM codemint.guard_at('approve_above', p_job.created_at) g
$$;

CREATE OR REPLACE FUNCTION codemint.set_codes_per_day(p_codes integer, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
  -- Each row has both numbers: who sets one of them waits for who sets the other.
  PERFORM FROM codemint.turns t WHERE t.turn = 'guards' FOR NO KEY UPDATE;
  INSERT INTO codemint.guards (codes_per_day, approve_above, note)
  VALUES (p_codes, codemint.approve_above(), nullif(btrim(p_note), ''));
  PERFORM codemint.wake('codemint_control', '');
  RETURN 'from the next sign of life of a daemon on: '
    || coalesce(p_codes || ' codes a day (UTC) at most', 'any number of codes a day');
END
$$;
COMMENT ON FUNCTION codemint.set_codes_per_day(integer, text) IS
  'Limits how many codes all daemons together may ask for in a day (UTC); null for no limit. What is above '
  'waits for tomorrow.';

CREATE OR REPLACE FUNCTION codemint.set_approve_above(p_codes integer, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
  PERFORM FROM codemint.turns t WHERE t.turn = 'guards' FOR NO KEY UPDATE;
  INSERT INTO codemint.guards (codes_per_day, approve_above, note)
  VALUES ((SELECT g.codes_per_day FROM codemint.guards g ORDER BY g.id DESC LIMIT 1), p_codes,
          nullif(btrim(p_note), ''));
  RETURN coalesce('jobs of more than ' || p_codes || ' codes that are inserted from now on wait for approve_job',
                  'no job waits for an approval, but those that do already');
END
$$;
COMMENT ON FUNCTION codemint.set_approve_above(integer, text) IS
  'Lets jobs of more codes than this wait for approve_job, if they are inserted from now on; null for no limit.';

-- Everybody may know this: it says what happens to a job before it is inserted.
CREATE OR REPLACE FUNCTION codemint.approve_above() RETURNS integer
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT g.approve_above FROM codemint.guards g ORDER BY g.id DESC LIMIT 1
$$;
COMMENT ON FUNCTION codemint.approve_above() IS
  'Jobs of more codes than this wait for an operator''s approval; null for no limit.';

CREATE OR REPLACE FUNCTION codemint.approve_job(p_job bigint, p_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_job codemint.jobs := codemint.lock_job(p_job);
BEGIN
  IF v_job.state NOT IN ('queued', 'running') THEN
    PERFORM codemint.refuse(v_job, 'there is nothing to approve');
  END IF;
  IF NOT v_job.awaits_approval THEN
    RETURN codemint.describe_job(v_job) || ': nothing was done, because it does not wait for an approval';
  END IF;
  UPDATE codemint.jobs j SET awaits_approval = false WHERE j.id = p_job;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('jobs');
  END IF;
  v_job.awaits_approval := false;
  RETURN 'approved: ' || codemint.steer_job(v_job, 'approve', p_note);
END
$$;
COMMENT ON FUNCTION codemint.approve_job(bigint, text) IS
  'Lets a job proceed that asks for more codes than set_approve_above allows. cancel_job refuses it.';
