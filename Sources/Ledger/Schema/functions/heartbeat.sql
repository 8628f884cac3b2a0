-- The heartbeat: a worker shows that it is alive, and does whatever has fallen due with time. Any
-- worker may send a heartbeat at any time.

-- What a worker does with every sign of life, after announce_worker has recorded that it lives: puts
-- limits in force, mends what is wrong (heal), places jobs that are due, ends leases that ran out, fetches
-- the actions of operators, and says whether the account is blocked and the API is to be probed. Returns a
-- row for each call that became doubtful, and a row for each action of an operator. The last row has no
-- job: it says when the next heartbeat is due, whether the account is blocked, what was mended, and why
-- the fleet stands still if it does (stalled_since). p_code is the checksum of the functions that the
-- worker was built with (require_code).
--
-- All of this can wait for a table that somebody has locked. Then the announcement becomes a transaction of its own:
-- else waits would say that no daemon lives, and name the lock to nobody.
CREATE OR REPLACE FUNCTION codemint.heartbeat(
  p_draining boolean, p_code text, p_api text DEFAULT NULL,
  OUT call_id uuid, OUT job_id bigint, OUT reward_id uuid,
  OUT action text, OUT done_by text, OUT state_before text, OUT state_after text, OUT next_us bigint,
  OUT block_code text, OUT block_message text, OUT probe_now boolean, OUT jobs_waiting boolean,
  OUT reconciling_due boolean, OUT api_failing boolean, OUT max_in_flight integer,
  OUT mended text[], OUT stall text
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_mended text[];
BEGIN
  PERFORM codemint.require_code(p_code);
  PERFORM codemint.require_sight();
  v_mended := codemint.restore_rows();
  PERFORM codemint.check_cluster();
  PERFORM codemint.apply_limits();
  PERFORM codemint.apply_api();
  v_mended := v_mended || codemint.heal();
  PERFORM codemint.release_parked();
  PERFORM codemint.place_due_jobs();
  PERFORM codemint.forget_listed();
  FOR call_id, job_id, reward_id IN
    SELECT e.call_id, e.job_id, e.reward_id FROM codemint.expire_leases() e
  LOOP
    RETURN NEXT;
  END LOOP;
  call_id := NULL;
  reward_id := NULL;
  -- A worker that is stopping is not told of actions: it may have no time left to log them.
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
  FROM codemint.account_block(p_api) b;
  jobs_waiting := EXISTS (SELECT FROM codemint.jobs j WHERE j.queue_position IS NOT NULL)
    OR EXISTS (SELECT FROM codemint.pending_placements p);
  reconciling_due := codemint.is_reconciling_due();
  SELECT a.breaker IS NOT NULL, a.max_in_flight INTO api_failing, max_in_flight
  FROM codemint.account a;
  next_us := codemint.next_due_at();
  mended := v_mended;
  PERFORM codemint.watch_claims(clock_timestamp());
  stall := 'nothing is claimed since ' || date_trunc('second', codemint.stalled_since()) || '; '
    || codemint.describe_claims(codemint.last_claimed_at());
  RETURN NEXT;
END
$$;

-- Checks that the database is still the same, and records that a worker is alive, its limits and the
-- lengths that it works with. Returns p_draining, for the heartbeat that comes next.
CREATE OR REPLACE FUNCTION codemint.announce_worker(
  p_worker uuid, p_site codemint.daemon_site, p_draining boolean,
  p_requests_per_second double precision, p_burst integer, p_max_in_flight integer,
  p_max_in_flight_per_reward integer, p_lengths codemint.call_lengths, p_lifetime interval,
  p_code text
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM codemint.require_code(p_code);
  PERFORM codemint.check_cluster();
  DELETE FROM codemint.workers w
  WHERE w.id IN (SELECT d.id FROM codemint.workers d
                 WHERE d.expires_at < clock_timestamp() - interval '1 day'
                 FOR UPDATE SKIP LOCKED);
  -- If somebody has locked the worker's row, the next heartbeat writes it. This one does the rest.
  UPDATE codemint.workers w
  SET draining = p_draining, seen_at = clock_timestamp(),
      expires_at = clock_timestamp() + p_lifetime,
      requests_per_second = p_requests_per_second, burst = p_burst,
      max_in_flight = p_max_in_flight, max_in_flight_per_reward = p_max_in_flight_per_reward,
      lease = p_lengths.lease, api_timeout = p_lengths.api_timeout,
      listing_gap = p_lengths.listing_gap, api = p_site.api
  WHERE w.id IN (SELECT o.id FROM codemint.workers o
                 WHERE o.id = p_worker FOR NO KEY UPDATE SKIP LOCKED);
  IF FOUND THEN
    RETURN p_draining;
  ELSIF NOT EXISTS (SELECT FROM codemint.workers w WHERE w.id = p_worker) THEN
    INSERT INTO codemint.workers AS w
      (id, host, process, version, draining, requests_per_second, burst, max_in_flight,
       max_in_flight_per_reward, lease, api_timeout, listing_gap, expires_at, api)
    VALUES
      (p_worker, p_site.host, p_site.process, p_site.version, p_draining, p_requests_per_second, p_burst,
       p_max_in_flight, p_max_in_flight_per_reward, p_lengths.lease, p_lengths.api_timeout,
       p_lengths.listing_gap, clock_timestamp() + p_lifetime, p_site.api)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
      RETURN p_draining;
    END IF;
  END IF;
  PERFORM FROM codemint.workers w WHERE w.id = p_worker FOR NO KEY UPDATE SKIP LOCKED;
  IF FOUND OR NOT EXISTS (SELECT FROM codemint.workers w WHERE w.id = p_worker) THEN
    -- Nobody has locked it, and yet it was not written.
    PERFORM codemint.refuse_silence('workers');
  END IF;
  RETURN p_draining;
END
$$;

-- Records why a worker's last claim failed; null if it did not. If it is not known why a job waits,
-- waits shows this.
CREATE OR REPLACE FUNCTION codemint.note_claims(p_worker uuid, p_error text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.workers w
  SET claim_error = p_error,
      claim_failed_at = CASE WHEN p_error IS NOT NULL
                             THEN coalesce(w.claim_failed_at, clock_timestamp()) END
  WHERE w.id IN (
    SELECT o.id FROM codemint.workers o WHERE o.id = p_worker FOR NO KEY UPDATE SKIP LOCKED)
$$;

-- Removes a worker that has stopped, so that its limits no longer count. What it did until now is no sign that one
-- still works (worked_at).
CREATE OR REPLACE FUNCTION codemint.retire_worker(p_worker uuid) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
  DELETE FROM codemint.workers w
  WHERE w.id IN (SELECT o.id FROM codemint.workers o WHERE o.id = p_worker FOR UPDATE SKIP LOCKED);
  UPDATE codemint.healing h SET retired_at = clock_timestamp()
  WHERE h.only_row IN (SELECT s.only_row FROM codemint.healing s FOR NO KEY UPDATE SKIP LOCKED);
  SELECT codemint.wake('codemint_jobs', '');
$$;

-- Puts calls whose lease has run out in doubt, and closes their rewards. Rewards are locked one at
-- a time, in order. A reward that somebody else has locked is left for the next heartbeat.
CREATE OR REPLACE FUNCTION codemint.expire_leases(
  OUT call_id uuid, OUT job_id bigint, OUT reward_id uuid
) RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_reward  uuid;
  v_calls   uuid[];
  v_jobs    bigint[];
  v_total   integer := 0;
  v_context text;
BEGIN
  FOR v_reward IN
    SELECT DISTINCT c.reward_id FROM codemint.calls c
    WHERE c.state = 'sending' AND c.lease_expires_at < v_now
    ORDER BY c.reward_id
  LOOP
    -- Somebody may have deleted the row: it is made again.
    CONTINUE WHEN (codemint.try_reward(v_reward)).reward_id IS NULL;
    BEGIN
      WITH expired AS (
        UPDATE codemint.calls c
        SET state = 'in_doubt', error_code = 'lease_expired',
            error_message = 'its worker did not renew the lease; it is not known what became of it',
            updated_at = v_now
        WHERE c.id IN (
          SELECT s.id FROM codemint.calls s
          WHERE s.reward_id = v_reward AND s.state = 'sending' AND s.lease_expires_at < v_now
          FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING c.id, c.job_id
      )
      SELECT array_agg(e.id), array_agg(e.job_id) INTO v_calls, v_jobs FROM expired e;
      IF v_calls IS NULL THEN
        PERFORM FROM codemint.calls s
        WHERE s.reward_id = v_reward AND s.state = 'sending' AND s.lease_expires_at < v_now
        FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
          PERFORM codemint.refuse_silence('calls');
        END IF;
      END IF;
      UPDATE codemint.rewards r
      SET in_flight = greatest(r.in_flight - cardinality(v_calls), 0),
          closed_at = coalesce(r.closed_at, v_now), reconcile_at = NULL
      WHERE r.reward_id = v_reward AND cardinality(v_calls) > 0;
      IF NOT FOUND AND cardinality(v_calls) > 0 THEN
        PERFORM codemint.refuse_silence('rewards');
      END IF;
    EXCEPTION
      WHEN OTHERS THEN
        -- Somebody's trigger or constraint refuses the rows: that must not end the whole heartbeat.
        GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT;
        PERFORM codemint.note_caught(v_reward, 'doubt', NULL, SQLSTATE, SQLERRM, v_context);
        CONTINUE;
    END;
    v_total := v_total + coalesce(cardinality(v_calls), 0);
    reward_id := v_reward;
    FOR call_id, job_id IN SELECT * FROM unnest(v_calls, v_jobs) LOOP
      RETURN NEXT;
    END LOOP;
  END LOOP;
  IF v_total > 0 THEN
    UPDATE codemint.account a SET in_flight = greatest(a.in_flight - v_total, 0);
    IF NOT FOUND THEN
      PERFORM codemint.refuse_silence('account');
    END IF;
  END IF;
END
$$;

-- When the API is probed again, after a probe at this time. A fleet probes at most once until then.
CREATE OR REPLACE FUNCTION codemint.next_probe(p_now timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_now + interval '30 seconds'
$$;

-- Why the account may not send; null if it may. If a probe of the API is due, one worker is told.
-- The probe takes a slot like any other request.
CREATE OR REPLACE FUNCTION codemint.account_block(
  p_api text, OUT code text, OUT message text, OUT probe_now boolean
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now      timestamptz := clock_timestamp();
  v_account  codemint.account;
  v_identity codemint.cluster_identity;
  v_question text;
BEGIN
  SELECT * INTO v_account FROM codemint.account a;
  SELECT * INTO v_identity FROM codemint.cluster_identity i;
  v_question := codemint.api_question(v_account, p_api);
  IF v_identity.suspended_at IS NOT NULL THEN
    code := 'other_cluster';
    message := v_identity.suspended_reason || '; if no other database is in use, run '
      'SELECT codemint.accept_cluster(''why'')';
    probe_now := false;
    RETURN;
  ELSIF v_question IS NOT NULL THEN
    code := 'api_not_accepted';
    message := v_question;
    probe_now := false;
    RETURN;
  ELSIF v_account.blocked_at IS NOT NULL THEN
    code := v_account.blocked_code;
    message := v_account.blocked_message;
  ELSIF v_account.breaker = 'open' THEN
    code := 'api_failing';
    message := codemint.describe_failures(v_account);
  ELSE
    RETURN;
  END IF;
  -- Somebody may have blocked the account, and not said when to ask.
  probe_now := coalesce(v_account.probe_at, v_now) <= v_now;
  IF probe_now THEN
    UPDATE codemint.account a
    SET probe_at = codemint.next_probe(v_now),
        next_slot_at = (codemint.next_slot(a, v_now)).following,
        next_slot_for = (codemint.next_slot(a, v_now)).following - v_now
    WHERE coalesce(a.probe_at, v_now) <= v_now;
    probe_now := FOUND;
    -- Else another worker was faster.
    IF NOT FOUND AND (SELECT coalesce(a.probe_at, v_now) <= v_now FROM codemint.account a) THEN
      PERFORM codemint.refuse_silence('account');
    END IF;
  END IF;
END
$$;

-- Says in words what the open breaker waits for.
CREATE OR REPLACE FUNCTION codemint.describe_failures(p_account codemint.account) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_account.failures || ' failures in a row; GET /v1/team is asked until it answers'
$$;

-- Records what a probe showed, also that the API could not be asked (p_code is null), and why. If the API accepts
-- the key, the account is no longer blocked. Any answer puts an open breaker on trial: one call goes out at a time
-- until one is clean. A list that is refused for its key shows the same as a probe, and blocks the account.
CREATE OR REPLACE FUNCTION codemint.record_probe(
  p_accepted boolean, p_code text, p_message text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_account codemint.account;
BEGIN
  SELECT * INTO v_account FROM codemint.account a FOR NO KEY UPDATE;
  IF p_code IS NULL AND v_account.blocked_at IS NULL AND v_account.breaker IS DISTINCT FROM 'open' THEN
    RETURN;
  END IF;
  v_account.probe_at := codemint.next_probe(v_now);
  UPDATE codemint.account a
  SET probe_failed_at = CASE WHEN NOT p_accepted AND p_code IS NULL THEN v_now END,
      probe_error = CASE WHEN NOT p_accepted AND p_code IS NULL THEN left(p_message, 2000) END;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('account');
  END IF;
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
      PERFORM codemint.wake('codemint_jobs', '');
    END IF;
  END IF;
  PERFORM codemint.save_account(v_account);
END
$$;

-- Microseconds until the next thing falls due: a lease, a waiting job, a probe, or a reward to
-- reconcile.
CREATE OR REPLACE FUNCTION codemint.next_due_at() RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT least(
    codemint.next_due(clock_timestamp()),
    (SELECT codemint.microseconds(clock_timestamp(), min(c.lease_expires_at))
     FROM codemint.calls c WHERE c.state = 'sending'),
    (SELECT codemint.microseconds(clock_timestamp(), a.probe_at)
     FROM codemint.account a
     WHERE a.blocked_at IS NOT NULL OR a.breaker = 'open'),
    (SELECT codemint.microseconds(clock_timestamp(), min(r.reconcile_at))
     FROM codemint.rewards r
     WHERE (r.closed_at IS NOT NULL OR r.awaits_listing) AND r.reconcile_at > clock_timestamp()))
$$;
