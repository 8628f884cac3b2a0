-- Settling: what a call's ending proved is recorded, once, however often it is asked for.

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
BEGIN
  issued := coalesce(cardinality(p_ids), 0);
  surplus := 0;
  returned := 0;
  IF issued > p_room OR NOT codemint.store_new_codes(
       p_job, p_call, p_reward, p_ids, p_codes, p_statuses, p_sync, p_external, p_created,
       p_expires, p_updated) THEN
    SELECT s.issued, s.surplus, s.returned INTO issued, surplus, returned
    FROM codemint.store_among_known(
      p_job, p_call, p_reward, p_room, p_ids, p_codes, p_statuses, p_sync, p_external, p_created,
      p_expires, p_updated) s;
  END IF;
  IF p_sync && ARRAY['pending', 'error'] THEN
    PERFORM codemint.follow_codes(p_reward, codemint.earliest(p_created));
  END IF;
END
$$;

-- Inserts the codes of one answer that has room for all of them, if nobody has recorded any of them
-- before; else nothing, and the answer is false.
--
-- That is nearly always so, and worth a way of its own: ON CONFLICT looks every id up first and
-- writes a second record for each row, which together cost a third of the settlement.
CREATE FUNCTION codemint.store_new_codes(
  p_job bigint, p_call uuid, p_reward uuid,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[]
) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO codemint.codes
    (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, created_at,
     expires_at, updated_at, synced_at)
  SELECT s.id, p_job, p_call, p_reward, s.code, s.status, s.sync, s.external, s.created,
         s.expires, s.updated, CASE WHEN s.sync = 'synced' THEN clock_timestamp() END
  FROM unnest(p_ids, p_codes, p_statuses, p_sync, p_external, p_created, p_expires, p_updated)
    AS s (id, code, status, sync, external, created, expires, updated);
  RETURN true;
EXCEPTION
  WHEN unique_violation THEN
    RETURN false;
END
$$;

