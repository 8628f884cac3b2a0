-- Settling: what a call's ending proved is recorded, once, however often it is asked for.

-- Where a job stands after a change of its counters or flags: in the line, in the waiting room
-- for p_pause, or in neither because it needs no call. One place decides it.
CREATE FUNCTION codemint.place_job(p_job codemint.jobs, p_pause interval)
RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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
SET search_path = pg_catalog, pg_temp
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
    PERFORM pg_notify('codemint_job_done', p_job.id::text);
  END IF;
  RETURN p_job;
END
$$;

-- Inserts the codes of one answer. New ones count for the job up to p_room, the rest is surplus;
-- a code that somebody recorded before this answer came stays where it is, except that an answer
-- takes its own codes back from surplus.
CREATE FUNCTION codemint.store_codes(
  p_job bigint, p_call uuid, p_reward uuid, p_room integer,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[],
  OUT issued integer, OUT surplus integer, OUT returned integer
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_returned uuid[];
BEGIN
  returned := 0;
  -- Only where more came than there is room for must the new ones be told from the known first.
  WITH shown AS (
    SELECT s.*, CASE WHEN cardinality(p_ids) > p_room
                     THEN row_number() OVER (PARTITION BY k.id IS NULL ORDER BY s.place)
                     ELSE 0 END AS rank
    FROM unnest(p_ids, p_codes, p_statuses, p_sync, p_external, p_created, p_expires, p_updated)
      WITH ORDINALITY
      AS s (id, code, status, sync, external, created, expires, updated, place)
    LEFT JOIN codemint.codes k ON cardinality(p_ids) > p_room AND k.id = s.id
  ), stored AS (
    INSERT INTO codemint.codes AS c
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, surplus,
       created_at, expires_at, updated_at, synced_at)
    SELECT s.id, p_job, p_call, p_reward, s.code, s.status, s.sync, s.external, s.rank > p_room,
           s.created, s.expires, s.updated, CASE WHEN s.sync = 'synced' THEN clock_timestamp() END
    FROM shown s
    ORDER BY s.place
    ON CONFLICT (id) DO NOTHING
    RETURNING c.surplus
  )
  SELECT count(*) FILTER (WHERE NOT s.surplus), count(*) FILTER (WHERE s.surplus)
    INTO issued, surplus
  FROM stored s;

  IF issued + surplus < cardinality(p_ids) AND p_room > issued THEN
    v_returned := ARRAY(
      SELECT c.id FROM codemint.codes c
      WHERE c.id = ANY (p_ids) AND c.surplus AND c.reward_id = p_reward
        AND (c.call_id IS NULL OR c.call_id = p_call)
      ORDER BY c.id
      LIMIT p_room - issued);
    returned := cardinality(v_returned);
    UPDATE codemint.jobs j
    SET surplus = j.surplus - t.number
    FROM (SELECT c.job_id, count(*)::integer AS number FROM codemint.codes c
          WHERE c.id = ANY (v_returned) GROUP BY c.job_id) t
    WHERE j.id = t.job_id;
    UPDATE codemint.codes c
    SET surplus = false, job_id = p_job, call_id = p_call
    WHERE c.id = ANY (v_returned);
  END IF;
  PERFORM codemint.follow_codes(p_reward, p_sync, p_created);
END
$$;

