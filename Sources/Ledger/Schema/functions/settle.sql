-- Settling: what a call's ending proved is recorded once, however often a worker repeats it.

-- Records the ending of one call. The settlement is keyed by the call and idempotent: the second
-- time it changes nothing. It carries the whole call, so that a database that lost the claim in a
-- failover can restore the call. Evidence beats lease: an answer is recorded whatever has become of
-- the call. Its codes go to the job while the job is open and has room, otherwise to surplus.
--
-- The codes come in one of two ways. Either p_codes has them, and those that name another reward
-- are kept as unattributed. Or a COPY in this transaction has inserted p_copied codes, before any
-- lock. All of these have to fit; otherwise the whole settlement is refused. set_durability
-- explains p_waits.
CREATE OR REPLACE FUNCTION codemint.settle_call(
  p_call codemint.sent_call, p_ending codemint.call_ending, p_effects codemint.call_effects,
  p_facts codemint.answer_facts, p_codes codemint.received_code[], p_copied integer,
  p_waits boolean DEFAULT true,
  OUT issued integer, OUT surplus integer, OUT call_state text, OUT job_before text,
  OUT job_after text
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_reward   codemint.rewards;
  v_job      codemint.jobs;
  v_call     codemint.calls;
  v_reserved integer;
  v_end      record;
BEGIN
  PERFORM codemint.set_durability(p_waits);
  v_reward := codemint.lock_reward(p_call.reward_id);
  IF p_copied IS NULL THEN
    p_codes := codemint.set_aside(p_call, p_ending.raw_answer, p_codes);
  END IF;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_call.job_id FOR UPDATE;
  job_before := v_job.state;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call.id FOR UPDATE;
  IF p_copied > 0 AND (v_call.state = 'sending' AND p_copied <= v_call.size) IS NOT TRUE THEN
    RAISE EXCEPTION 'codes were copied that this call has no room for'
      USING ERRCODE = 'object_not_in_prerequisite_state';
  ELSIF v_job.id IS NULL THEN
    -- A failover lost the job itself. The codes exist, so they are kept for a person to see.
    PERFORM codemint.store_unattributed(p_call.id, p_codes);
    SELECT 0, 0 INTO issued, surplus;
    RETURN;
  ELSIF v_call.id IS NULL THEN
    v_call := codemint.restore_call(v_job, p_call);
    IF v_call.state = 'sending' THEN
      v_job.outstanding := v_job.outstanding + p_call.size;
      v_reward.in_flight := v_reward.in_flight + 1;
      UPDATE codemint.account a SET in_flight = a.in_flight + 1;
    END IF;
  END IF;

  -- The room in the job that the call still holds.
  v_reserved := CASE WHEN v_call.state IN ('sending', 'in_doubt') THEN v_call.size ELSE 0 END;
  v_end := codemint.end_call(v_job, v_call, v_reserved, p_ending, p_effects, p_facts, p_codes,
                             p_copied);
  issued := v_end.issued;
  surplus := v_end.surplus;
  call_state := v_end.state;
  job_after := v_end.job_after;
  IF v_reserved > 0 OR p_ending.result = 'issued' THEN
    PERFORM codemint.record_ending(p_call.id, call_state, p_ending,
                                   v_reserved > 0 AND p_effects.reward = 'watched');
  END IF;
  PERFORM codemint.apply_effects(v_reward, v_call, call_state, v_reserved, p_ending, p_effects,
                                 p_facts);
END
$$;

-- Keeps what cannot become codes of this call: the body of an answer that could not be read or
-- stored, and codes that name another reward. Returns the codes of this reward.
CREATE OR REPLACE FUNCTION codemint.set_aside(
  p_call codemint.sent_call, p_raw bytea, p_codes codemint.received_code[]
) RETURNS codemint.received_code[]
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_raw IS NOT NULL THEN
    INSERT INTO codemint.answers (call_id, body) VALUES (p_call.id, p_raw) ON CONFLICT DO NOTHING;
  END IF;
  PERFORM FROM unnest(p_codes) s WHERE s.reward_id <> p_call.reward_id LIMIT 1;
  IF NOT FOUND THEN
    RETURN p_codes;
  END IF;
  PERFORM codemint.store_unattributed(
    p_call.id, ARRAY(SELECT s FROM unnest(p_codes) s WHERE s.reward_id <> p_call.reward_id));
  RETURN ARRAY(SELECT s FROM unnest(p_codes) s WHERE s.reward_id = p_call.reward_id);
END
$$;

-- Applies what the ending of a call means for its job, and decides the new state of the call.
-- p_reserved is the room in the job that the call still holds. After several answers in a row
-- without one new code the job fails, instead of asking for ever.
CREATE OR REPLACE FUNCTION codemint.end_call(
  p_job codemint.jobs, p_call codemint.calls, p_reserved integer, p_ending codemint.call_ending,
  p_effects codemint.call_effects, p_facts codemint.answer_facts,
  p_codes codemint.received_code[], p_copied integer,
  OUT issued integer, OUT surplus integer, OUT state text, OUT job_after text
)
LANGUAGE plpgsql
AS $$
DECLARE
  v_taken   record;
  v_pause   interval := interval '0';
  v_is_new  boolean := p_job.is_new;
  v_place   bigint := p_job.queue_position;
  v_next_at timestamptz := p_job.next_call_at;
  v_code    text := CASE WHEN p_effects.job_fails THEN p_ending.error_code END;
  v_message text := p_ending.error_message;
BEGIN
  issued := 0;
  surplus := 0;
  state := p_call.state;
  IF p_ending.result = 'issued' THEN
    v_taken := codemint.take_answer(p_job, p_call, p_reserved, p_facts, p_codes, p_copied);
    p_job := v_taken.job;
    issued := v_taken.issued;
    surplus := v_taken.surplus;
    state := CASE WHEN state = 'adopted' THEN 'adopted' ELSE 'issued' END;
    IF issued > 0 THEN
      p_job.answers_without_progress := 0;
    ELSIF p_reserved > 0 THEN
      p_job.answers_without_progress := p_job.answers_without_progress + 1;
      v_pause := codemint.backoff('500 milliseconds', '1 minute', p_job.answers_without_progress,
                                  p_effects.jitter);
      IF codemint.makes_no_progress(p_job) THEN
        v_code := 'no_progress';
        v_message := format('%s answers in a row held no new code of this reward',
                            p_job.answers_without_progress);
      END IF;
    END IF;
  ELSIF p_ending.result = 'in_doubt' THEN
    state := CASE WHEN state = 'sending' THEN 'in_doubt' ELSE state END;
  ELSIF p_reserved > 0 THEN
    state := p_ending.result;
    p_job.outstanding := p_job.outstanding - p_reserved;
  END IF;
  IF p_call.held_at IS NOT NULL AND state <> 'in_doubt' THEN
    p_job := codemint.release_job(p_job, p_call.id);
  END IF;
  p_job := codemint.place_job(codemint.conclude_job(p_job, v_code, v_message), v_pause);
  PERFORM codemint.save_job(p_job, (p_job.is_new, p_job.queue_position, p_job.next_call_at)
                                   IS DISTINCT FROM (v_is_new, v_place, v_next_at));
  job_after := p_job.state;
END
$$;

-- Whether too many answers in a row have brought the job no new code.
CREATE OR REPLACE FUNCTION codemint.makes_no_progress(p_job codemint.jobs) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN p_job.answers_without_progress >= 5;
END
$$;

-- Stores the codes of an answer, and gives back the room in the job that the call held.
CREATE OR REPLACE FUNCTION codemint.take_answer(
  p_job codemint.jobs, p_call codemint.calls, p_reserved integer, p_facts codemint.answer_facts,
  p_codes codemint.received_code[], p_copied integer,
  OUT job codemint.jobs, OUT issued integer, OUT surplus integer
)
LANGUAGE plpgsql
AS $$
DECLARE
  v_room   integer;
  v_stored record;
BEGIN
  job := p_job;
  IF p_copied > 0 THEN
    issued := p_copied;
    surplus := 0;
    IF p_facts.needs_tracking THEN
      PERFORM codemint.track_codes(p_call.reward_id, p_facts.first_made_at);
    END IF;
  ELSE
    v_room := p_reserved + CASE WHEN job.state IN ('queued', 'running')
                                THEN job.count - job.issued - job.outstanding ELSE 0 END;
    SELECT * INTO v_stored FROM codemint.store_codes(job.id, p_call.id, p_call.reward_id, v_room,
                                                     p_codes);
    -- store_codes may have taken codes out of this job's surplus and written that to the row.
    SELECT j.surplus INTO job.surplus FROM codemint.jobs j WHERE j.id = job.id;
    issued := v_stored.issued + v_stored.returned;
    surplus := v_stored.surplus;
  END IF;
  job.outstanding := job.outstanding - p_reserved;
  job.issued := job.issued + issued;
  job.surplus := job.surplus + surplus;
  IF p_call.hold_reason IS NOT NULL THEN
    -- These codes had been set aside for a person while the call was held. The call has them now.
    DELETE FROM codemint.unattributed_codes u
    WHERE u.id IN (SELECT s.id FROM unnest(p_codes) s);
  END IF;
END
$$;

-- Records on a call's row how its request ended. p_short says that the answer was not what was
-- asked for.
CREATE OR REPLACE FUNCTION codemint.record_ending(
  p_call uuid, p_state text, p_ending codemint.call_ending, p_short boolean
) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE codemint.calls c
  SET state = p_state,
      lease_expires_at = CASE WHEN p_state = 'in_doubt' THEN c.lease_expires_at END,
      held_at = CASE WHEN p_state = 'in_doubt' THEN c.held_at END,
      http_status = coalesce(p_ending.http_status, c.http_status),
      error_code = p_ending.error_code,
      error_message = p_ending.error_message,
      received = coalesce(p_ending.received, c.received),
      duration_ms = coalesce(p_ending.duration_ms, c.duration_ms),
      is_short = c.is_short OR p_short,
      settled_at = CASE WHEN p_state = 'in_doubt' THEN NULL
                        ELSE coalesce(c.settled_at, clock_timestamp()) END,
      updated_at = clock_timestamp()
  WHERE c.id = p_call;
END
$$;

-- Applies what the ending of a call means for its reward and for the account. p_call is the row of
-- the call as it was before, p_state the new state, p_reserved the room in the job that the call
-- held.
CREATE OR REPLACE FUNCTION codemint.apply_effects(
  p_reward codemint.rewards, p_call codemint.calls, p_state text, p_reserved integer,
  p_ending codemint.call_ending, p_effects codemint.call_effects, p_facts codemint.answer_facts
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_landed boolean := p_call.state = 'sending';
  -- Only an ending that lands shows facts: an answer that is repeated or late is not the newest.
  v_clean  boolean := v_landed AND p_ending.result = 'issued' AND p_effects.reward = 'proven';
  v_alone  boolean := v_landed AND p_effects.reward = 'failed' AND codemint.fails_alone(p_reward);
BEGIN
  p_reward := codemint.close_or_reopen(p_reward, v_landed AND p_state = 'in_doubt');
  IF v_clean THEN
    p_reward := codemint.record_facts(p_reward, p_facts);
  END IF;
  PERFORM codemint.apply_reward_effect(
    p_reward, v_landed, CASE WHEN v_alone THEN 'refused' ELSE p_effects.reward END, p_ending,
    p_effects.jitter);
  IF p_effects.reward = 'watched' AND p_reserved > 0 THEN
    -- The answer was not what was asked for: the reward is listed before its next call.
    PERFORM codemint.watch_reward(p_call.reward_id, p_call.id, 'short_answer');
  ELSIF p_ending.result = 'in_doubt' AND p_call.state = 'absent' THEN
    -- An absent call holds no room any more, but it may have made codes all the same.
    PERFORM codemint.watch_reward(p_call.reward_id, p_call.id, 'late_doubt');
  END IF;
  PERFORM codemint.apply_account_effect(
    v_landed, p_call.send_at, CASE WHEN v_alone THEN 'none' ELSE p_effects.account END, p_effects);
  IF v_clean THEN
    PERFORM codemint.record_clock_offset(p_call.send_at, p_facts.first_made_at,
                                         p_facts.last_made_at);
  END IF;
  IF p_reserved > 0 AND p_ending.result = 'unsent' AND p_effects.account = 'none' THEN
    -- The worker is stopping, or was too late. The other workers need not wait for their next poll.
    PERFORM pg_notify('codemint_jobs', '');
  END IF;
END
$$;

-- Applies what a call's ending means for its reward. A 'failed' is only counted. A failure that is
-- the reward's own comes as 'refused' (apply_effects).
CREATE OR REPLACE FUNCTION codemint.apply_reward_effect(
  p_reward codemint.rewards, p_landed boolean, p_effect text, p_ending codemint.call_ending,
  p_jitter double precision
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  -- After this many refusals and failures of its own in a row, a reward's jobs are held.
  c_holds constant integer := 8;
  v_now   timestamptz := clock_timestamp();
BEGIN
  IF (p_effect IN ('none', 'proven', 'watched', 'closed', 'failed', 'refused')) IS NOT TRUE THEN
    RAISE EXCEPTION 'there is no effect on a reward that is called %', p_effect
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  p_reward.in_flight := p_reward.in_flight - CASE WHEN p_landed THEN 1 ELSE 0 END;
  -- Only an ending that lands says how the reward is now. An ending that is repeated or late is
  -- older than what has happened meanwhile.
  IF p_effect = 'proven' AND p_landed THEN
    p_reward.failures := 0;
    p_reward.failing_since := NULL;
    p_reward.paused_until := NULL;
    p_reward.error_code := NULL;
    p_reward.error_message := NULL;
  ELSIF p_effect = 'failed' AND p_landed THEN
    p_reward.failures := p_reward.failures + 1;
    p_reward.failing_since := coalesce(p_reward.failing_since, v_now);
  ELSIF p_effect = 'refused' AND p_landed THEN
    p_reward.failures := p_reward.failures + 1;
    p_reward.paused_until := greatest(
      p_reward.paused_until,
      v_now + codemint.backoff('2 seconds', '5 minutes', p_reward.failures, p_jitter));
    p_reward.error_code := p_ending.error_code;
    p_reward.error_message := p_ending.error_message;
    IF p_reward.failures >= c_holds THEN
      PERFORM codemint.hold_jobs(p_reward.reward_id, p_ending.error_code, p_ending.error_message);
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

-- Whether a failure is the reward's own: it is at least the third in a row, and another call of the
-- account has got a clean answer since the first (protocol, rule 17).
CREATE OR REPLACE FUNCTION codemint.fails_alone(p_reward codemint.rewards) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN p_reward.failures + 1 >= 3
         AND coalesce((SELECT a.proven_at > p_reward.failing_since FROM codemint.account a), false);
END
$$;

-- Closes a reward when one of its calls falls in doubt, and opens it again when no call is in
-- doubt.
CREATE OR REPLACE FUNCTION codemint.close_or_reopen(p_reward codemint.rewards, p_doubted boolean)
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

-- Inserts a call that this database does not know, because a failover lost its claim. If the job
-- still has the room, the call is `sending`. Otherwise the call is `absent`, which holds no room.
CREATE OR REPLACE FUNCTION codemint.restore_call(
  p_job codemint.jobs, p_call codemint.sent_call
) RETURNS codemint.calls
LANGUAGE plpgsql
AS $$
DECLARE
  v_call codemint.calls;
  v_fits boolean := p_job.state IN ('queued', 'running')
                    AND p_job.issued + p_job.outstanding + p_call.size <= p_job.count;
BEGIN
  INSERT INTO codemint.calls
    (id, job_id, reward_id, prefix, size, state, worker, lease_expires_at)
  VALUES
    (p_call.id, p_job.id, p_job.reward_id, p_call.prefix, p_call.size,
     CASE WHEN v_fits THEN 'sending' ELSE 'absent' END, p_call.worker, clock_timestamp())
  RETURNING * INTO v_call;
  RETURN v_call;
END
$$;

-- Inserts the codes of one answer. Up to p_room new codes count for the job, and the rest is
-- surplus. A code that is known already stays where it is. There is one exception: an answer takes
-- its own codes back from surplus.
CREATE OR REPLACE FUNCTION codemint.store_codes(
  p_job bigint, p_call uuid, p_reward uuid, p_room integer, p_codes codemint.received_code[],
  OUT issued integer, OUT surplus integer, OUT returned integer
)
LANGUAGE plpgsql
AS $$
BEGIN
  issued := cardinality(p_codes);
  surplus := 0;
  returned := 0;
  IF issued > p_room OR NOT codemint.store_new_codes(p_job, p_call, p_codes) THEN
    SELECT s.issued, s.surplus, s.returned INTO issued, surplus, returned
    FROM codemint.store_among_known(p_job, p_call, p_reward, p_room, p_codes) s;
  END IF;
  PERFORM FROM unnest(p_codes) s WHERE s.sync_status IN ('pending', 'error') LIMIT 1;
  IF FOUND THEN
    -- If the time of one code is not known, the time of the oldest is not known either.
    PERFORM codemint.track_codes(p_reward, (
      SELECT CASE WHEN count(*) = count(s.created_at) THEN min(s.created_at) END
      FROM unnest(p_codes) s));
  END IF;
END
$$;

-- Turns a received code into a row of codes. Fields go to the columns of the same name, so a column
-- that both types have needs no line here.
CREATE OR REPLACE FUNCTION codemint.code_row(
  p_code codemint.received_code, p_job bigint, p_call uuid, p_surplus boolean
) RETURNS codemint.codes
LANGUAGE plpgsql
AS $$
DECLARE
  v_row codemint.codes := jsonb_populate_record(NULL::codemint.codes, to_jsonb(p_code));
BEGIN
  v_row.job_id := p_job;
  v_row.call_id := p_call;
  v_row.surplus := p_surplus;
  v_row.stored_at := statement_timestamp();
  v_row.synced_at := CASE WHEN v_row.sync_status = 'synced' THEN clock_timestamp() END;
  RETURN v_row;
END
$$;

-- Inserts the codes of an answer if none of them is known yet; the job has room for all. If one is
-- known, inserts nothing and returns false.
CREATE OR REPLACE FUNCTION codemint.store_new_codes(
  p_job bigint, p_call uuid, p_codes codemint.received_code[]
) RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO codemint.codes
  SELECT r.* FROM unnest(p_codes) s, LATERAL codemint.code_row(s, p_job, p_call, false) r;
  RETURN true;
EXCEPTION
  WHEN unique_violation THEN
    RETURN false;
END
$$;

-- Stores an answer with codes that are known already, or with more codes than the job has room for.
-- Nearly all answers are stored by store_new_codes instead.
CREATE OR REPLACE FUNCTION codemint.store_among_known(
  p_job bigint, p_call uuid, p_reward uuid, p_room integer, p_codes codemint.received_code[],
  OUT issued integer, OUT surplus integer, OUT returned integer
)
LANGUAGE plpgsql
AS $$
DECLARE
  v_returned uuid[];
BEGIN
  returned := 0;
  -- New codes must be told from known ones before the insert only if there is not room for all.
  WITH shown AS (
    SELECT s.code, s.place,
           CASE WHEN cardinality(p_codes) > p_room
                THEN row_number() OVER (PARTITION BY k.id IS NULL ORDER BY s.place)
                ELSE 0 END AS rank
    FROM (SELECT u AS code, row_number() OVER () AS place FROM unnest(p_codes) u) s
    LEFT JOIN codemint.codes k ON cardinality(p_codes) > p_room AND k.id = (s.code).id
  ), stored AS (
    INSERT INTO codemint.codes AS c
    SELECT r.*
    FROM shown s, LATERAL codemint.code_row(s.code, p_job, p_call, s.rank > p_room) r
    ORDER BY s.place
    ON CONFLICT (id) DO NOTHING
    RETURNING c.surplus
  )
  SELECT count(*) FILTER (WHERE NOT s.surplus), count(*) FILTER (WHERE s.surplus)
    INTO issued, surplus
  FROM stored s;

  IF issued + surplus < cardinality(p_codes) AND p_room > issued THEN
    v_returned := ARRAY(
      SELECT c.id FROM codemint.codes c
      WHERE c.id IN (SELECT s.id FROM unnest(p_codes) s) AND c.surplus AND c.reward_id = p_reward
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
END
$$;

-- Sets aside codes whose owner is not proven.
CREATE OR REPLACE FUNCTION codemint.store_unattributed(
  p_call uuid, p_codes codemint.received_code[]
) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO codemint.unattributed_codes
    (id, call_id, reward_id, code, status, sync_status, external_ids, created_at, expires_at,
     updated_at)
  SELECT s.id, p_call, s.reward_id, s.code, s.status, s.sync_status, s.external_ids, s.created_at,
         s.expires_at, s.updated_at
  FROM unnest(p_codes) s
  WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = s.id)
  ON CONFLICT (id) DO NOTHING;
END
$$;