-- Records the ending of one call. Keyed by the call and idempotent: asked twice, it changes
-- nothing the second time. It carries the whole call, so that a database which lost the claim in a
-- failover can take it in. Evidence beats lease: an answer is recorded whatever became of the call
-- meanwhile, into the job while the job is open and has room, else as surplus.
--
-- Either the codes are in the arrays; the last of them, one for each of p_stray_rewards, name another
-- reward and are kept as strays. Or p_copied of them are in the table already, by a COPY of this very
-- transaction that waited for no lock: then all of them have to fit, or all of it is refused. p_raw is
-- the body of an answer that could not be read or not be stored as rows.
--
-- Of the codes p_unsettled says whether some are to be followed, p_first and p_last when the oldest
-- and the newest were made; p_newest and p_literal are what a clean answer teaches. p_waits is as in
-- commit_for_sure.
CREATE FUNCTION codemint.settle_call(
  p_call uuid, p_job bigint, p_reward uuid, p_prefix text, p_size integer, p_worker uuid, p_result
  text, p_http_status integer, p_error_code text, p_error_message text, p_received integer,
  p_duration_ms integer, p_raw bytea, p_stray_rewards uuid[], p_ids uuid[], p_codes text[],
  p_statuses text[], p_sync text[], p_external jsonb[], p_created timestamptz[], p_expires
  timestamptz[], p_updated timestamptz[], p_copied integer, p_unsettled boolean, p_first
  timestamptz, p_last timestamptz, p_newest uuid[], p_literal boolean, p_job_fails_code text,
  p_job_fails_message text, p_stall_pause interval, p_stall_limit integer, p_reward_effect text,
  p_reward_pause interval, p_reward_limit integer, p_own_limit integer, p_account_effect text,
  p_account_pause interval, p_account_reason text, p_account_message text, p_breaker_limit
  integer, p_waits boolean DEFAULT true,
  OUT issued integer, OUT surplus integer, OUT call_state text, OUT job_before text, OUT job_after
  text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward codemint.rewards;
  v_job    codemint.jobs;
  v_call   codemint.calls;
  v_held   integer;
  v_own    integer := cardinality(p_ids) - cardinality(p_stray_rewards);
  v_end    record;
BEGIN
  PERFORM codemint.commit_for_sure(p_waits);
  v_reward := codemint.lock_reward(p_reward);
  IF p_raw IS NOT NULL OR v_own < cardinality(p_ids) THEN
    PERFORM codemint.set_aside(p_call, p_raw, p_stray_rewards, v_own, p_ids, p_codes, p_statuses,
      p_sync, p_external, p_created, p_expires, p_updated);
  END IF;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_job FOR UPDATE;
  job_before := v_job.state;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call FOR UPDATE;
  IF p_copied > 0 AND (v_call.state = 'sending' AND p_copied <= v_call.size) IS NOT TRUE THEN
    RAISE EXCEPTION 'codes were copied that this call has no room for'
      USING ERRCODE = 'object_not_in_prerequisite_state';
  ELSIF v_job.id IS NULL THEN
    -- A failover lost the job itself. Its codes exist, so they are kept where people look.
    PERFORM codemint.store_strays(p_call, array_fill(p_reward, ARRAY[v_own]), p_ids[:v_own],
      p_codes[:v_own], p_statuses[:v_own], p_sync[:v_own], p_external[:v_own],
      p_created[:v_own], p_expires[:v_own], p_updated[:v_own]);
    SELECT 0, 0 INTO issued, surplus;
    RETURN;
  ELSIF v_call.id IS NULL THEN
    v_call := codemint.restore_call(v_job, p_call, p_prefix, p_size, p_worker);
    IF v_call.state = 'sending' THEN
      v_job.outstanding := v_job.outstanding + p_size;
      v_reward.in_flight := v_reward.in_flight + 1;
      UPDATE codemint.accounts a SET in_flight = a.in_flight + 1 WHERE a.name = 'default';
    END IF;
  END IF;

  -- What the call still holds of its job's room.
  v_held := CASE WHEN v_call.state IN ('sending', 'in_doubt') THEN v_call.size ELSE 0 END;
  v_end := codemint.end_call(
    v_job, v_call, v_held, p_result, p_job_fails_code, p_job_fails_message, p_stall_pause,
    p_stall_limit, p_copied, p_unsettled, p_first, p_ids[:v_own], p_codes[:v_own],
    p_statuses[:v_own], p_sync[:v_own], p_external[:v_own], p_created[:v_own], p_expires[:v_own],
    p_updated[:v_own]);
  issued := v_end.issued;
  surplus := v_end.surplus;
  call_state := v_end.state;
  job_after := v_end.job_after;

  IF v_held > 0 OR p_result = 'issued' THEN
    PERFORM codemint.record_ending(p_call, call_state, p_http_status, p_error_code, p_error_message,
      p_received, p_duration_ms, v_held > 0 AND p_reward_effect = 'watched');
  END IF;
  PERFORM codemint.apply_effects(v_reward, v_call, call_state, v_held, p_result, p_error_code,
    p_error_message, p_reward_effect, p_reward_pause, p_reward_limit, p_own_limit, p_account_effect,
    p_account_pause, p_account_reason, p_account_message, p_breaker_limit, p_newest, p_literal,
    p_first, p_last);
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
  p_copied integer, p_unsettled boolean, p_first timestamptz,
  p_ids uuid[], p_codes text[], p_statuses text[], p_sync text[], p_external jsonb[],
  p_created timestamptz[], p_expires timestamptz[], p_updated timestamptz[],
  OUT issued integer, OUT surplus integer, OUT state text, OUT job_after text
)
LANGUAGE plpgsql
AS $$
DECLARE
  v_room     integer;
  v_returned integer;
  v_pause    interval := interval '0';
  v_turn     bigint := p_job.turn;
  v_next_at  timestamptz := p_job.next_call_at;
BEGIN
  issued := 0;
  surplus := 0;
  state := p_call.state;
  IF p_result = 'issued' THEN
    IF p_copied > 0 THEN
      issued := p_copied;
      IF p_unsettled THEN
        PERFORM codemint.follow_codes(p_call.reward_id, p_first);
      END IF;
    ELSE
      v_room := p_held + CASE WHEN p_job.state IN ('queued', 'running')
                              THEN p_job.count - p_job.issued - p_job.outstanding ELSE 0 END;
      SELECT s.issued, s.surplus, s.returned INTO issued, surplus, v_returned
      FROM codemint.store_codes(p_job.id, p_call.id, p_call.reward_id, v_room, p_ids, p_codes,
                                p_statuses, p_sync, p_external, p_created, p_expires, p_updated) s;
      -- Codes that came back from surplus, this job's own perhaps, no longer count as such.
      SELECT j.surplus INTO p_job.surplus FROM codemint.jobs j WHERE j.id = p_job.id;
      issued := issued + v_returned;
    END IF;
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
  PERFORM codemint.save_job(
    p_job, (p_job.turn, p_job.next_call_at) IS DISTINCT FROM (v_turn, v_next_at));
  job_after := p_job.state;