-- Records the ending of one call. Keyed by the call and idempotent: asked twice, it changes
-- nothing the second time. It carries the whole call, so that a database which lost the claim in a
-- failover can take it in. Evidence beats lease: an answer is recorded whatever became of the call
-- meanwhile, into the job while the job is open and has room, else as surplus.
--
-- The last codes of the arrays, one for each of p_stray_rewards, name another reward and are kept
-- as strays. p_raw is the body of an answer that could not be read or not be stored as rows.
CREATE FUNCTION codemint.settle_call(
  p_call uuid, p_job bigint, p_reward uuid, p_prefix text, p_size integer, p_worker uuid,
  p_result text, p_http_status integer, p_error_code text, p_error_message text,
  p_received integer, p_duration_ms integer, p_raw bytea, p_stray_rewards uuid[],
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[],
  p_job_fails_code text, p_job_fails_message text,
  p_stall_pause interval, p_stall_limit integer,
  p_reward_effect text, p_reward_pause interval, p_reward_limit integer,
  p_account_effect text, p_account_pause interval, p_account_reason text, p_account_message text,
  p_breaker_limit integer,
  OUT issued integer, OUT surplus integer, OUT call_state text,
  OUT job_before text, OUT job_after text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward codemint.rewards;
  v_job    codemint.jobs;
  v_call   codemint.calls;
  v_landed boolean;
  v_held   integer;
  v_own    integer := cardinality(p_ids) - cardinality(p_stray_rewards);
  v_end    record;
  v_alone  boolean;
BEGIN
  PERFORM codemint.commit_for_sure();
  issued := 0;
  surplus := 0;
  v_reward := codemint.lock_reward(p_reward);
  IF p_raw IS NOT NULL OR v_own < cardinality(p_ids) THEN
    PERFORM codemint.set_aside(p_call, p_raw, p_stray_rewards, v_own, p_ids, p_codes, p_statuses,
      p_sync, p_external, p_created, p_expires, p_updated);
  END IF;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job FOR UPDATE;
  IF NOT FOUND THEN
    -- A failover lost the job itself. Its codes exist, so they are kept where people look.
    PERFORM codemint.store_strays(p_call, array_fill(p_reward, ARRAY[v_own]), p_ids[:v_own],
      p_codes[:v_own], p_statuses[:v_own], p_sync[:v_own], p_external[:v_own],
      p_created[:v_own], p_expires[:v_own], p_updated[:v_own]);
    RETURN;
  END IF;
  job_before := v_job.state;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call FOR UPDATE;
  IF NOT FOUND THEN
    v_call := codemint.restore_call(v_job, p_call, p_prefix, p_size, p_worker);
    IF v_call.state = 'sending' THEN
      v_job.outstanding := v_job.outstanding + p_size;
      v_reward.in_flight := v_reward.in_flight + 1;
      UPDATE codemint.accounts a SET in_flight = a.in_flight + 1 WHERE a.name = 'default';
    END IF;
  END IF;

  -- What the call still holds of its job's room, and how it counts in what is in flight.
  v_landed := v_call.state = 'sending';
  v_held := CASE WHEN v_call.state IN ('sending', 'in_doubt') THEN v_call.size ELSE 0 END;
  SELECT * INTO v_end
  FROM codemint.end_call(v_job, v_call, v_held, p_result, p_job_fails_code, p_job_fails_message,
    p_stall_pause, p_stall_limit, p_ids[:v_own], p_codes[:v_own], p_statuses[:v_own],
    p_sync[:v_own], p_external[:v_own], p_created[:v_own], p_expires[:v_own], p_updated[:v_own]);
  issued := v_end.issued;
  surplus := v_end.surplus;
  call_state := v_end.state;
  job_after := v_end.job_after;

  UPDATE codemint.calls c
  SET state = call_state,
      lease_expires_at = CASE WHEN call_state = 'in_doubt' THEN c.lease_expires_at END,
      held_at = CASE WHEN call_state = 'in_doubt' THEN c.held_at END,
      http_status = coalesce(p_http_status, c.http_status),
      error_code = p_error_code,
      error_message = p_error_message,
      received = coalesce(p_received, c.received),
      duration_ms = coalesce(p_duration_ms, c.duration_ms),
      is_short = c.is_short OR p_reward_effect = 'watched' AND v_held > 0,
      settled_at = CASE WHEN call_state = 'in_doubt' THEN NULL
                        ELSE coalesce(c.settled_at, clock_timestamp()) END,
      updated_at = clock_timestamp()
  WHERE c.id = p_call AND (v_held > 0 OR p_result = 'issued');

  v_reward := codemint.close_or_reopen(v_reward, v_landed AND call_state = 'in_doubt');
  -- Only the ending that lands teaches: an answer that is repeated or comes late is not the newest.
  IF v_landed AND p_result = 'issued' AND p_reward_effect = 'proven' THEN
    v_reward := codemint.learn_from_answer(v_reward, p_prefix, p_ids, p_codes);
    PERFORM codemint.learn_offset(v_call.send_at, p_created);
  END IF;
  v_alone := v_landed AND codemint.fails_alone(v_reward, p_reward_effect);
  PERFORM codemint.apply_reward_effect(
    v_reward, v_landed, CASE WHEN v_alone THEN 'refused' ELSE p_reward_effect END, p_reward_pause,
    p_reward_limit, p_error_code, p_error_message);
  IF p_reward_effect = 'watched' AND v_held > 0 THEN
    -- The answer was not what was asked for: it is listed once before anything is asked again.
    PERFORM codemint.watch_reward(p_reward, p_call, -1);
  ELSIF p_result = 'in_doubt' AND v_call.state = 'absent' THEN
    -- It holds no room that could be kept for it, and may have made codes all the same.
    PERFORM codemint.watch_reward(p_reward, p_call, 0);
  END IF;
  PERFORM codemint.apply_account_effect(
    v_landed, v_call.send_at, CASE WHEN v_alone THEN 'none' ELSE p_account_effect END,
    p_account_pause, p_account_reason, p_account_message, p_breaker_limit);
  IF v_held > 0 AND p_result = 'unsent' AND p_account_effect = 'none' THEN
    -- Its worker stops, or was too late: the others need not wait for their next poll.
    PERFORM pg_notify('codemint_jobs', '');
  END IF;
END
$$;

-- Keeps what of an answer is no row of codes: its body, if it could not be read or stored, and
-- behind the first p_own codes those that name another reward.
CREATE FUNCTION codemint.set_aside(
  p_call uuid, p_raw bytea, p_stray_rewards uuid[], p_own integer,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_raw IS NOT NULL THEN
    INSERT INTO codemint.answers (call_id, body) VALUES (p_call, p_raw) ON CONFLICT DO NOTHING;
  END IF;
  PERFORM codemint.store_strays(p_call, p_stray_rewards, p_ids[p_own + 1:],
    p_codes[p_own + 1:], p_statuses[p_own + 1:], p_sync[p_own + 1:], p_external[p_own + 1:],
    p_created[p_own + 1:], p_expires[p_own + 1:], p_updated[p_own + 1:]);
END
$$;

-- What the ending of a call means for its job, and the state that the call has from now on.
-- p_held is what the call still holds of the job's room.
CREATE FUNCTION codemint.end_call(
  p_job codemint.jobs, p_call codemint.calls, p_held integer, p_result text,
  p_code text, p_message text, p_stall_pause interval, p_stall_limit integer,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[],
  OUT issued integer, OUT surplus integer, OUT state text, OUT job_after text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_room     integer;
  v_returned integer;
  v_pause    interval := interval '0';
BEGIN
  issued := 0;
  surplus := 0;
  state := p_call.state;
  IF p_result = 'issued' THEN
    v_room := p_held + CASE WHEN p_job.state IN ('queued', 'running')
                            THEN p_job.count - p_job.issued - p_job.outstanding ELSE 0 END;
    SELECT s.issued, s.surplus, s.returned INTO issued, surplus, v_returned
    FROM codemint.store_codes(p_job.id, p_call.id, p_call.reward_id, v_room, p_ids, p_codes,
                              p_statuses, p_sync, p_external, p_created, p_expires, p_updated) s;
    -- Codes that came back from surplus, this job's own perhaps, no longer count as such.
    SELECT j.surplus INTO p_job.surplus FROM codemint.jobs j WHERE j.id = p_job.id;
    issued := issued + v_returned;
    p_job.outstanding := p_job.outstanding - p_held;
    p_job.issued := p_job.issued + issued;
    p_job.surplus := p_job.surplus + surplus;
    state := CASE WHEN state = 'adopted' THEN 'adopted' ELSE 'issued' END;
    IF issued > 0 THEN
      p_job.stalls := 0;
    ELSIF p_held > 0 THEN
      p_job.stalls := p_job.stalls + 1;
      v_pause := p_stall_pause;
      IF p_job.stalls >= p_stall_limit THEN
        p_code := 'no_progress';
        p_message := format('%s answers in a row held no new code of this reward', p_job.stalls);
      END IF;
    END IF;
    IF p_call.hold_reason IS NOT NULL THEN
      -- What was set aside for it and for a person is accounted for now.
      DELETE FROM codemint.strays s WHERE s.id = ANY (p_ids);
    END IF;
  ELSIF p_result = 'in_doubt' THEN
    state := CASE WHEN state = 'sending' THEN 'in_doubt' ELSE state END;
  ELSIF p_held > 0 THEN
    state := p_result;
    p_job.outstanding := p_job.outstanding - p_held;
  END IF;
  IF p_call.held_at IS NOT NULL AND state <> 'in_doubt' THEN
    p_job := codemint.release_job(p_job, p_call.id);
  END IF;
  p_job := codemint.conclude_job(p_job, p_code, p_message);
  p_job := codemint.place_job(p_job, v_pause);
  PERFORM codemint.save_job(p_job);
  job_after := p_job.state;
END
$$;

-- A reward closes with a call that falls in doubt, and reopens with the last one that is decided.
CREATE FUNCTION codemint.close_or_reopen(p_reward codemint.rewards, p_doubted boolean)
RETURNS codemint.rewards
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_doubted THEN
    p_reward.closed_at := coalesce(p_reward.closed_at, clock_timestamp());
    p_reward.reconcile_at := NULL;
  ELSIF p_reward.closed_at IS NOT NULL AND NOT EXISTS (
       SELECT FROM codemint.calls c
       WHERE c.reward_id = p_reward.reward_id AND c.state = 'in_doubt' AND c.held_at IS NULL) THEN
    p_reward.closed_at := NULL;
  END IF;
  RETURN p_reward;
END
$$;

-- A call that this database does not know: a failover lost its claim. It is taken in again as
-- `sending` where its job still has the room, else as `absent`, which holds none.
CREATE FUNCTION codemint.restore_call(
  p_job codemint.jobs, p_call uuid, p_prefix text, p_size integer, p_worker uuid
) RETURNS codemint.calls
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_call codemint.calls;
  v_fits boolean := p_job.state IN ('queued', 'running')
                    AND p_job.issued + p_job.outstanding + p_size <= p_job.count;
BEGIN
  INSERT INTO codemint.calls
    (id, job_id, reward_id, prefix, size, state, worker, lease_expires_at)
  VALUES
    (p_call, p_job.id, p_job.reward_id, p_prefix, p_size,
     CASE WHEN v_fits THEN 'sending' ELSE 'absent' END, p_worker, clock_timestamp())
  RETURNING * INTO v_call;
  RETURN v_call;
END
$$;

-- A held call has got its outcome: its job goes on, unless another of its calls is held, or it is
-- held for another reason.
CREATE FUNCTION codemint.release_job(p_job codemint.jobs, p_call uuid) RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reason text := (SELECT c.hold_reason FROM codemint.calls c WHERE c.id = p_call);
  v_open   boolean := p_job.state IN ('queued', 'running');
BEGIN
  IF NOT p_job.held OR v_open AND p_job.error_code IS DISTINCT FROM v_reason OR EXISTS (
       SELECT FROM codemint.calls c
       WHERE c.job_id = p_job.id AND c.id <> p_call AND c.held_at IS NOT NULL) THEN
    RETURN p_job;
  END IF;
  p_job.held := false;
  IF v_open THEN
    p_job.error_code := NULL;
    p_job.error_message := NULL;
  END IF;
  RETURN p_job;
END
$$;

-- Writes back what of a job the daemon's functions change; its reward is locked.
CREATE FUNCTION codemint.save_job(p_job codemint.jobs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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
  PERFORM codemint.refresh_line(p_job.reward_id);
END
$$;

-- Keeps codes whose owner is not proven.
CREATE FUNCTION codemint.store_strays(
  p_call uuid, p_rewards uuid[], p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[],
  p_external jsonb[], p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[]
) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO codemint.strays
    (id, call_id, reward_id, code, status, sync_status, external_ids, created_at, expires_at,
     updated_at)
  SELECT s.id, p_call, s.reward, s.code, s.status, s.sync, s.external, s.created, s.expires,
         s.updated
  FROM unnest(p_rewards, p_ids, p_codes, p_statuses, p_sync, p_external, p_created, p_expires,
              p_updated)
    AS s (reward, id, code, status, sync, external, created, expires, updated)
  WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = s.id)
  ON CONFLICT (id) DO NOTHING
$$;

-- Whether a failure is its reward's own: the third in a row, and other calls of the account have been
-- answered as they should be since the first of them (protocol, rule 17).
CREATE FUNCTION codemint.fails_alone(p_reward codemint.rewards, p_effect text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_effect = 'failed' AND p_reward.failures >= 2
         AND coalesce((SELECT a.proven_at > p_reward.failing_since
                       FROM codemint.accounts a WHERE a.name = 'default'), false);
END
$$;

-- What a call's ending means for its reward. 'failed' is counted here; whose fault it is was found
-- out before.
CREATE FUNCTION codemint.apply_reward_effect(
  p_reward codemint.rewards, p_landed boolean, p_effect text, p_pause interval, p_limit integer,
  p_code text, p_message text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
BEGIN
  p_reward.in_flight := p_reward.in_flight - CASE WHEN p_landed THEN 1 ELSE 0 END;
  -- Only the ending that lands says how the reward is now: one that is repeated, or comes late, is
  -- older than what has been refused meanwhile.
  IF p_effect = 'proven' AND p_landed THEN
    p_reward.failures := 0;
    p_reward.failing_since := NULL;
    -- The pause before a listing that is due at once is not another answer's to lift.
    p_reward.paused_until := CASE WHEN p_reward.watch_step < 0 THEN p_reward.paused_until END;
    p_reward.error_code := NULL;
    p_reward.error_message := NULL;
  ELSIF p_effect = 'failed' AND p_landed THEN
    p_reward.failures := p_reward.failures + 1;
    p_reward.failing_since := coalesce(p_reward.failing_since, v_now);
  ELSIF p_effect = 'refused' AND p_landed THEN
    p_reward.failures := p_reward.failures + 1;
    p_reward.paused_until := greatest(p_reward.paused_until, v_now + p_pause);
    p_reward.error_code := p_code;
    p_reward.error_message := p_message;
    IF p_reward.failures >= p_limit THEN
      UPDATE codemint.jobs j
      SET held = true, turn = NULL, next_call_at = NULL, error_code = p_code,
          error_message = p_message, updated_at = v_now
      WHERE j.reward_id = p_reward.reward_id AND j.state IN ('queued', 'running') AND NOT j.held;
      PERFORM codemint.refresh_line(p_reward.reward_id);
      p_reward.failures := 0;
      p_reward.failing_since := NULL;
    END IF;
  END IF;
  UPDATE codemint.rewards r
  SET in_flight = p_reward.in_flight, closed_at = p_reward.closed_at,
      reconcile_at = p_reward.reconcile_at,
      failures = p_reward.failures, failing_since = p_reward.failing_since,
      paused_until = p_reward.paused_until,
      error_code = p_reward.error_code, error_message = p_reward.error_message,
      newest_known = p_reward.newest_known, prefix_literal = p_reward.prefix_literal
  WHERE r.reward_id = p_reward.reward_id;
END
$$;

-- p_reason is why everybody pauses, or the code of what blocks the account: with a 403, that is
-- what the harmless request was told and not the call. p_sent is when the call left.
CREATE FUNCTION codemint.apply_account_effect(
  p_landed boolean, p_sent timestamptz, p_effect text, p_pause interval, p_reason text,
  p_message text, p_breaker_limit integer
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_account codemint.accounts;
BEGIN
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  IF p_landed THEN
    v_account.in_flight := v_account.in_flight - 1;
    IF p_effect = 'proven' THEN
      v_account := codemint.account_proven(v_account, v_now);
    ELSIF p_effect = 'paused' AND p_reason = 'throttled' THEN
      v_account := codemint.account_throttled(v_account, v_now, p_sent, p_pause);
    ELSIF p_effect = 'paused' THEN
      v_account := codemint.account_failed(v_account, v_now, p_sent, p_pause, p_reason,
                                           p_breaker_limit);
    ELSIF p_effect = 'blocked' THEN
      v_account.blocked_at := coalesce(v_account.blocked_at, v_now);
      v_account.blocked_code := p_reason;
      v_account.blocked_message := p_message;
      v_account.probe_at := coalesce(v_account.probe_at, v_now);
    END IF;
  END IF;
  PERFORM codemint.save_account(v_account);
END
$$;

-- The API answered as it should: failures in a row are forgotten, and a pause that was made because
-- there was no answer ends; one that the API asked for stays. After an outage the fleet does not
-- come back all at once: it starts slowly.
CREATE FUNCTION codemint.account_proven(p_account codemint.accounts, p_now timestamptz)
RETURNS codemint.accounts
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_account.breaker IS NOT NULL THEN
    p_account.pace := least(codemint.current_pace(p_account, p_now),
                            p_account.requests_per_second / 10);
    p_account.pace_at := p_now;
    p_account.pace_reason := 'recovering';
    p_account.breaker := NULL;
    IF p_account.blocked_at IS NULL THEN
      p_account.probe_at := NULL;
    END IF;
  END IF;
  p_account.failures := 0;
  p_account.proven_at := p_now;
  IF p_account.pause_reason IS DISTINCT FROM 'throttled' OR p_account.paused_until <= p_now THEN
    p_account.pause_reason := NULL;
    p_account.paused_until := NULL;
  END IF;
  RETURN p_account;
END
$$;

-- Whether an ending says something new: that a call failed which had left before the last failure
-- was known is the same failure again, or a short outage would look like a long one.
CREATE FUNCTION codemint.is_news(p_account codemint.accounts, p_sent timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(p_sent > p_account.failed_at, true)
$$;

-- The API asked for less: everybody pauses as long as it says, and the pace is halved, down to a
-- twentieth of what is configured or one request in two seconds, whichever is less.
CREATE FUNCTION codemint.account_throttled(
  p_account codemint.accounts, p_now timestamptz, p_sent timestamptz, p_pause interval
) RETURNS codemint.accounts
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF codemint.is_news(p_account, p_sent) AND p_account.requests_per_second IS NOT NULL THEN
    p_account.pace := greatest(codemint.current_pace(p_account, p_now) / 2,
                               least(p_account.requests_per_second / 20, 0.5));
    p_account.pace_at := p_now;
    p_account.pace_reason := 'throttled';
    p_account.failed_at := p_now;
  END IF;
  p_account.paused_until := greatest(p_account.paused_until, p_now + p_pause);
  p_account.pause_reason := 'throttled';
  RETURN p_account;
END
$$;

-- The API failed, or could not be reached. After p_limit failures in a row the breaker opens: no
-- call is claimed before the harmless request that is made at the end of the pause is answered.
CREATE FUNCTION codemint.account_failed(
  p_account codemint.accounts, p_now timestamptz, p_sent timestamptz, p_pause interval,
  p_reason text, p_limit integer
) RETURNS codemint.accounts
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  p_account.pause_reason := CASE WHEN p_account.paused_until > p_now
                                      AND p_account.pause_reason = 'throttled'
                                 THEN 'throttled' ELSE p_reason END;
  p_account.paused_until := greatest(p_account.paused_until, p_now + p_pause);
  IF codemint.is_news(p_account, p_sent) THEN
    p_account.failures := p_account.failures + 1;
    p_account.failed_at := p_now;
    IF p_account.failures >= p_limit THEN
      p_account.breaker := 'open';
      p_account.probe_at := p_account.paused_until;
    END IF;
  END IF;
  RETURN p_account;
END
$$;

-- Writes back what of the account an answer changes.
CREATE FUNCTION codemint.save_account(p_account codemint.accounts) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE codemint.accounts a
  SET in_flight = p_account.in_flight, failures = p_account.failures,
      failed_at = p_account.failed_at, proven_at = p_account.proven_at, breaker = p_account.breaker, pace = p_account.pace,
      pace_at = p_account.pace_at, pace_reason = p_account.pace_reason,
      paused_until = p_account.paused_until, pause_reason = p_account.pause_reason,
      blocked_at = p_account.blocked_at, blocked_code = p_account.blocked_code,
      blocked_message = p_account.blocked_message, probe_at = p_account.probe_at
  WHERE a.name = p_account.name
$$;

-- What a clean answer teaches of its reward: codes that every fresh listing shows from now on, and
-- whether a prefix is literally what codes begin with. One answer to the contrary settles that.
CREATE FUNCTION codemint.learn_from_answer(
  p_reward codemint.rewards, p_prefix text, p_ids uuid[], p_codes text[]
) RETURNS codemint.rewards
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  p_reward.newest_known := ARRAY[p_ids[1], p_ids[cardinality(p_ids)]];
  IF p_prefix IS NOT NULL AND p_reward.prefix_literal IS DISTINCT FROM false THEN
    p_reward.prefix_literal := (
      SELECT bool_and(starts_with(c.code, p_prefix)) FROM unnest(p_codes) AS c (code));
  END IF;
  RETURN p_reward;
END
$$;

-- What a clean answer teaches of the API's clock: createdAt lies between the moment of sending and
-- now, so it narrows down how far that clock is ahead. An answer that contradicts what was learnt
-- before makes createdAt unbelievable for a day; both ends drift apart by one in a thousand.
CREATE FUNCTION codemint.learn_offset(p_sent timestamptz, p_created timestamptz[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_low     bigint;
  v_high    bigint;
  v_account codemint.accounts;
  v_drift   bigint;
BEGIN
  IF p_sent IS NULL THEN
    -- A failover lost the claim, and with it the moment of sending.
    RETURN;
  END IF;
  SELECT (extract(epoch FROM max(c.created) - v_now) * 1000000)::bigint,
         (extract(epoch FROM min(c.created) - p_sent) * 1000000)::bigint
    INTO v_low, v_high
  FROM unnest(p_created) AS c (created);
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default' FOR UPDATE;
  v_drift := codemint.microseconds(v_account.offset_measured_at, v_now) / 1000 + 1000;
  IF v_low IS NULL OR v_high IS NULL OR array_position(p_created, NULL) IS NOT NULL
     OR v_low > v_high THEN
    v_account.offset_distrusted_until := v_now + interval '1 day';
    v_account.offset_low_us := NULL;
    v_account.offset_high_us := NULL;
  ELSIF v_account.offset_low_us IS NULL THEN
    v_account.offset_low_us := v_low;
    v_account.offset_high_us := v_high;
  ELSE
    v_account.offset_low_us := greatest(v_account.offset_low_us - v_drift, v_low);
    v_account.offset_high_us := least(v_account.offset_high_us + v_drift, v_high);
    IF v_account.offset_low_us > v_account.offset_high_us THEN
      v_account.offset_distrusted_until := v_now + interval '1 day';
      v_account.offset_low_us := v_low;
      v_account.offset_high_us := v_high;
    END IF;
  END IF;
  UPDATE codemint.accounts a
  SET offset_low_us = v_account.offset_low_us, offset_high_us = v_account.offset_high_us,
      offset_measured_at = v_now, offset_distrusted_until = v_account.offset_distrusted_until
  WHERE a.name = 'default';
END
$$;
