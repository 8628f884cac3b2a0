-- Tending: what falls due by the passing of time alone. Any worker may do it at any moment.

-- Microseconds until the next job leaves the waiting room; null if it is empty.
CREATE FUNCTION codemint.next_due(p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT codemint.microseconds(p_now, next_call_at)
    FROM codemint.jobs
    WHERE turn IS NULL AND next_call_at IS NOT NULL
    ORDER BY next_call_at
    LIMIT 1);
END
$$;

-- Microseconds until the first pause of an open reward ends; null if none is paused.
CREATE FUNCTION codemint.next_reopening(p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT codemint.microseconds(p_now, min(r.paused_until))
    FROM codemint.rewards r WHERE r.paused_until > p_now AND r.closed_at IS NULL);
END
$$;

-- Calls whose lease ran out become doubtful and their rewards close. One reward at a time, in
-- order; a reward that somebody has locked is left for the next time.
CREATE FUNCTION codemint.expire_leases(
  OUT call_id uuid, OUT job_id bigint, OUT reward_id uuid
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_reward  uuid;
  v_expired integer;
  v_total   integer := 0;
BEGIN
  FOR v_reward IN
    SELECT DISTINCT c.reward_id FROM codemint.calls c
    WHERE c.state = 'sending' AND c.lease_expires_at < v_now
    ORDER BY c.reward_id
  LOOP
    PERFORM FROM codemint.rewards r WHERE r.reward_id = v_reward FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    v_expired := 0;
    FOR call_id, job_id, reward_id IN
      UPDATE codemint.calls c
      SET state = 'in_doubt', error_code = 'lease_expired',
          error_message = 'its worker did not renew the lease; it is not known what became of it',
          updated_at = v_now
      WHERE c.id IN (
        SELECT s.id FROM codemint.calls s
        WHERE s.reward_id = v_reward AND s.state = 'sending' AND s.lease_expires_at < v_now
        FOR UPDATE SKIP LOCKED)
      RETURNING c.id, c.job_id, c.reward_id
    LOOP
      v_expired := v_expired + 1;
      RETURN NEXT;
    END LOOP;
    UPDATE codemint.rewards r
    SET in_flight = r.in_flight - v_expired, closed_at = coalesce(r.closed_at, v_now),
        reconcile_at = NULL
    WHERE r.reward_id = v_reward AND v_expired > 0;
    v_total := v_total + v_expired;
  END LOOP;
  IF v_total > 0 THEN
    UPDATE codemint.accounts a SET in_flight = a.in_flight - v_total WHERE a.name = 'default';
  END IF;
END
$$;

-- Jobs whose time has come join the line; returns how many. Nobody is waited for, so they arrive
-- as new ones do, without their rewards' locks. Whatever statistics say, it reads what is due: hence
-- the plan, and the moment as a variable, which an index can be searched for.
CREATE FUNCTION codemint.line_up() RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
  v_now    timestamptz := clock_timestamp();
  v_number integer;
BEGIN
  WITH lined AS (
    UPDATE codemint.jobs j SET turn = 0
    WHERE j.id = ANY (ARRAY(
      SELECT d.id FROM codemint.jobs d
      WHERE d.turn IS NULL AND d.next_call_at <= v_now
      ORDER BY d.next_call_at, d.id
      LIMIT 1000
      FOR UPDATE SKIP LOCKED))
    RETURNING j.id, j.reward_id, j.priority, j.next_call_at
  ), arrived AS (
    INSERT INTO codemint.arrivals (reward_id, priority, due_at, job_id)
    SELECT DISTINCT ON (l.reward_id) l.reward_id, l.priority, l.next_call_at, l.id
    FROM lined l
    ORDER BY l.reward_id, l.priority, l.next_call_at, l.id
  )
  SELECT count(*) INTO v_number FROM lined;
  IF v_number > 0 THEN
    PERFORM pg_notify('codemint_jobs', '');
  END IF;
  RETURN v_number;
END
$$;

-- Announces a worker. The limits in force are the smallest of those that living workers bring.
CREATE FUNCTION codemint.announce_worker(
  p_worker uuid, p_host text, p_process integer, p_version text, p_draining boolean,
  p_requests_per_second double precision, p_burst integer, p_max_in_flight integer,
  p_max_in_flight_per_reward integer, p_lifetime interval
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM codemint.workers w WHERE w.expires_at < clock_timestamp() - interval '1 day';
  INSERT INTO codemint.workers AS w
    (id, host, process, version, draining, requests_per_second, burst, max_in_flight,
     max_in_flight_per_reward, expires_at)
  VALUES
    (p_worker, p_host, p_process, p_version, p_draining, p_requests_per_second, p_burst,
     p_max_in_flight, p_max_in_flight_per_reward, clock_timestamp() + p_lifetime)
  ON CONFLICT (id) DO UPDATE
  SET draining = excluded.draining, seen_at = clock_timestamp(), expires_at = excluded.expires_at,
      requests_per_second = excluded.requests_per_second, burst = excluded.burst,
      max_in_flight = excluded.max_in_flight,
      max_in_flight_per_reward = excluded.max_in_flight_per_reward;
  PERFORM codemint.apply_limits();
END
$$;

-- Puts the limits in force: what an operator has set, else the smallest that living workers bring.
-- Every worker is told if that changes anything.
CREATE FUNCTION codemint.apply_limits() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE codemint.accounts a
  SET requests_per_second = n.requests_per_second, burst = n.burst,
      max_in_flight = n.max_in_flight, max_in_flight_per_reward = n.max_in_flight_per_reward
  FROM (SELECT o.name,
               coalesce(o.set_requests_per_second, l.requests_per_second, o.requests_per_second)
                 AS requests_per_second,
               coalesce(o.set_burst, l.burst, o.burst) AS burst,
               coalesce(o.set_max_in_flight, l.max_in_flight, o.max_in_flight) AS max_in_flight,
               coalesce(o.set_max_in_flight_per_reward, l.max_in_flight_per_reward,
                        o.max_in_flight_per_reward) AS max_in_flight_per_reward
        FROM codemint.accounts o,
             (SELECT min(w.requests_per_second) AS requests_per_second, min(w.burst) AS burst,
                     min(w.max_in_flight) AS max_in_flight,
                     min(w.max_in_flight_per_reward) AS max_in_flight_per_reward
              FROM codemint.workers w WHERE w.expires_at >= clock_timestamp()) l) n
  WHERE a.name = 'default' AND n.name = a.name
    -- Nothing is in force before all of it is.
    AND num_nulls(n.requests_per_second, n.burst, n.max_in_flight, n.max_in_flight_per_reward) = 0
    AND (a.requests_per_second, a.burst, a.max_in_flight, a.max_in_flight_per_reward)
        IS DISTINCT FROM
        (n.requests_per_second, n.burst, n.max_in_flight, n.max_in_flight_per_reward);
  IF FOUND THEN
    PERFORM pg_notify('codemint_limits', '');
  END IF;
END
$$;

-- Takes a worker that stopped off the list: its limits no longer count, and what room it had in
-- flight is the others' at once.
CREATE FUNCTION codemint.retire_worker(p_worker uuid) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  DELETE FROM codemint.workers w WHERE w.id = p_worker;
  SELECT pg_notify('codemint_jobs', '');
$$;

-- Why the account may not send, if so. At most one caller every p_probe_every is told to probe, and
-- the probe takes a slot like any other request.
CREATE FUNCTION codemint.account_block(
  p_probe_every interval, OUT code text, OUT message text, OUT probe_now boolean
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_account codemint.accounts;
BEGIN
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  IF v_account.suspended_at IS NOT NULL THEN
    code := 'other_cluster';
    message := v_account.suspended_reason || '; if no other one is in use, say so with '
      'SELECT codemint.accept_cluster(''why'')';
    probe_now := false;
    RETURN;
  ELSIF v_account.blocked_at IS NOT NULL THEN
    code := v_account.blocked_code;
    message := v_account.blocked_message;
  ELSIF v_account.breaker = 'open' THEN
    code := 'api_failing';
    message := format('%s failures in a row; asked with GET /v1/team until it answers',
                      v_account.failures);
  ELSE
    RETURN;
  END IF;
  probe_now := v_account.probe_at <= v_now;
  IF probe_now THEN
    UPDATE codemint.accounts a
    SET probe_at = v_now + p_probe_every, next_slot_at = (codemint.next_slot(a, v_now)).following
    WHERE a.name = 'default' AND a.probe_at <= v_now;
    probe_now := FOUND;
  END IF;
END
$$;

-- Records what a probe showed. An accepted key unblocks the account, and any answer ends what the
-- breaker waited for: from then on one call goes out at a time until one is clean.
CREATE FUNCTION codemint.record_probe(
  p_accepted boolean, p_code text, p_message text, p_again interval
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_account codemint.accounts;
BEGIN
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  IF v_account.blocked_at IS NULL AND v_account.breaker IS DISTINCT FROM 'open' THEN
    RETURN;
  END IF;
  v_account.probe_at := v_now + p_again;
  IF p_accepted OR p_code IS NOT NULL THEN
    IF v_account.breaker = 'open' THEN
      v_account.breaker := 'trial';
      IF v_account.pause_reason IS DISTINCT FROM 'throttled' THEN
        v_account.paused_until := NULL;
        v_account.pause_reason := NULL;
      END IF;
    END IF;
    v_account.blocked_at := CASE WHEN NOT p_accepted
                                 THEN coalesce(v_account.blocked_at, v_now) END;
    v_account.blocked_code := p_code;
    v_account.blocked_message := p_message;
    IF p_accepted THEN
      v_account.probe_at := NULL;
      PERFORM pg_notify('codemint_jobs', '');
    END IF;
  END IF;
  PERFORM codemint.save_account(v_account);
END
$$;

-- What an answer says of the pace, beside what was asked of it: p_refused if it was a 429, p_pause
-- if it names a time to wait, p_ceiling if it names requests a second that are left. p_age is how
-- long ago the request left.
CREATE FUNCTION codemint.heed_feedback(
  p_refused boolean, p_pause interval, p_ceiling double precision, p_age interval
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_account codemint.accounts;
BEGIN
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  IF p_refused THEN
    v_account := codemint.account_throttled(v_account, v_now, v_now - p_age,
                                            coalesce(p_pause, interval '1 second'));
  ELSIF p_pause IS NOT NULL THEN
    v_account.paused_until := greatest(v_account.paused_until, v_now + p_pause);
    v_account.pause_reason := 'throttled';
  END IF;
  IF p_ceiling < codemint.current_pace(v_account, v_now) THEN
    v_account.pace := greatest(p_ceiling, least(v_account.requests_per_second / 20, 0.5));
    v_account.pace_at := v_now;
    v_account.pace_reason := 'announced';
  END IF;
  PERFORM codemint.save_account(v_account);
END
$$;

-- Microseconds until something falls due: a lease, or a job in the waiting room.
CREATE FUNCTION codemint.next_tending() RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT least(
    codemint.next_due(clock_timestamp()),
    (SELECT codemint.microseconds(clock_timestamp(), min(c.lease_expires_at))
     FROM codemint.calls c WHERE c.state = 'sending'),
    (SELECT codemint.microseconds(clock_timestamp(), a.probe_at)
     FROM codemint.accounts a
     WHERE a.name = 'default' AND (a.blocked_at IS NOT NULL OR a.breaker = 'open')),
    (SELECT codemint.microseconds(clock_timestamp(), min(r.reconcile_at))
     FROM codemint.rewards r
     WHERE (r.closed_at IS NOT NULL OR r.watch_step < 0) AND r.reconcile_at > clock_timestamp()))
$$;

-- Whether the API may be asked to list: not while it refuses the key or the breaker is open, so
-- that many closed rewards do not try in vain, each every few seconds.
CREATE FUNCTION codemint.may_list() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT a.blocked_at IS NULL AND a.suspended_at IS NULL AND a.breaker IS DISTINCT FROM 'open'
  FROM codemint.accounts a WHERE a.name = 'default'
$$;

-- Whether a worker may take a reward, to reconcile it or to list it: none has it, and its pause is
-- over.
CREATE FUNCTION codemint.is_free(p_reward codemint.rewards, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN coalesce(p_reward.reconcile_at, '-infinity') <= p_now
         AND coalesce(p_reward.reconciler_until, '-infinity') < p_now;
END
$$;

-- Whether a reward is due to be reconciled, or a watched one to be listed again.
CREATE FUNCTION codemint.is_reconciling_due() RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT codemint.may_list() AND (EXISTS (
    SELECT FROM codemint.rewards r
    WHERE r.closed_at IS NOT NULL AND r.in_flight = 0 AND codemint.is_free(r, clock_timestamp()))
  OR EXISTS (
    SELECT FROM codemint.rewards r
    WHERE r.watch_at <= clock_timestamp() AND r.closed_at IS NULL
      AND codemint.is_free(r, clock_timestamp())))
$$;

-- All of it in one round trip: a row for each call that became doubtful and for each thing that an
-- operator did, then one row without a job that says when to come back and whether the account is
-- blocked.
CREATE FUNCTION codemint.tend(
  p_worker uuid, p_host text, p_process integer, p_version text, p_draining boolean,
  p_requests_per_second double precision, p_burst integer, p_max_in_flight integer,
  p_max_in_flight_per_reward integer, p_lifetime interval, p_probe_every interval,
  OUT call_id uuid, OUT job_id bigint, OUT reward_id uuid,
  OUT action text, OUT done_by text, OUT state_before text, OUT state_after text, OUT next_us bigint,
  OUT block_code text, OUT block_message text, OUT probe_now boolean,
  OUT reconciling_due boolean, OUT api_failing boolean, OUT max_in_flight integer
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM codemint.check_cluster();
  PERFORM codemint.announce_worker(
    p_worker, p_host, p_process, p_version, p_draining, p_requests_per_second, p_burst,
    p_max_in_flight, p_max_in_flight_per_reward, p_lifetime);
  PERFORM codemint.line_up();
  FOR call_id, job_id, reward_id IN
    SELECT e.call_id, e.job_id, e.reward_id FROM codemint.expire_leases() e
  LOOP
    RETURN NEXT;
  END LOOP;
  call_id := NULL;
  reward_id := NULL;
  -- Not to a worker that is stopping: it may have no time to say so.
  IF NOT p_draining THEN
    FOR job_id, action, done_by, state_before, state_after IN
      SELECT t.job_id, t.action, t.done_by, t.state_before, t.state_after
      FROM codemint.tell_actions() t
    LOOP
      RETURN NEXT;
    END LOOP;
  END IF;
  job_id := NULL;
  action := NULL;
  SELECT b.code, b.message, b.probe_now INTO block_code, block_message, probe_now
  FROM codemint.account_block(p_probe_every) b;
  reconciling_due := codemint.is_reconciling_due();
  SELECT a.breaker IS NOT NULL, a.max_in_flight INTO api_failing, max_in_flight
  FROM codemint.accounts a WHERE a.name = 'default';
  next_us := codemint.next_tending();
  RETURN NEXT;
END
$$;