END
$$;

-- Records on a call's row how its request ended. p_short says that its answer was not what was asked
-- for.
CREATE FUNCTION codemint.record_ending(
  p_call uuid, p_state text, p_http_status integer, p_error_code text, p_error_message text,
  p_received integer, p_duration_ms integer, p_short boolean
) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE codemint.calls c
  SET state = p_state,
      lease_expires_at = CASE WHEN p_state = 'in_doubt' THEN c.lease_expires_at END,
      held_at = CASE WHEN p_state = 'in_doubt' THEN c.held_at END,
      http_status = coalesce(p_http_status, c.http_status),
      error_code = p_error_code,
      error_message = p_error_message,
      received = coalesce(p_received, c.received),
      duration_ms = coalesce(p_duration_ms, c.duration_ms),
      is_short = c.is_short OR p_short,
      settled_at = CASE WHEN p_state = 'in_doubt' THEN NULL
                        ELSE coalesce(c.settled_at, clock_timestamp()) END,
      updated_at = clock_timestamp()
  WHERE c.id = p_call;
END
$$;

-- What the ending of a call means for its reward and for everybody. p_call is its row as it was
-- before, p_state its state now, p_held what it held of its job's room.
CREATE FUNCTION codemint.apply_effects(
  p_reward codemint.rewards, p_call codemint.calls, p_state text, p_held integer, p_result text,
  p_code text, p_message text, p_reward_effect text, p_reward_pause interval,
  p_reward_limit integer, p_own_limit integer, p_account_effect text, p_account_pause interval,
  p_account_reason text, p_account_message text, p_breaker_limit integer, p_newest uuid[],
  p_literal boolean, p_first timestamptz, p_last timestamptz
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_landed boolean := p_call.state = 'sending';
  -- Only the ending that lands teaches: an answer that is repeated or comes late is not the newest.
  v_clean  boolean := v_landed AND p_result = 'issued' AND p_reward_effect = 'proven';
  v_alone  boolean := v_landed AND p_reward_effect = 'failed'
                      AND codemint.fails_alone(p_reward, p_own_limit);
BEGIN
  p_reward := codemint.close_or_reopen(p_reward, v_landed AND p_state = 'in_doubt');
  IF v_clean THEN
    p_reward.newest_known := p_newest;
    IF p_literal IS NOT NULL AND p_reward.prefix_literal IS DISTINCT FROM false THEN
      -- Whether a prefix is literally what codes begin with: one answer to the contrary settles it.
      p_reward.prefix_literal := p_literal;
    END IF;
  END IF;
  PERFORM codemint.apply_reward_effect(
    p_reward, v_landed, CASE WHEN v_alone THEN 'refused' ELSE p_reward_effect END, p_reward_pause,
    p_reward_limit, p_code, p_message);
  IF p_reward_effect = 'watched' AND p_held > 0 THEN
    -- The answer was not what was asked for: it is listed once before anything is asked again.
    PERFORM codemint.watch_reward(p_call.reward_id, p_call.id, -1);
  ELSIF p_result = 'in_doubt' AND p_call.state = 'absent' THEN
    -- It holds no room that could be kept for it, and may have made codes all the same.
    PERFORM codemint.watch_reward(p_call.reward_id, p_call.id, 0);
  END IF;
  PERFORM codemint.apply_account_effect(
    v_landed, p_call.send_at, CASE WHEN v_alone THEN 'none' ELSE p_account_effect END,
    p_account_pause, p_account_reason, p_account_message, p_breaker_limit, v_clean, p_first, p_last);
  IF p_held > 0 AND p_result = 'unsent' AND p_account_effect = 'none' THEN
    -- Its worker stops, or was too late: the others need not wait for their next poll.
    PERFORM pg_notify('codemint_jobs', '');
  END IF;
END
$$;

-- A reward closes with a call that falls in doubt, and reopens with the last one that is decided.
CREATE FUNCTION codemint.close_or_reopen(p_reward codemint.rewards, p_doubted boolean)
RETURNS codemint.rewards
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_doubted THEN
    p_reward.closed_at := coalesce(p_reward.closed_at, clock_timestamp());
    p_reward.reconcile_at := NULL;
  ELSIF p_reward.closed_at IS NOT NULL THEN
    PERFORM FROM codemint.calls c
    WHERE c.reward_id = p_reward.reward_id AND c.state = 'in_doubt' AND c.held_at IS NULL;
    p_reward.closed_at := CASE WHEN FOUND THEN p_reward.closed_at END;
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
