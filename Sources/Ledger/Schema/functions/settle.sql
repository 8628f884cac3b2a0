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
-- Who has locked the job for long keeps this answer out, but no connection from other answers.
SET lock_timeout = '2s'
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_reward   codemint.rewards;
  v_job      codemint.jobs;
  v_call     codemint.calls;
  v_is_empty boolean := coalesce(p_copied, cardinality(p_codes)) = 0;
  v_is_mixed boolean := codemint.may_hold_others(p_call, p_facts);
  v_end      codemint.call_outcome;
BEGIN
  PERFORM codemint.set_durability(p_waits);
  v_reward := codemint.lock_reward(p_call.reward_id);
  IF p_copied IS NULL THEN
    p_codes := codemint.set_aside(p_call, p_ending.raw_answer, v_is_mixed, p_codes);
  END IF;
  SELECT * INTO v_job FROM codemint.jobs j WHERE j.id = p_call.job_id FOR NO KEY UPDATE;
  job_before := v_job.state;
  SELECT * INTO v_call FROM codemint.calls c WHERE c.id = p_call.id FOR NO KEY UPDATE;
  IF v_job.outstanding < v_call.outstanding OR v_job.issued + v_job.outstanding > v_job.count THEN
    v_job := codemint.recount_job(v_job, coalesce(p_copied, 0));
  END IF;
  IF p_copied > 0
     AND (v_call.state = 'sending' AND NOT v_is_mixed AND v_job.issued + p_copied <= v_job.count)
         IS NOT TRUE THEN
    RAISE EXCEPTION 'codes were copied that may not all be codes of this call'
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
      PERFORM codemint.count_for_day(v_job, v_call, p_call.size);
    END IF;
  END IF;

  IF p_ending.result = 'issued' THEN
    v_end := codemint.take_answer(v_job, v_call, p_ending, p_effects, p_facts, p_codes, p_copied,
                                  v_is_empty);
  ELSE
    v_end := codemint.take_failure(v_job, v_call, p_ending, p_effects);
  END IF;
  issued := v_end.issued;
  surplus := v_end.surplus;
  call_state := v_end.state;
  job_after := v_end.job_after;
  IF v_call.outstanding > 0 OR v_end.has_new THEN
    PERFORM codemint.record_ending(v_call, v_end, p_ending, v_is_empty);
  END IF;
  PERFORM codemint.apply_effects(v_reward, v_call, v_end, p_ending, p_effects, p_facts, v_is_empty);
END
$$;

