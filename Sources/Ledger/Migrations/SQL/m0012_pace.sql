-- How fast the account is used: what operators set and see of it.

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
