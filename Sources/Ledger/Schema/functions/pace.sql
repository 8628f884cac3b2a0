-- Pace: how fast the account is used. The limits that operators set, the slots, and what the API's
-- answers mean for all workers.

-- Requests per second that are sent now. A lowered pace rises by itself: in five minutes, by the
-- configured pace.
CREATE OR REPLACE FUNCTION codemint.current_pace(p_account codemint.account, p_now timestamptz)
RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN least(
    p_account.requests_per_second,
    p_account.pace + p_account.requests_per_second
      * greatest((extract(epoch FROM p_now) - extract(epoch FROM p_account.pace_at))::double precision, 0) / 300);
END
$$;

-- A moment, or as far ahead as its row allows if it is further: the clock was set back since, and no
-- heartbeat has cut the moment yet (protocol, rule 20). Who would count on from the moment as it stands
-- would also write how far ahead that is, as the length of a row that nothing can cut any more.
CREATE OR REPLACE FUNCTION codemint.as_planned(
  p_moment timestamptz, p_length interval, p_now timestamptz
) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN CASE WHEN p_moment > p_now + p_length + interval '1 second' THEN p_now + p_length
              ELSE p_moment END;
END
$$;

-- The account's next slot, if it were taken now: the generic cell rate algorithm in its virtual
-- scheduling form (ITU-T I.371). Slots are 1 % further apart than the pace asks for. Otherwise the
-- first and the last request of a window could fall into the same second at the server. A request
-- whose slot is free at once may leave late, by up to the leeway. So the next slot is computed from
-- the end of the leeway.
CREATE OR REPLACE FUNCTION codemint.next_slot(p_account codemint.account, p_now timestamptz)
RETURNS codemint.slot
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  v_at    timestamptz := codemint.as_planned(p_account.next_slot_at, p_account.next_slot_for, p_now);
  v_pace  double precision := codemint.current_pace(p_account, p_now);
  -- Below the configured pace there is no burst.
  v_burst integer := CASE WHEN v_pace < p_account.requests_per_second
                          THEN 1 ELSE p_account.burst END;
  v_next  codemint.slot;
BEGIN
  v_next.spacing := interval '1 microsecond' * ceil(1010000 / v_pace);
  v_next.leeway := interval '1 microsecond'
    * least(floor(ceil(1010000 / v_pace) * greatest(v_burst - 1, 1) / 2), 50000);
  v_next.slot := greatest(
    p_now, v_at - v_next.spacing * (v_burst - 1),
    codemint.as_planned(p_account.paused_until, p_account.paused_for, p_now));
  v_next.following := greatest(p_now + v_next.leeway, v_at, v_next.slot) + v_next.spacing;
  RETURN v_next;
END
$$;

-- Microseconds until the slot may be taken; null if it may be taken now. A slot may be taken at
-- most one spacing ahead, or 50 ms if that is longer, so that the round trip to the database does
-- not slow down a fast pace. A slot is never taken further ahead than a lease.
CREATE OR REPLACE FUNCTION codemint.wait_for_slot(
  p_next codemint.slot, p_now timestamptz, p_lease interval
) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  v_horizon interval := least(greatest(p_next.spacing, interval '50 milliseconds'), p_lease);
BEGIN
  RETURN CASE WHEN p_next.slot - p_now > v_horizon
              THEN codemint.microseconds(p_now, p_next.slot - v_horizon) END;
END
$$;

-- Whether any request may leave now. None may while the API refuses the key, the breaker is open,
-- or the ledger is suspended.
CREATE OR REPLACE FUNCTION codemint.may_ask(p_account codemint.account) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_account.blocked_at IS NULL AND p_account.breaker IS DISTINCT FROM 'open'
         AND NOT codemint.is_suspended();
END
$$;