-- Records why the outcome of a call cannot be recorded, for waits to tell, and keeps the answer as it came
-- where no trigger on jobs, calls or codes can refuse it.
CREATE OR REPLACE FUNCTION codemint.note_refusal(
  p_call uuid, p_job bigint, p_reward uuid, p_sqlstate text, p_message text, p_function text,
  p_answer bytea
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
  v_is_kept boolean := false;
BEGIN
  IF p_answer IS NOT NULL THEN
    INSERT INTO codemint.answers (call_id, body) VALUES (p_call, p_answer) ON CONFLICT DO NOTHING;
    v_is_kept := FOUND;
  END IF;
  INSERT INTO codemint.refused_settlements AS r
    (call_id, job_id, reward_id, sqlstate, message, raised_by, has_evidence)
  VALUES (p_call, p_job, p_reward, p_sqlstate, left(p_message, 1000),
          codemint.name_refuser(p_function), v_is_kept)
  ON CONFLICT (call_id) DO UPDATE
  SET failed_at = clock_timestamp(), failures = r.failures + 1, sqlstate = excluded.sqlstate,
      message = excluded.message, raised_by = excluded.raised_by,
      has_evidence = r.has_evidence OR excluded.has_evidence;
END
$$;

-- Deletes what note_refusal has written, after the outcome of the call was recorded. With it goes what
-- is left of calls that other daemons settled, or a listing.
CREATE OR REPLACE FUNCTION codemint.forget_refusal(p_call uuid) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
  WITH gone AS (
    DELETE FROM codemint.refused_settlements r
    WHERE r.call_id IN (
      SELECT s.call_id FROM codemint.refused_settlements s
      WHERE s.call_id = p_call
         OR s.failed_at < clock_timestamp() - interval '1 day'
            AND NOT EXISTS (SELECT FROM codemint.calls c
                            WHERE c.id = s.call_id AND c.state IN ('sending', 'in_doubt'))
      FOR UPDATE SKIP LOCKED)
    RETURNING r.call_id, r.has_evidence
  )
  -- The answer of any other call stays: it may be all that is known of codes.
  DELETE FROM codemint.answers a USING gone g
  WHERE a.call_id = g.call_id AND g.has_evidence
    AND EXISTS (SELECT FROM codemint.calls c WHERE c.id = g.call_id AND c.state = 'issued');
END
$$;
COMMENT ON FUNCTION codemint.forget_refusal(uuid) IS
  'For the daemon: forgets that the outcome of a call could not be recorded.';

-- Counts anew what a job has and what is out for it, because its counters are less than one of its
-- calls holds: somebody wrote to them. What the ledger counts never keeps an answer out. p_copied codes
-- are stored already and not counted yet. The job is locked.
CREATE OR REPLACE FUNCTION codemint.recount_job(p_job codemint.jobs, p_copied integer)
RETURNS codemint.jobs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  SELECT least(p_job.count, k.issued - p_copied), k.surplus INTO p_job.issued, p_job.surplus
  FROM codemint.count_codes(p_job.id) k;
  p_job.outstanding := CASE
    WHEN p_job.state IN ('completed', 'failed', 'cancelled') THEN 0
    ELSE least(p_job.count - p_job.issued, (
      SELECT coalesce(sum(c.outstanding), 0) FROM codemint.calls c WHERE c.job_id = p_job.id)) END;
  RETURN p_job;
END
$$;

-- Whether an answer may hold codes of other calls: codes lack the prefix that was asked for, and
-- that very prefix has always been seen literal. Somebody swapped two answers.
CREATE OR REPLACE FUNCTION codemint.may_hold_others(
  p_call codemint.sent_call, p_facts codemint.answer_facts
) RETURNS boolean
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_facts.prefix_literal IS NOT FALSE THEN
    RETURN false;
  END IF;
  RETURN (SELECT f.is_literal AND NOT f.is_altered
          FROM codemint.prefix_facts(p_call.reward_id, p_call.prefix) f);
END
$$;

-- Keeps what cannot become codes of this call: the body of an answer that could not be read or
-- stored, codes that name another reward, and in an answer that may hold codes of other calls
-- (p_mixed) those that lack the prefix. Returns the codes of this call.
CREATE OR REPLACE FUNCTION codemint.set_aside(
  p_call codemint.sent_call, p_raw bytea, p_mixed boolean, p_codes codemint.received_code[]
) RETURNS codemint.received_code[]
LANGUAGE plpgsql
AS $$
DECLARE
  v_prefix text := CASE WHEN p_mixed THEN p_call.prefix ELSE '' END;
  v_others codemint.received_code[];
BEGIN
  IF p_raw IS NOT NULL THEN
    INSERT INTO codemint.answers (call_id, body) VALUES (p_call.id, p_raw) ON CONFLICT DO NOTHING;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM codemint.answers a WHERE a.call_id = p_call.id) THEN
      PERFORM codemint.refuse_silence('answers');
    END IF;
  END IF;
  v_others := ARRAY(
    SELECT s FROM unnest(p_codes) s
    WHERE s.reward_id <> p_call.reward_id OR NOT starts_with(s.code, v_prefix));
  IF cardinality(v_others) = 0 THEN
    RETURN p_codes;
  END IF;
  PERFORM codemint.store_unattributed(p_call.id, v_others);
  RETURN ARRAY(
    SELECT s FROM unnest(p_codes) s
    WHERE s.reward_id = p_call.reward_id AND starts_with(s.code, v_prefix));
END
$$;

