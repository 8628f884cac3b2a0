-- How fast the account is used: what operators set and see of it, and what answers make of it.

-- Sets limits for the whole fleet, at once, over whatever the daemons are configured with. A limit
-- that is not named, or null, goes back to the daemons' settings.
CREATE FUNCTION codemint.set_limits(
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
  v_account codemint.accounts;
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
  UPDATE codemint.accounts a
  SET set_requests_per_second = set_limits.requests_per_second,
      set_burst = set_limits.burst,
      set_max_in_flight = set_limits.max_in_flight,
      set_max_in_flight_per_reward = set_limits.max_in_flight_per_reward,
      set_by = CASE WHEN num_nonnulls(set_limits.requests_per_second, set_limits.burst,
                                      set_limits.max_in_flight,
                                      set_limits.max_in_flight_per_reward) > 0
                    THEN session_user END,
      set_at = clock_timestamp()
  WHERE a.name = 'default';
  PERFORM codemint.apply_limits();
  SELECT * INTO v_account FROM codemint.accounts a WHERE a.name = 'default';
  IF v_account.requests_per_second IS NULL OR v_account.burst IS NULL
     OR v_account.max_in_flight IS NULL OR v_account.max_in_flight_per_reward IS NULL THEN
    RETURN 'set; what is not set comes from the first daemon that starts';
  END IF;
  RETURN format('in force now: %s requests/s, burst %s, %s in flight, %s for one reward',
                v_account.requests_per_second, v_account.burst, v_account.max_in_flight,
                v_account.max_in_flight_per_reward);
END
$$;

-- p_reason is why everybody pauses, or the code of what blocks the account: with a 403, that is
-- what the harmless request was told and not the call. p_sent is when the call left; a clean answer
-- (p_clean) teaches how far the API's clock is ahead.
CREATE FUNCTION codemint.apply_account_effect(
  p_landed boolean, p_sent timestamptz, p_effect text, p_pause interval, p_reason text,
  p_message text, p_breaker_limit integer, p_clean boolean, p_first timestamptz, p_last timestamptz
) RETURNS void
LANGUAGE plpgsql
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
  IF p_clean THEN
    v_account := codemint.learn_offset(v_account, p_sent, p_first, p_last);
  END IF;
  PERFORM codemint.save_account(v_account);
END
$$;

-- Whether a failure is its reward's own: the p_limit-th in a row, and other calls of the account have
-- been answered as they should be since the first of them (protocol, rule 17).
CREATE FUNCTION codemint.fails_alone(p_reward codemint.rewards, p_limit integer) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_reward.failures + 1 >= p_limit
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
    p_reward.paused_until := NULL;
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

-- The API answered as it should: failures in a row are forgotten, and a pause that was made because
-- there was no answer ends; one that the API asked for stays. After an outage the fleet does not
-- come back all at once: it starts slowly.
CREATE FUNCTION codemint.account_proven(p_account codemint.accounts, p_now timestamptz)
RETURNS codemint.accounts
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
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE codemint.accounts a
  SET in_flight = p_account.in_flight, failures = p_account.failures,
      failed_at = p_account.failed_at, proven_at = p_account.proven_at,
      breaker = p_account.breaker, pace = p_account.pace,
      pace_at = p_account.pace_at, pace_reason = p_account.pace_reason,
      paused_until = p_account.paused_until, pause_reason = p_account.pause_reason,
      blocked_at = p_account.blocked_at, blocked_code = p_account.blocked_code,
      blocked_message = p_account.blocked_message, probe_at = p_account.probe_at,
      offset_low_us = p_account.offset_low_us, offset_high_us = p_account.offset_high_us,
      offset_measured_at = p_account.offset_measured_at,
      offset_distrusted_until = p_account.offset_distrusted_until
  WHERE a.name = p_account.name;
END
$$;

COMMENT ON FUNCTION codemint.set_limits(double precision, integer, integer, integer) IS
  'Sets limits for the whole fleet, over the daemons'' settings. What is not named, or null, goes '
  'back to the settings: set_limits() takes all of it back.';
COMMENT ON COLUMN codemint.accounts.requests_per_second IS
  'In force: what set_limits says, else the smallest of the living daemons'' settings.';
COMMENT ON COLUMN codemint.accounts.burst IS
  'In force: requests that may go at once after a quiet time.';
COMMENT ON COLUMN codemint.accounts.max_in_flight IS 'In force: calls that may be sending.';
COMMENT ON COLUMN codemint.accounts.max_in_flight_per_reward IS
  'In force: calls of one reward that may be sending.';
COMMENT ON COLUMN codemint.accounts.set_requests_per_second IS 'What set_limits says; else null.';
COMMENT ON COLUMN codemint.accounts.set_burst IS 'What set_limits says; else null.';
COMMENT ON COLUMN codemint.accounts.set_max_in_flight IS 'What set_limits says; else null.';
COMMENT ON COLUMN codemint.accounts.set_max_in_flight_per_reward IS
  'What set_limits says; else null.';
COMMENT ON COLUMN codemint.accounts.set_by IS 'Who set limits; null if nothing is set.';
COMMENT ON COLUMN codemint.accounts.set_at IS 'When limits were last set or taken back.';
COMMENT ON COLUMN codemint.accounts.pace IS
  'Requests a second that the pace was last lowered to; it has come back since with pace_at.';
COMMENT ON COLUMN codemint.accounts.pace_at IS 'When the pace was last lowered.';
COMMENT ON COLUMN codemint.accounts.pace_reason IS
  'Why: throttled (a 429), announced (the API told how much is left) or recovering (an outage).';
COMMENT ON COLUMN codemint.accounts.failures IS
  'Failures of the API in a row; while there are any, one call goes out at a time.';
COMMENT ON COLUMN codemint.accounts.failed_at IS
  'When the last of them, or of the 429s, was counted. Calls that left before are no news.';
COMMENT ON COLUMN codemint.accounts.breaker IS
  'open: no call before GET /v1/team is answered; trial: it is, one call goes out at a time.';
COMMENT ON COLUMN codemint.accounts.paused_until IS 'Nobody sends before this time.';
COMMENT ON COLUMN codemint.accounts.pause_reason IS
  'Why: throttled (the API asked for it), failing or unreachable.';
COMMENT ON COLUMN codemint.accounts.probe_at IS 'When GET /v1/team is asked next.';
COMMENT ON COLUMN codemint.calls.send_at IS
  'The slot that the rate limit gave it; a later one if it missed the first.';
COMMENT ON COLUMN codemint.account_status.requests_per_second IS
  'What is configured: the pace when nothing is wrong.';
COMMENT ON COLUMN codemint.account_status.current_requests_per_second IS
  'Requests a second that are sent now. What was lowered comes back within five minutes.';
COMMENT ON COLUMN codemint.account_status.pace_reason IS
  'Why the pace is low: throttled, announced or recovering; null if it is not.';
COMMENT ON COLUMN codemint.account_status.limits_from IS
  'set_limits if an operator has set any of them, else the daemons'' settings.';
COMMENT ON COLUMN codemint.account_status.state IS
  'open, trying (one call at a time after a failure), paused, failing (no call until the API '
  'answers), blocked (the API refuses the key) or suspended (another database cluster).';
