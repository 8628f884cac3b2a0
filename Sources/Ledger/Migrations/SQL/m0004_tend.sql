-- Tending: what falls due by the passing of time alone. Any worker may do it at any moment.

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
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
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
  UPDATE codemint.accounts a
  SET requests_per_second = l.requests_per_second, burst = l.burst,
      max_in_flight = l.max_in_flight, max_in_flight_per_reward = l.max_in_flight_per_reward
  FROM (SELECT min(w.requests_per_second) AS requests_per_second, min(w.burst) AS burst,
               min(w.max_in_flight) AS max_in_flight,
               min(w.max_in_flight_per_reward) AS max_in_flight_per_reward
        FROM codemint.workers w WHERE w.expires_at >= clock_timestamp()) l
  WHERE a.name = 'default'
    AND (a.requests_per_second, a.burst, a.max_in_flight, a.max_in_flight_per_reward)
        IS DISTINCT FROM
        (l.requests_per_second, l.burst, l.max_in_flight, l.max_in_flight_per_reward);
$$;

-- The account's block, if there is one. At most one caller every p_probe_every is told to probe.
CREATE FUNCTION codemint.account_block(
  p_probe_every interval, OUT code text, OUT message text, OUT probe_now boolean
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  IF EXISTS (SELECT FROM codemint.accounts a
             WHERE a.name = 'default' AND a.suspended_at IS NOT NULL) THEN
    code := 'other_cluster';
    message := 'this database is a copy or was restored; if no other one is in use, say so with '
      'SELECT codemint.accept_cluster(''why'')';
    probe_now := false;
    RETURN;
  END IF;
  SELECT a.blocked_code, a.blocked_message, a.probe_at <= v_now INTO code, message, probe_now
  FROM codemint.accounts a WHERE a.name = 'default' AND a.blocked_at IS NOT NULL;
  IF probe_now THEN
    UPDATE codemint.accounts a SET probe_at = v_now + p_probe_every
    WHERE a.name = 'default' AND a.probe_at <= v_now;
    probe_now := FOUND;
  END IF;
END
$$;

-- Records what a probe of a blocked account showed.
CREATE FUNCTION codemint.record_probe(
  p_accepted boolean, p_code text, p_message text, p_again interval
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_accepted THEN
    UPDATE codemint.accounts a
    SET blocked_at = NULL, blocked_code = NULL, blocked_message = NULL, probe_at = NULL
    WHERE a.name = 'default' AND a.blocked_at IS NOT NULL;
    IF FOUND THEN
      PERFORM pg_notify('codemint_jobs', '');
    END IF;
  ELSE
    UPDATE codemint.accounts a
    SET blocked_code = coalesce(p_code, a.blocked_code),
        blocked_message = coalesce(p_message, a.blocked_message),
        probe_at = clock_timestamp() + p_again
    WHERE a.name = 'default' AND a.blocked_at IS NOT NULL;
  END IF;
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
     FROM codemint.accounts a WHERE a.name = 'default' AND a.blocked_at IS NOT NULL),
    (SELECT codemint.microseconds(clock_timestamp(), min(r.reconcile_at))
     FROM codemint.rewards r WHERE r.closed_at IS NOT NULL AND r.reconcile_at > clock_timestamp()))
$$;

-- Whether a reward is due to be reconciled, or a watched one to be listed again.
CREATE FUNCTION codemint.is_reconciling_due() RETURNS boolean
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM codemint.rewards r
    WHERE r.closed_at IS NOT NULL AND r.in_flight = 0
      AND coalesce(r.reconcile_at, '-infinity') <= clock_timestamp()
      AND coalesce(r.reconciler_until, '-infinity') < clock_timestamp())
  OR EXISTS (
    SELECT FROM codemint.rewards r
    WHERE r.watch_at <= clock_timestamp() AND r.closed_at IS NULL
      AND coalesce(r.reconcile_at, '-infinity') <= clock_timestamp()
      AND coalesce(r.reconciler_until, '-infinity') < clock_timestamp())
$$;

-- All of it in one round trip: a row for each call that became doubtful, then one row without a
-- call that says when to come back and whether the account is blocked.
CREATE FUNCTION codemint.tend(
  p_worker uuid, p_host text, p_process integer, p_version text, p_draining boolean,
  p_requests_per_second double precision, p_burst integer, p_max_in_flight integer,
  p_max_in_flight_per_reward integer, p_lifetime interval, p_probe_every interval,
  OUT call_id uuid, OUT job_id bigint, OUT reward_id uuid, OUT next_us bigint,
  OUT block_code text, OUT block_message text, OUT probe_now boolean,
  OUT reconciling_due boolean
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
  job_id := NULL;
  reward_id := NULL;
  SELECT b.code, b.message, b.probe_now INTO block_code, block_message, probe_now
  FROM codemint.account_block(p_probe_every) b;
  reconciling_due := codemint.is_reconciling_due();
  next_us := codemint.next_tending();
  RETURN NEXT;
END
$$;