-- Records what a 201 proves: the codes that it brought and that are new. If all codes of the call
-- are there, the call is issued. What the call lacks stays outstanding, and the call is in doubt for
-- it: any number of these codes may exist. If no code is new, the answer is perhaps that of another
-- request, and a call that has its outcome keeps it. After several answers in a row without a new
-- code the job fails, instead of asking for ever.
CREATE OR REPLACE FUNCTION codemint.take_answer(
  p_job codemint.jobs, p_call codemint.calls, p_ending codemint.call_ending,
  p_effects codemint.call_effects, p_facts codemint.answer_facts,
  p_codes codemint.received_code[], p_copied integer, p_empty boolean
) RETURNS codemint.call_outcome
LANGUAGE plpgsql
AS $$
DECLARE
  v_stored codemint.stored_codes := codemint.store_answer(p_job, p_call, p_facts, p_codes, p_copied);
  v_new    integer := v_stored.issued + v_stored.surplus + v_stored.proven;
  v_end    codemint.call_outcome;
  v_pause  interval := interval '0';
  v_code   text;
BEGIN
  v_end.issued := v_stored.issued + v_stored.returned;
  v_end.surplus := v_stored.surplus;
  v_end.has_new := v_new + v_stored.own > 0;
  v_end.outstanding := greatest(
    least(p_call.outstanding - v_new, p_call.size - v_new - v_stored.own), 0);
  v_end.state := CASE WHEN v_end.outstanding > 0 THEN 'in_doubt'
                      WHEN p_call.state = 'adopted' OR NOT v_end.has_new AND p_call.outstanding = 0
                      THEN p_call.state ELSE 'issued' END;
  v_end.is_short := CASE
    WHEN v_end.outstanding > 0 THEN p_call.is_short OR v_end.has_new OR p_empty
    WHEN v_end.state = p_call.state THEN p_call.is_short
    ELSE p_call.outstanding = 0 AND v_new + v_stored.own < p_call.size END;
  v_end.is_news := v_end.state = 'in_doubt'
    AND (p_call.state = 'sending' OR v_end.outstanding < p_call.outstanding
         OR v_end.is_short AND NOT p_call.is_short);
  -- store_codes may have taken codes out of this job's surplus and written that to the row.
  IF p_copied IS NULL THEN
    SELECT j.surplus INTO p_job.surplus FROM codemint.jobs j WHERE j.id = p_job.id;
  END IF;
  p_job.issued := p_job.issued + v_end.issued;
  p_job.surplus := p_job.surplus + v_end.surplus;
  IF v_end.issued > 0 THEN
    p_job.answers_without_progress := 0;
  ELSIF p_call.outstanding > 0 AND p_call.received IS NULL THEN
    p_job.answers_without_progress := p_job.answers_without_progress + 1;
    v_pause := codemint.backoff('500 milliseconds', '1 minute', p_job.answers_without_progress,
                                p_effects.jitter);
    v_code := CASE WHEN codemint.makes_no_progress(p_job) THEN 'no_progress' END;
  END IF;
  RETURN codemint.end_call(
    p_job, p_call, v_end, v_pause, v_code,
    format('%s answers in a row held no new code of this reward', p_job.answers_without_progress));
END
$$;

-- Records that a request ended without an answer that has codes: it was refused or never sent, and
-- the room is free, or it is not known what the request did.
CREATE OR REPLACE FUNCTION codemint.take_failure(
  p_job codemint.jobs, p_call codemint.calls, p_ending codemint.call_ending,
  p_effects codemint.call_effects
) RETURNS codemint.call_outcome
LANGUAGE plpgsql
AS $$
DECLARE
  v_is_proof boolean := p_ending.result <> 'in_doubt';
  v_end      codemint.call_outcome;
BEGIN
  v_end.issued := 0;
  v_end.surplus := 0;
  v_end.has_new := false;
  v_end.is_short := p_call.is_short;
  v_end.state := CASE WHEN p_call.outstanding > 0 THEN p_ending.result ELSE p_call.state END;
  v_end.outstanding := CASE WHEN v_is_proof THEN 0 ELSE p_call.outstanding END;
  v_end.is_news := p_call.state = 'sending' AND NOT v_is_proof;
  RETURN codemint.end_call(
    p_job, p_call, v_end, interval '0',
    CASE WHEN p_effects.job_fails THEN p_ending.error_code END, p_ending.error_message);
END
$$;