-- Gives a new slot to a call that has missed its slot; the call keeps its lease and its row. A call
-- that was late once is likely to be late again, so the next slot comes after the leeway of the new
-- one. Returns the microseconds until the slot. Returns null if the worker may no longer send the
-- call, or no slot is near.
CREATE OR REPLACE FUNCTION codemint.move_slot(p_call uuid, p_worker uuid, OUT slot_us bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_now     timestamptz;
  v_account codemint.account;
  v_next    codemint.slot;
BEGIN
  -- If a crash loses this commit, a slot moves back by milliseconds. If the commit waited for the
  -- disk, the call could miss the new slot too.
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM FROM codemint.calls c
  WHERE c.id = p_call AND c.worker = p_worker AND c.state = 'sending' FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT * INTO v_account FROM codemint.account a FOR NO KEY UPDATE;
  v_now := clock_timestamp();
  v_next := codemint.next_slot(v_account, v_now);
  IF v_next.slot - v_now > interval '5 seconds' OR NOT codemint.may_ask(v_account) THEN
    RETURN;
  END IF;
  UPDATE codemint.calls c SET send_at = v_next.slot, updated_at = v_now WHERE c.id = p_call;
  UPDATE codemint.account a
  SET next_slot_at = greatest(v_next.following, v_next.slot + v_next.leeway + v_next.spacing),
      next_slot_for = greatest(v_next.following, v_next.slot + v_next.leeway + v_next.spacing)
                      - v_now;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('account');
  END IF;
  slot_us := codemint.microseconds(clock_timestamp(), v_next.slot);
END
$$;

-- No slot is given during a pause that lasts longer than five seconds: the API may ask for another
-- pause, and the slots would be lost. The number of those that wait for a slot has no bound. Each
-- waits for one slot at a time. If it were refused one, a listing would begin anew, and at a slow
-- pace with several workers no listing would come to its end. The function is the daemon's alone: who
-- takes slots without end, or does not commit, stops every call.
CREATE OR REPLACE FUNCTION codemint.reserve_slot(OUT slot_us bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
  v_now     timestamptz;
  v_account codemint.account;
  v_next    codemint.slot;
BEGIN
  SELECT * INTO v_account FROM codemint.account a FOR NO KEY UPDATE;
  IF v_account.requests_per_second IS NULL OR NOT codemint.may_ask(v_account) THEN
    RETURN;
  END IF;
  v_now := clock_timestamp();
  IF v_account.paused_until - v_now > interval '5 seconds' THEN
    RETURN;
  END IF;
  v_next := codemint.next_slot(v_account, v_now);
  UPDATE codemint.account a
  SET next_slot_at = v_next.following, next_slot_for = v_next.following - v_now;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('account');
  END IF;
  slot_us := codemint.microseconds(clock_timestamp(), v_next.slot);
END
$$;
COMMENT ON FUNCTION codemint.reserve_slot() IS
  'Takes a slot of the shared rate limit for a request that makes no codes. Returns the microseconds '
  'until the slot; null if nothing may be sent now.';

-- The longest pause after p_failures failures in a row, in microseconds. It doubles with each
-- failure, from p_base up to p_longest.
CREATE OR REPLACE FUNCTION codemint.backoff_ceiling(
  p_base interval, p_longest interval, p_failures integer
) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN least(extract(epoch FROM p_base)::double precision * power(2, least(p_failures, 40) - 1),
               extract(epoch FROM p_longest)::double precision) * 1000000;
END
$$;

-- The pause after p_failures failures in a row: between nothing and the ceiling (full jitter), so
-- that calls that failed together are not repeated together.
CREATE OR REPLACE FUNCTION codemint.backoff(
  p_base interval, p_longest interval, p_failures integer, p_jitter double precision
) RETURNS interval
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN interval '1 microsecond'
    * floor(codemint.backoff_ceiling(p_base, p_longest, p_failures) * p_jitter);
END
$$;

CREATE OR REPLACE FUNCTION codemint.set_limits(
  requests_per_second      double precision DEFAULT NULL,
  burst                    integer          DEFAULT NULL,
  max_in_flight            integer          DEFAULT NULL,
  max_in_flight_per_reward integer          DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_limits record;
BEGIN
  IF set_limits.requests_per_second NOT BETWEEN 0.001 AND 10000 THEN
    RAISE EXCEPTION 'requests_per_second must be from 0.001 to 10000'
      USING ERRCODE = 'invalid_parameter_value';
  ELSIF set_limits.burst NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'burst must be from 1 to 1000' USING ERRCODE = 'invalid_parameter_value';
  ELSIF set_limits.max_in_flight NOT BETWEEN 1 AND 1000
     OR set_limits.max_in_flight_per_reward NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'max_in_flight and max_in_flight_per_reward must be from 1 to 1000'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO codemint.operator_limits
    (requests_per_second, burst, max_in_flight, max_in_flight_per_reward)
  VALUES
    (set_limits.requests_per_second, set_limits.burst, set_limits.max_in_flight,
     set_limits.max_in_flight_per_reward);
  PERFORM codemint.wake('codemint_control', '');
  SELECT * INTO v_limits FROM codemint.limits_in_force() l;
  IF num_nulls(v_limits.requests_per_second, v_limits.burst, v_limits.max_in_flight,
               v_limits.max_in_flight_per_reward) > 0 THEN
    RETURN 'set; the first daemon that starts brings the other limits';
  END IF;
  RETURN format('from the next sign of life of a daemon on: %s requests/s, burst %s, %s in flight, '
                '%s for one reward',
                v_limits.requests_per_second, v_limits.burst, v_limits.max_in_flight,
                v_limits.max_in_flight_per_reward);
END
$$;
COMMENT ON FUNCTION codemint.set_limits(double precision, integer, integer, integer) IS
  'Sets limits for all daemons, over their settings. A limit that is not named, or null, goes back to '
  'the settings: set_limits() takes all limits back.';

-- The limits that are to be in force: what an operator has set, else the smallest limits of the
-- living workers, else those that are in force.
CREATE OR REPLACE FUNCTION codemint.limits_in_force(
  OUT requests_per_second double precision, OUT burst integer, OUT max_in_flight integer,
  OUT max_in_flight_per_reward integer
)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(o.requests_per_second, l.requests_per_second, a.requests_per_second),
         coalesce(o.burst, l.burst, a.burst),
         coalesce(o.max_in_flight, l.max_in_flight, a.max_in_flight),
         coalesce(o.max_in_flight_per_reward, l.max_in_flight_per_reward,
                  a.max_in_flight_per_reward)
  FROM codemint.account a
  LEFT JOIN (SELECT * FROM codemint.operator_limits ORDER BY id DESC LIMIT 1) o ON true
  CROSS JOIN (
    SELECT min(w.requests_per_second) AS requests_per_second, min(w.burst) AS burst,
           min(w.max_in_flight) AS max_in_flight,
           min(w.max_in_flight_per_reward) AS max_in_flight_per_reward
    FROM codemint.workers w WHERE w.expires_at >= clock_timestamp()) l
$$;

-- How fast requests are sent now, and who has set that: one slow daemon slows down the whole fleet.
CREATE OR REPLACE FUNCTION codemint.describe_pace(p_account codemint.account, p_now timestamptz) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT round(codemint.current_pace(p_account, p_now)::numeric, 3) || ' requests a second'
    || CASE WHEN codemint.current_pace(p_account, p_now) < p_account.requests_per_second
            THEN coalesce(' (' || p_account.pace_reason || ')', '')
            ELSE coalesce(
              (SELECT ', set by ' || o.set_by
               FROM (SELECT * FROM codemint.operator_limits ORDER BY id DESC LIMIT 1) o
               WHERE o.requests_per_second IS NOT NULL),
              (SELECT ', by the settings of the daemon on ' || w.host
               FROM codemint.workers w
               WHERE w.expires_at >= p_now AND w.requests_per_second = p_account.requests_per_second
               ORDER BY w.host LIMIT 1), '') END
$$;

-- How far ahead the next slot is when the pace has risen; null if the slot is not ahead. As many requests
-- are ahead as were before, at the new pace. Otherwise the slots that were taken at a pace of one request
-- in a thousand seconds would keep back who may send a hundred a second by now.
CREATE OR REPLACE FUNCTION codemint.rescale_slot(
  p_account codemint.account, p_old codemint.slot, p_now timestamptz
) RETURNS interval
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  v_at  timestamptz := codemint.as_planned(p_account.next_slot_at, p_account.next_slot_for, p_now);
  v_new interval    := (codemint.next_slot(p_account, p_now)).spacing;
BEGIN
  RETURN CASE WHEN v_at > p_now AND v_new < p_old.spacing THEN
    interval '1 microsecond'
      * div(extract(epoch FROM v_at - p_now)::numeric * extract(epoch FROM v_new)::numeric * 1000000,
            extract(epoch FROM p_old.spacing)::numeric)::bigint END;
END
$$;

-- Puts the limits in force. If that changes a limit, every worker is notified.
CREATE OR REPLACE FUNCTION codemint.apply_limits() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_old     codemint.slot;
  v_account codemint.account;
  v_ahead   interval;
BEGIN
  v_old := codemint.next_slot(a, v_now) FROM codemint.account a;
  UPDATE codemint.account a
  SET requests_per_second = n.requests_per_second, burst = n.burst,
      max_in_flight = n.max_in_flight, max_in_flight_per_reward = n.max_in_flight_per_reward
  FROM codemint.limits_in_force() n
  -- No limit is in force before all four are known.
  WHERE num_nulls(n.requests_per_second, n.burst, n.max_in_flight, n.max_in_flight_per_reward) = 0
    AND (a.requests_per_second, a.burst, a.max_in_flight, a.max_in_flight_per_reward)
        IS DISTINCT FROM
        (n.requests_per_second, n.burst, n.max_in_flight, n.max_in_flight_per_reward);
  IF FOUND THEN
    SELECT * INTO v_account FROM codemint.account a;
    v_ahead := codemint.rescale_slot(v_account, v_old, v_now);
    IF v_ahead IS NOT NULL THEN
      UPDATE codemint.account a SET next_slot_at = v_now + v_ahead, next_slot_for = v_ahead;
    END IF;
    PERFORM codemint.wake('codemint_control', '');
  END IF;
  UPDATE codemint.account a SET codes_per_day = g.codes_per_day
  FROM (SELECT (SELECT n.codes_per_day FROM codemint.guards n ORDER BY n.id DESC LIMIT 1) AS codes_per_day) g
  WHERE a.codes_per_day IS DISTINCT FROM g.codes_per_day;
  IF FOUND THEN
    PERFORM codemint.wake('codemint_jobs', '');
  END IF;
END
$$;

-- Applies what a call's ending means for the account. p_effect is p_effects.account, or 'none' if
-- the failure is the reward's own. p_sent_at is when the call left. If the ending did not land,
-- because it was repeated or came late, only the API's wishes are applied. p_clean is the reward
-- whose call got a clean answer; null if the answer was not clean.
CREATE OR REPLACE FUNCTION codemint.apply_account_effect(
  p_landed boolean, p_sent_at timestamptz, p_effect text, p_effects codemint.call_effects,
  p_clean uuid
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  v_now     timestamptz := clock_timestamp();
  v_account codemint.account;
BEGIN
  SELECT * INTO v_account FROM codemint.account a FOR NO KEY UPDATE;
  IF p_landed THEN
    v_account.in_flight := greatest(v_account.in_flight - 1, 0);
    CASE p_effect
      WHEN 'none' THEN
      WHEN 'proven' THEN
        v_account := codemint.account_proven(v_account, v_now);
      WHEN 'throttled' THEN
        v_account := codemint.account_throttled(
          v_account, v_now, p_sent_at,
          coalesce(p_effects.asked_pause,
                   codemint.backoff('1 second', '1 minute', v_account.failures + 1,
                                    p_effects.jitter)));
      WHEN 'unreachable', 'failing' THEN
        v_account := codemint.account_failed(v_account, v_now, p_sent_at, p_effect,
                                             p_effects.jitter);
      WHEN 'blocked' THEN
        v_account.blocked_at := coalesce(v_account.blocked_at, v_now);
        v_account.blocked_code := p_effects.account_code;
        v_account.blocked_message := p_effects.account_message;
        v_account.probe_at := coalesce(v_account.probe_at, v_now);
    END CASE;
  END IF;
  IF p_effects.account <> 'throttled' THEN
    v_account := codemint.slow_down(v_account, v_now, p_effects.asked_pause, p_effects.ceiling);
  END IF;
  IF p_clean IS NOT NULL THEN
    IF v_account.proven_reward IS NULL THEN
      PERFORM codemint.hasten_held_watches();
    END IF;
    v_account.proven_reward := p_clean;
    v_account := codemint.accept_by_answer(v_account, v_now);
  END IF;
  PERFORM codemint.save_account(v_account);
END
$$;

-- The API gave a clean answer. Failures in a row are forgotten, and a pause because of failures
-- ends. A pause that the API asked for stays. After an outage the pace starts at a tenth, so that
-- the whole fleet does not come back at once.
CREATE OR REPLACE FUNCTION codemint.account_proven(p_account codemint.account, p_now timestamptz)
RETURNS codemint.account
LANGUAGE plpgsql
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

-- Whether a call's ending is news. A call that left before the last failure was known shows the
-- same failure again. If it counted, a short outage would look like a long one.
CREATE OR REPLACE FUNCTION codemint.is_news(p_account codemint.account, p_sent_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN coalesce(p_sent_at > p_account.failed_at, true);
END
$$;

-- The lowest pace: a twentieth of the configured pace, or one request in two seconds if that is
-- less.
CREATE OR REPLACE FUNCTION codemint.least_pace(p_account codemint.account) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  RETURN least(p_account.requests_per_second / 20, 0.5);
END
$$;

-- The API asked for fewer requests (429). All workers pause for as long as the API says, at most an
-- hour, and the pace is halved.
CREATE OR REPLACE FUNCTION codemint.account_throttled(
  p_account codemint.account, p_now timestamptz, p_sent_at timestamptz, p_pause interval
) RETURNS codemint.account
LANGUAGE plpgsql
AS $$
BEGIN
  IF codemint.is_news(p_account, p_sent_at) AND p_account.requests_per_second IS NOT NULL THEN
    p_account.pace := greatest(codemint.current_pace(p_account, p_now) / 2,
                               codemint.least_pace(p_account));
    p_account.pace_at := p_now;
    p_account.pace_reason := 'throttled';
    p_account.failed_at := p_now;
  END IF;
  RETURN codemint.slow_down(p_account, p_now, p_pause, NULL);
END
$$;

-- Applies what an answer asks for. p_pause is the time to wait, of which at most an hour is
-- granted. p_ceiling is the number of requests per second that are left. Either may be null.
CREATE OR REPLACE FUNCTION codemint.slow_down(
  p_account codemint.account, p_now timestamptz, p_pause interval, p_ceiling double precision
) RETURNS codemint.account
LANGUAGE plpgsql
AS $$
BEGIN
  IF p_pause IS NOT NULL THEN
    p_account.paused_until := greatest(
      codemint.as_planned(p_account.paused_until, p_account.paused_for, p_now),
      p_now + least(p_pause, interval '1 hour'));
    p_account.paused_for := p_account.paused_until - p_now;
    p_account.pause_reason := 'throttled';
  END IF;
  IF p_ceiling < codemint.current_pace(p_account, p_now) THEN
    p_account.pace := greatest(p_ceiling, codemint.least_pace(p_account));
    p_account.pace_at := p_now;
    p_account.pace_reason := 'announced';
  END IF;
  RETURN p_account;
END
$$;

-- The API failed, or could not be reached. All workers pause, longer with each failure. Calls that
-- fail together are one failure, and they pause for no longer than one. The third failure in a row
-- opens the breaker: at the end of the pause a harmless request is sent, and no call is claimed
-- until it is answered. From then on a pause is at least half of its ceiling, which limits the
-- number of attempts.
CREATE OR REPLACE FUNCTION codemint.account_failed(
  p_account codemint.account, p_now timestamptz, p_sent_at timestamptz, p_reason text,
  p_jitter double precision
) RETURNS codemint.account
LANGUAGE plpgsql
AS $$
DECLARE
  c_opens constant integer := 3;
  v_news  boolean := codemint.is_news(p_account, p_sent_at);
  v_half  double precision;
  v_pause interval;
BEGIN
  IF v_news THEN
    p_account.failures := p_account.failures + 1;
    p_account.failed_at := p_now;
  END IF;
  IF p_account.failures < c_opens THEN
    v_pause := codemint.backoff('1 second', '1 minute', greatest(p_account.failures, 1), p_jitter);
  ELSE
    v_half := codemint.backoff_ceiling('15 seconds', '10 minutes',
                                       p_account.failures - c_opens + 1) / 2;
    v_pause := interval '1 microsecond' * floor(v_half + v_half * p_jitter);
  END IF;
  p_account.pause_reason := CASE WHEN p_account.paused_until > p_now
                                      AND p_account.pause_reason = 'throttled'
                                 THEN 'throttled' ELSE p_reason END;
  p_account.paused_until := greatest(
    codemint.as_planned(p_account.paused_until, p_account.paused_for, p_now), p_now + v_pause);
  p_account.paused_for := p_account.paused_until - p_now;
  IF v_news AND p_account.failures >= c_opens THEN
    p_account.breaker := 'open';
    p_account.probe_at := p_account.paused_until;
  END IF;
  RETURN p_account;
END
$$;

-- Applies what the answer to a request that makes no codes says about the pace. p_refused: the
-- answer was a 429. p_age: how long ago the request left.
CREATE OR REPLACE FUNCTION codemint.apply_feedback(
  p_refused boolean, p_pause interval, p_ceiling double precision, p_age interval
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
  IF p_refused THEN
    v_account := codemint.account_throttled(v_account, v_now, v_now - p_age,
                                            coalesce(p_pause, interval '1 second'));
    p_pause := NULL;
  END IF;
  PERFORM codemint.save_account(codemint.slow_down(v_account, v_now, p_pause, p_ceiling));
END
$$;

-- Writes the columns of the account that an answer can change.
CREATE OR REPLACE FUNCTION codemint.save_account(p_account codemint.account) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE codemint.account a
  SET in_flight = p_account.in_flight, failures = p_account.failures,
      failed_at = p_account.failed_at, proven_at = p_account.proven_at,
      proven_reward = p_account.proven_reward, api_accepted_at = p_account.api_accepted_at, breaker = p_account.breaker, pace = p_account.pace,
      pace_at = p_account.pace_at, pace_reason = p_account.pace_reason,
      paused_until = p_account.paused_until, paused_for = p_account.paused_for,
      pause_reason = p_account.pause_reason,
      blocked_at = p_account.blocked_at, blocked_code = p_account.blocked_code,
      blocked_message = p_account.blocked_message, probe_at = p_account.probe_at;
  IF NOT FOUND THEN
    PERFORM codemint.refuse_silence('account');
  END IF;
END
$$;