-- Gives back the room that the call does not need any more, and saves the job. p_code and p_message
-- say why the job fails, if it does.
CREATE OR REPLACE FUNCTION codemint.end_call(
  p_job codemint.jobs, p_call codemint.calls, p_end codemint.call_outcome, p_pause interval,
  p_code text, p_message text
) RETURNS codemint.call_outcome
LANGUAGE plpgsql
AS $$
DECLARE
  v_before codemint.jobs := p_job;
BEGIN
  p_job.outstanding := greatest(
    p_job.outstanding - (p_call.outstanding - p_end.outstanding), 0);
  IF p_call.held_at IS NOT NULL AND (p_end.state <> 'in_doubt' OR p_end.is_news) THEN
    p_job := codemint.release_job(p_job, p_call.id);
  END IF;
  p_job := codemint.place_job(codemint.conclude_job(p_job, p_code, p_message), p_pause);
  PERFORM codemint.save_job(
    p_job, (p_job.is_new, p_job.queue_position, p_job.next_call_at)
           IS DISTINCT FROM (v_before.is_new, v_before.queue_position, v_before.next_call_at));
  p_end.job_after := p_job.state;
  RETURN p_end;
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

-- Stores the codes of an answer, unless a COPY has done so.
CREATE OR REPLACE FUNCTION codemint.store_answer(
  p_job codemint.jobs, p_call codemint.calls, p_facts codemint.answer_facts,
  p_codes codemint.received_code[], p_copied integer
) RETURNS codemint.stored_codes
LANGUAGE plpgsql
AS $$
DECLARE
  v_stored codemint.stored_codes := (p_copied, 0, 0, 0, 0);
BEGIN
  IF p_copied IS NOT NULL THEN
    IF p_facts.needs_tracking THEN
      PERFORM codemint.track_codes(p_call.reward_id, p_facts.first_made_at);
    END IF;
    RETURN v_stored;
  END IF;
  v_stored := codemint.store_codes(
    p_job.id, p_call.id, p_call.reward_id,
    least(p_call.outstanding
            + CASE WHEN p_job.state IN ('queued', 'running')
                   THEN p_job.count - p_job.issued - p_job.outstanding ELSE 0 END,
          p_job.count - p_job.issued),
    p_codes);
  IF p_call.hold_reason IS NOT NULL THEN
    -- These codes had been set aside for a person while the call was held. The call has them now.
    PERFORM codemint.forget_set_aside(ARRAY(SELECT s.id FROM unnest(p_codes) s));
  END IF;
  RETURN v_stored;
END
$$;

-- Records on a call's row how its request ended. What a short answer lacks may appear in the list
-- until its listing gap has passed; a call that was held for a person is judged anew. If no code of
-- an answer was new, the request itself may still take effect.
CREATE OR REPLACE FUNCTION codemint.record_ending(
  p_call codemint.calls, p_end codemint.call_outcome, p_ending codemint.call_ending, p_empty boolean
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_now      timestamptz := clock_timestamp();
  v_repeated boolean := p_ending.result = 'issued' AND NOT p_end.has_new AND NOT p_empty;
BEGIN
  UPDATE codemint.calls c
  SET state = p_end.state,
      outstanding = p_end.outstanding,
      lease_expires_at = CASE WHEN p_end.state = 'in_doubt' THEN c.lease_expires_at END,
      effective_until = CASE WHEN p_end.is_news AND p_end.is_short THEN v_now + c.listing_gap
                             ELSE c.effective_until END,
      held_at = CASE WHEN p_end.state = 'in_doubt' AND NOT p_end.is_news THEN c.held_at END,
      http_status = coalesce(p_ending.http_status, c.http_status),
      error_code = CASE WHEN v_repeated THEN 'answer_repeated' ELSE p_ending.error_code END,
      error_message = CASE WHEN v_repeated
                           THEN 'the answer held no new code of this reward: it may be that of another request'
                           ELSE p_ending.error_message END,
      received = coalesce(p_ending.received, c.received),
      duration_ms = coalesce(p_ending.duration_ms, c.duration_ms),
      is_short = p_end.is_short,
      settled_at = CASE WHEN p_end.state = 'in_doubt' THEN NULL
                        ELSE coalesce(c.settled_at, v_now) END,
      updated_at = v_now
  WHERE c.id = p_call.id;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('calls');
  END IF;
END
$$;

-- Applies what the ending of a call means for its reward and for the account. p_call is the row of
-- the call as it was before.
CREATE OR REPLACE FUNCTION codemint.apply_effects(
  p_reward codemint.rewards, p_call codemint.calls, p_end codemint.call_outcome,
  p_ending codemint.call_ending, p_effects codemint.call_effects, p_facts codemint.answer_facts,
  p_empty boolean
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_landed boolean := p_call.state = 'sending';
  -- Only an ending that lands shows facts: an answer that is repeated or late is not the newest. And
  -- all of its codes have to be the call's, or else no listing could be compared with them.
  v_clean  boolean := v_landed AND p_end.state = 'issued' AND p_effects.reward = 'proven'
                      AND p_end.issued + p_end.surplus >= p_call.size;
  v_alone  boolean := v_landed AND p_effects.reward = 'failed' AND codemint.fails_alone(p_reward);
BEGIN
  p_reward := codemint.close_or_reopen(p_reward, p_end.is_news);
  IF v_clean THEN
    p_reward := codemint.record_facts(p_reward, p_call, p_facts);
  END IF;
  PERFORM codemint.apply_reward_effect(
    p_reward, v_landed,
    CASE WHEN v_alone THEN 'refused'
         -- An ending that is repeated or late is older than what has happened meanwhile.
         WHEN NOT v_landed OR p_effects.reward = 'proven' AND NOT v_clean THEN 'none'
         ELSE p_effects.reward END,
    p_ending, p_effects.jitter);
  IF p_call.outstanding = 0 THEN
    PERFORM codemint.watch_after(p_call, p_end, p_ending, p_empty);
  END IF;
  PERFORM codemint.apply_account_effect(
    v_landed, p_call.send_at, CASE WHEN v_alone THEN 'none' ELSE p_effects.account END, p_effects,
    CASE WHEN v_clean THEN p_call.reward_id END);
  IF v_landed AND p_end.state IN ('unsent', 'rejected') THEN
    PERFORM codemint.count_for_day(j, p_call, -p_call.size) FROM codemint.jobs j WHERE j.id = p_call.job_id;
  END IF;
  IF v_clean THEN
    PERFORM codemint.record_clock_offset(p_call, p_facts);
  END IF;
  IF p_call.outstanding > 0 AND p_ending.result = 'unsent' AND p_effects.account = 'none' THEN
    -- The worker is stopping, or was too late. The other workers need not wait for their next poll.
    PERFORM codemint.wake('codemint_jobs', '');
  END IF;
END
$$;

-- Watches a reward after the ending of a call that had its outcome before, and so holds no room any
-- more: its request may have made codes all the same. A settlement that is repeated begins no
-- second watch.
CREATE OR REPLACE FUNCTION codemint.watch_after(
  p_call codemint.calls, p_end codemint.call_outcome, p_ending codemint.call_ending, p_empty boolean
) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_ending.result = 'in_doubt' AND p_call.state = 'absent' THEN
    PERFORM codemint.watch_reward(p_call.reward_id, p_call.id, 'late_doubt');
  ELSIF p_end.is_short AND NOT p_call.is_short THEN
    PERFORM codemint.watch_reward(p_call.reward_id, p_call.id, 'partial_call');
  ELSIF p_ending.result = 'issued' AND NOT p_end.has_new AND NOT p_empty
        AND NOT EXISTS (SELECT FROM codemint.reward_watches w
                        WHERE w.reward_id = p_call.reward_id AND w.call_id = p_call.id
                          AND w.reason = 'repeated_answer') THEN
    PERFORM codemint.watch_reward(p_call.reward_id, p_call.id, 'repeated_answer');
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
  IF (p_effect IN ('none', 'proven', 'closed', 'failed', 'refused')) IS NOT TRUE THEN
    RAISE EXCEPTION 'there is no effect on a reward that is called %', p_effect
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  p_reward.in_flight := greatest(p_reward.in_flight - CASE WHEN p_landed THEN 1 ELSE 0 END, 0);
  IF p_effect = 'proven' THEN
    p_reward.failures := 0;
    p_reward.failing_since := NULL;
    p_reward.paused_until := NULL;
    p_reward.error_code := NULL;
    p_reward.error_message := NULL;
  ELSIF p_effect = 'failed' THEN
    p_reward.failures := p_reward.failures + 1;
    p_reward.failing_since := coalesce(p_reward.failing_since, v_now);
  ELSIF p_effect = 'refused' THEN
    p_reward.failures := p_reward.failures + 1;
    p_reward.paused_until := greatest(
      codemint.as_planned(p_reward.paused_until, p_reward.paused_for, v_now),
      v_now + codemint.backoff('2 seconds', '5 minutes', p_reward.failures, p_jitter));
    p_reward.paused_for := p_reward.paused_until - v_now;
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
      reconciler = p_reward.reconciler, reconciler_until = p_reward.reconciler_until,
      reconcile_at = p_reward.reconcile_at,
      failures = p_reward.failures, failing_since = p_reward.failing_since,
      paused_until = p_reward.paused_until, paused_for = p_reward.paused_for,
      error_code = p_reward.error_code, error_message = p_reward.error_message,
      newest_job = p_reward.newest_job, newest_call = p_reward.newest_call
  WHERE r.reward_id = p_reward.reward_id;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('rewards');
  END IF;
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

-- Closes a reward when one of its calls falls in doubt, or lacks less than before. A listing that is
-- running was begun for another doubt, so it is void. Opens the reward again when no call is in
-- doubt.
CREATE OR REPLACE FUNCTION codemint.close_or_reopen(p_reward codemint.rewards, p_doubted boolean)
RETURNS codemint.rewards
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_doubted THEN
    p_reward.closed_at := coalesce(p_reward.closed_at, clock_timestamp());
    p_reward.reconcile_at := NULL;
    p_reward.reconciler := NULL;
    p_reward.reconciler_until := NULL;
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
    (id, job_id, reward_id, prefix, size, state, outstanding, worker, lease, api_timeout,
     listing_gap, lease_expires_at, effective_until)
  VALUES
    (p_call.id, p_job.id, p_job.reward_id, p_call.prefix, p_call.size,
     CASE WHEN v_fits THEN 'sending' ELSE 'absent' END,
     CASE WHEN v_fits THEN p_call.size ELSE 0 END, p_call.worker, p_call.lease,
     p_call.api_timeout, p_call.listing_gap, clock_timestamp(),
     clock_timestamp() + p_call.api_timeout + p_call.listing_gap)
  RETURNING * INTO v_call;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('calls');
  END IF;
  RETURN v_call;
END
$$;

-- Stores the codes of one answer. Up to p_room new codes count for the job, and the rest is surplus.
-- A code that is known already stays where it is. There is one exception: an answer takes its own
-- codes back from surplus.
CREATE OR REPLACE FUNCTION codemint.store_codes(
  p_job bigint, p_call uuid, p_reward uuid, p_room integer, p_codes codemint.received_code[]
) RETURNS codemint.stored_codes
LANGUAGE plpgsql
AS $$
DECLARE
  v_stored codemint.stored_codes := (cardinality(p_codes), 0, 0, 0, 0);
BEGIN
  IF v_stored.issued > p_room
     OR NOT codemint.store_new_codes(p_job, p_call, p_codes) THEN
    v_stored := codemint.store_among_known(p_job, p_call, p_reward, p_room, p_codes);
  END IF;
  PERFORM FROM unnest(p_codes) s WHERE s.sync_status IN ('pending', 'error') LIMIT 1;
  IF FOUND THEN
    -- If the time of one code is not known, the time of the oldest is not known either.
    PERFORM codemint.track_codes(p_reward, (
      SELECT CASE WHEN count(*) = count(s.created_at) THEN min(s.created_at) END
      FROM unnest(p_codes) s));
  END IF;
  RETURN v_stored;
END
$$;

-- Turns a code of an answer into a row of codes. Fields go to the columns of the same name, so a column
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
  v_row.from_answer := true;
  v_row.stored_at := statement_timestamp();
  v_row.synced_at := CASE WHEN v_row.sync_status = 'synced' THEN clock_timestamp() END;
  RETURN v_row;
END
$$;

-- Inserts codes if none of them is known yet; the job has room for all. If one is known, inserts
-- nothing and returns false.
CREATE OR REPLACE FUNCTION codemint.store_new_codes(
  p_job bigint, p_call uuid, p_codes codemint.received_code[]
) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
  v_number integer;
BEGIN
  INSERT INTO codemint.codes
  SELECT r.* FROM unnest(p_codes) s, LATERAL codemint.code_row(s, p_job, p_call, false) r;
  GET DIAGNOSTICS v_number = ROW_COUNT;
  IF v_number < cardinality(p_codes) THEN
    PERFORM codemint.refuse_silence('codes');
  END IF;
  RETURN true;
EXCEPTION
  WHEN unique_violation THEN
    RETURN false;
END
$$;

-- Rows were not written, and nobody said so: a trigger of somebody's own that returns NULL, or a rule. What was
-- not written must not be taken for written. Without the row of the account nobody is held to a pace, so that
-- concerns all jobs (concerns_all).
CREATE OR REPLACE FUNCTION codemint.refuse_silence(p_table text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'a row of codemint.% was not written: % keeps rows out in silence', p_table,
    coalesce((SELECT string_agg(s.what, ', ') FROM codemint.silencers() s WHERE s.relation = p_table),
             'a trigger or a rule on that table')
    USING ERRCODE = CASE WHEN p_table IN ('account', 'workers', 'healing') THEN '27CM1'
                         ELSE 'triggered_data_change_violation' END;
END
$$;

-- Makes sure that codes are there that were to be stored.
CREATE OR REPLACE FUNCTION codemint.require_stored(p_codes uuid[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF EXISTS (SELECT FROM unnest(p_codes) AS u (id)
             WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = u.id)) THEN
    PERFORM codemint.refuse_silence('codes');
  END IF;
END
$$;

-- Stores codes of which some are known already, or more codes than the job has room for. Nearly all
-- answers are stored by store_new_codes instead.
CREATE OR REPLACE FUNCTION codemint.store_among_known(
  p_job bigint, p_call uuid, p_reward uuid, p_room integer, p_codes codemint.received_code[]
) RETURNS codemint.stored_codes
LANGUAGE plpgsql
AS $$
DECLARE
  v_stored codemint.stored_codes;
  v_since  timestamptz := codemint.sent_since(p_call);
BEGIN
  -- What a listing showed before the call could be sent is not the call's: the answer is another's.
  SELECT count(*) FILTER (WHERE c.call_id = p_call),
         count(*) FILTER (WHERE c.call_id IS DISTINCT FROM p_call AND c.stored_at >= v_since
                            AND (NOT c.from_answer OR c.surplus AND c.call_id IS NULL))
    INTO v_stored.own, v_stored.proven
  FROM codemint.codes c
  WHERE c.id IN (SELECT s.id FROM unnest(p_codes) s) AND c.reward_id = p_reward
    AND c.purged_at IS NULL;
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
    INTO v_stored.issued, v_stored.surplus
  FROM stored s;
  PERFORM codemint.require_stored(ARRAY(SELECT u.id FROM unnest(p_codes) u));
  v_stored.returned := codemint.take_back(
    p_job, p_call, p_reward, p_room - v_stored.issued, v_since, p_codes);
  PERFORM codemint.replace_listed(p_reward, p_codes);
  RETURN v_stored;
END
$$;

-- Takes codes of the call back from surplus, as far as there is room, and returns how many. Surplus
-- without a call may be anybody's, and an answer proves whose a code is that only a listing had
-- shown.
CREATE OR REPLACE FUNCTION codemint.take_back(
  p_job bigint, p_call uuid, p_reward uuid, p_room integer, p_since timestamptz,
  p_codes codemint.received_code[]
) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
  v_returned uuid[];
BEGIN
  v_returned := ARRAY(
    SELECT c.id FROM codemint.codes c
    WHERE c.id IN (SELECT s.id FROM unnest(p_codes) s) AND c.surplus AND c.reward_id = p_reward
      AND (c.call_id = p_call
           OR c.stored_at >= p_since AND (c.call_id IS NULL OR NOT c.from_answer))
    ORDER BY c.id
    LIMIT greatest(p_room, 0));
  IF cardinality(v_returned) > 0 THEN
    UPDATE codemint.jobs j
    SET surplus = greatest(j.surplus - t.number, 0)
    FROM (SELECT c.job_id, count(*)::integer AS number FROM codemint.codes c
          WHERE c.id = ANY (v_returned) GROUP BY c.job_id) t
    WHERE j.id = t.job_id;
    UPDATE codemint.codes c
    SET surplus = false, job_id = p_job, call_id = p_call
    WHERE c.id = ANY (v_returned);
    IF NOT FOUND THEN
      PERFORM codemint.refuse_silence('codes');
    END IF;
  END IF;
  RETURN cardinality(v_returned);
END
$$;

-- Replaces what only a listing had shown of these codes by what an answer shows: the text and the
-- time, because listings may show them in another form. The rest is replaced unless the listing
-- showed a later change of the code.
CREATE OR REPLACE FUNCTION codemint.replace_listed(
  p_reward uuid, p_codes codemint.received_code[]
) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE codemint.codes c
  SET code = s.code, created_at = s.created_at, from_answer = true,
      status = CASE WHEN n.is_newer THEN s.status ELSE c.status END,
      sync_status = CASE WHEN n.is_newer THEN s.sync_status ELSE c.sync_status END,
      external_ids = CASE WHEN n.is_newer THEN s.external_ids ELSE c.external_ids END,
      expires_at = CASE WHEN n.is_newer THEN s.expires_at ELSE c.expires_at END,
      updated_at = CASE WHEN n.is_newer THEN s.updated_at ELSE c.updated_at END,
      synced_at = CASE WHEN n.is_newer AND s.sync_status = 'synced'
                       THEN coalesce(c.synced_at, clock_timestamp()) ELSE c.synced_at END
  FROM unnest(p_codes) s
  CROSS JOIN LATERAL (
    SELECT codemint.is_newer(s.updated_at, k.updated_at) AS is_newer
    FROM codemint.codes k WHERE k.id = s.id) n
  WHERE c.id = s.id AND c.reward_id = p_reward AND NOT c.from_answer AND c.purged_at IS NULL;
END
$$;

-- What is known of a code stays so, whoever writes: a code that counts for a job stays with its job and
-- call, and a text that an answer showed stays as it is. Only surplus may find a job later, only the text
-- of a listing may be replaced by an answer's, and only a purge takes all of it (protocol, rule 6).
CREATE OR REPLACE FUNCTION codemint.keep_code() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'code % is known from an answer or counts for job %, and stays so', OLD.id, OLD.job_id
    USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE OR REPLACE TRIGGER keep_code
  BEFORE UPDATE OF job_id, call_id, surplus, code, from_answer ON codemint.codes
  FOR EACH ROW WHEN (
    NEW.purged_at IS NULL
    AND (NOT OLD.surplus AND (NEW.surplus OR (NEW.job_id, NEW.call_id)
                                             IS DISTINCT FROM (OLD.job_id, OLD.call_id))
         OR OLD.from_answer AND (NOT NEW.from_answer OR NEW.code <> OLD.code)))
  EXECUTE FUNCTION codemint.keep_code();
COMMENT ON TRIGGER keep_code ON codemint.codes IS
  'Keeps a code with its job, and its text as an answer showed it.';

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
  PERFORM codemint.require_set_aside(ARRAY(SELECT s.id FROM unnest(p_codes) s));
END
$$;

-- Makes sure that codes are known that were to be set aside.
CREATE OR REPLACE FUNCTION codemint.require_set_aside(p_codes uuid[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF EXISTS (SELECT FROM unnest(p_codes) AS u (id)
             WHERE NOT EXISTS (SELECT FROM codemint.codes c WHERE c.id = u.id)
               AND NOT EXISTS (SELECT FROM codemint.unattributed_codes c WHERE c.id = u.id)) THEN
    PERFORM codemint.refuse_silence('unattributed_codes');
  END IF;
END
$$;
