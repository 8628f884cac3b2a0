extension WaitsTests {
  /// What a person has to end.
  static let forPeople = [
    Trouble(
      reason: "unclaimable",
      setup: """
        SELECT codemint.note_refused_work(reward_id, 'claim', NULL, 'P0001', 'no', 'public.f()')
        FROM codemint.rewards;
        """,
      why: "calls of the reward cannot be claimed: no (public.f())",
      help: "mend or drop what refuses it"
    ),
    Trouble(
      reason: "unknown",
      setup: idle,
      why: "codemint cannot tell; no call was ever claimed",
      help: "see the daemons' logs"
    ),
    // Nothing is out for the job, whatever its row says of what it lacks.
    Trouble(
      reason: "unknown",
      setup: """
        UPDATE codemint.jobs SET issued = 10, is_new = false, queue_position = NULL,
          next_call_at = NULL;
        """,
      why: "codemint cannot tell; no call was ever claimed",
      help: "see the daemons' logs"
    ),
    Trouble(
      reason: "approval",
      setup: """
        UPDATE codemint.jobs SET awaits_approval = true, is_new = false, queue_position = NULL,
          next_call_at = NULL;
        """,
      why: "it asks for 10 codes, which an operator has to approve",
      help: "SELECT codemint.approve_job("
    ),
    Trouble(
      reason: "api",
      setup: """
        UPDATE codemint.workers SET api = 'https://new.example';
        UPDATE codemint.account SET api = 'https://old.example', api_accepted_at = now();
        """,
      why: "calls of this ledger go to https://old.example, and a daemon would send them to "
        + "https://new.example; 1 open job(s) lack 10 codes",
      help: "SELECT codemint.accept_api('https://new.example'"
    ),
    Trouble(
      reason: "paused",
      setup: "SELECT codemint.pause_job(id, 'too early') FROM codemint.jobs",
      why: "paused by postgres: too early",
      help: "SELECT codemint.resume_job("
    ),
    Trouble(
      reason: "held",
      setup: """
        UPDATE codemint.jobs SET held = true, is_new = false, queue_position = NULL,
          next_call_at = NULL, error_code = 'forbidden', error_message = 'not this one';
        """,
      why: "forbidden: not this one",
      help: "SELECT codemint.retry_job("
    ),
    Trouble(
      reason: "decision",
      setup: """
        UPDATE codemint.jobs SET held = true, outstanding = 5, is_new = false,
          queue_position = NULL, next_call_at = NULL, error_code = 'number_unexplained';
        \(doubtful)
        UPDATE codemint.calls SET held_at = now(), hold_reason = 'number_unexplained';
        """,
      why: "codemint cannot tell what 1 of its calls did: number_unexplained",
      help: "SELECT codemint.resolve_call("
    ),
    Trouble(
      reason: "decision",
      setup: """
        UPDATE codemint.jobs SET outstanding = 10, is_new = false, queue_position = NULL,
          next_call_at = NULL;
        \(doubtful)
        UPDATE codemint.calls SET held_at = now(), hold_reason = 'no_witness';
        """,
      why: "codemint cannot tell what 1 of its calls did: no_witness",
      help: "SELECT codemint.resolve_call("
    ),
    Trouble(
      reason: "suspended",
      setup: """
        UPDATE codemint.cluster_identity
        SET suspended_at = now(), suspended_reason = 'it was restored'
        """,
      why: "it was restored",
      help: "SELECT codemint.accept_cluster('why'); -- only if"
    ),
    Trouble(
      reason: "daemon",
      setup: "UPDATE codemint.workers SET draining = true",
      why: "no daemon has given a sign of life lately, or all of them are stopping",
      help: "start one"
    ),
    Trouble(
      reason: "blocked",
      setup: """
        UPDATE codemint.account SET blocked_at = now(), blocked_code = 'unauthorized',
          blocked_message = 'bad key', probe_at = now()
        """,
      why: "the API refuses the key: unauthorized: bad key",
      help: "give the daemons a key"
    ),
    Trouble(
      reason: "unsettled",
      setup: """
        UPDATE codemint.jobs SET outstanding = 5;
        \(doubtful)
        SELECT codemint.note_refusal(id, job_id, reward_id, 'P0001', 'no', 'public.f()', '')
          FROM codemint.calls;
        """,
      why: "the outcome of 1 of its calls cannot be recorded: no (public.f()); the answer is kept",
      help: "mend or drop what refuses it"
    ),
    Trouble(
      reason: "unsettled",
      setup: """
        \(doubtful)
        UPDATE codemint.rewards SET closed_at = now();
        SELECT codemint.note_refused_work(reward_id, 'doubt', worker, 'P0001', 'no', 'public.f()')
          FROM codemint.calls;
        """,
      why: "what became of calls in doubt cannot be recorded: no (public.f())",
      help: "mend or drop what refuses it"
    ),
    Trouble(
      reason: "unsettled",
      setup: """
        \(refused("LIMIT 4"))
        UPDATE codemint.account SET in_flight = 4;
        """,
      why: "4 call(s) keep their slots, because their outcome cannot be recorded: no (public.f())",
      help: "mend or drop what refuses it"
    ),
    Trouble(
      reason: "unsettled",
      setup: """
        \(refused("LIMIT 2"))
        UPDATE codemint.rewards SET in_flight = 2;
        """,
      why: "2 call(s) keep their slots, because their outcome cannot be recorded: no (public.f())",
      help: "mend or drop what refuses it"
    ),
    Trouble(
      reason: "slots",
      setup: """
        \(refused("LIMIT 3"))
        UPDATE codemint.account SET in_flight = 4;
        """,
      why: """
        4 call(s) are out, as many as there may be; 3 call(s) keep their slots, because their outcome cannot be \
        recorded: no (public.f())
        """,
      help: "mend or drop what refuses them"
    ),
    Trouble(
      reason: "reward",
      setup: """
        \(refused("LIMIT 1"))
        UPDATE codemint.rewards SET in_flight = 2;
        """,
      why: """
        its reward has 2 call(s) out, as many as it may; 1 call(s) keep their slots, because their outcome cannot be \
        recorded: no (public.f())
        """,
      help: "mend or drop what refuses them"
    ),
  ]

  /// So many calls are out, those of another job of the reward, and the database refuses their outcome.
  private static func refused(_ limit: String) -> String {
    """
    INSERT INTO codemint.calls
      (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap, lease_expires_at,
       effective_until)
    SELECT gen_random_uuid(), j.id, j.reward_id, 5, 'sending', 5, gen_random_uuid(), '1 min', '1 min', '10 s',
           now() + interval '1 min', now()
    FROM codemint.jobs j, generate_series(1, 4) \(limit);
    SELECT codemint.note_refusal(c.id, 99, c.reward_id, 'P0001', 'no', 'public.f()', NULL) FROM codemint.calls c;
    """
  }

  /// What ends by itself.
  static let passing = [
    Trouble(
      reason: "turn",
      setup: "",
      why: "it is due, and other jobs go first",
      help: "none, or "
    ),
    Trouble(
      reason: "turn",
      setup: "UPDATE codemint.jobs SET outstanding = 5",
      why: "it runs",
      help: "none, or "
    ),
    Trouble(
      reason: "pace",
      setup: """
        \(idle)
        UPDATE codemint.account
          SET next_slot_at = now() + interval '1 min', next_slot_for = '1 min';
        """,
      why: """
        the next slot of the pace has not come: 5.000 requests a second, by the settings of the daemon \
        on here
        """
    ),
    Trouble(
      reason: "day",
      setup: """
        UPDATE codemint.account SET codes_per_day = 7, day = (now() AT TIME ZONE 'UTC')::date, day_codes = 7
        """,
      why: "the 7 codes that may be asked for in a day (UTC) were asked for"
    ),
    Trouble(
      reason: "time",
      setup: """
        UPDATE codemint.jobs SET run_at = now() + interval '1 day', is_new = false,
          queue_position = NULL, next_call_at = now() + interval '1 day'
        """,
      why: "its run_at has not come"
    ),
    Trouble(
      reason: "time",
      setup: """
        UPDATE codemint.jobs SET answers_without_progress = 2, is_new = false,
          queue_position = NULL, next_call_at = now() + interval '1 min'
        """,
      why: "its last 2 answer(s) held no new code"
    ),
    Trouble(
      reason: "failing",
      setup: "UPDATE codemint.account SET breaker = 'open', failures = 5, probe_at = now()",
      why: "the API has failed 5 times in a row"
    ),
    // The newest failure is said: that of a probe, and then that of a call after it.
    Trouble(
      reason: "failing",
      setup: """
        \(doubtful)
        UPDATE codemint.calls SET error_message = 'answered with 503';
        UPDATE codemint.account SET breaker = 'open', failures = 5, probe_at = now();
        SELECT codemint.record_probe(false, NULL, 'connection refused');
        """,
      why: "the API has failed 5 times in a row: connection refused"
    ),
    Trouble(
      reason: "failing",
      setup: """
        UPDATE codemint.account SET breaker = 'open', failures = 5, probe_at = now();
        SELECT codemint.record_probe(false, NULL, 'connection refused');
        \(doubtful)
        UPDATE codemint.calls SET error_message = 'answered with 503';
        """,
      why: "the API has failed 5 times in a row: answered with 503"
    ),
    Trouble(
      reason: "doubt",
      setup: """
        UPDATE codemint.jobs SET outstanding = 5;
        UPDATE codemint.rewards SET in_flight = 1, closed_at = now();
        \(doubtful)
        """,
      why: "one of its calls is in doubt; 1 call(s) have to end first"
    ),
    Trouble(
      reason: "doubt",
      setup: """
        UPDATE codemint.rewards
        SET closed_at = now(), undecided_since = '2030-01-01 00:00+00';
        \(doubtful)
        INSERT INTO codemint.jobs (reward_id, count, state, finished_at)
          SELECT reward_id, 10, 'cancelled', now() FROM codemint.jobs;
        UPDATE codemint.calls
        SET job_id = (SELECT id FROM codemint.jobs WHERE state = 'cancelled');
        """,
      why: """
        a call of another job of its reward is in doubt, and listings of its reward fail or disagree \
        since 2030-01-01 00:00
        """
    ),
    Trouble(
      reason: "answers",
      setup: """
        UPDATE codemint.jobs SET outstanding = 10, is_new = false, queue_position = NULL,
          next_call_at = NULL
        """,
      why: "calls for its last 10 codes are out"
    ),
    Trouble(
      reason: "answers",
      setup: """
        UPDATE codemint.jobs SET outstanding = 5, paused = true, is_new = false,
          queue_position = NULL, next_call_at = NULL, state = 'ending', ends_as = 'cancelled'
        """,
      why: "calls for its last 5 codes are out"
    ),
    Trouble(
      reason: "listing",
      setup: Self.awaiting("failover"),
      why: "the database failed over, so its reward is listed first"
    ),
    Trouble(
      reason: "listing",
      setup: Self.awaiting("restore"),
      why: "the database was restored, so its reward is listed first"
    ),
    Trouble(
      reason: "listing",
      setup: Self.awaiting("failover", error: "gone"),
      why: "the database failed over, and its reward cannot be listed: gone"
    ),
    Trouble(
      reason: "refused",
      setup: """
        UPDATE codemint.rewards SET failures = 2, paused_until = now() + interval '1 min',
          error_code = 'forbidden', error_message = 'not this one'
        """,
      why: "its reward was refused or failed 2 time(s): forbidden: not this one"
    ),
    Trouble(
      reason: "pause",
      setup: """
        UPDATE codemint.account
        SET paused_until = now() + interval '1 min', pause_reason = 'throttled'
        """,
      why: "the API has asked for a pause"
    ),
    Trouble(
      reason: "reward",
      setup: "UPDATE codemint.rewards SET in_flight = 2",
      why: "its reward has 2 call(s) out, as many as it may"
    ),
    Trouble(
      reason: "slots",
      setup: "UPDATE codemint.account SET in_flight = 4",
      why: "4 call(s) are out, as many as there may be"
    ),
    Trouble(
      reason: "slots",
      setup: "UPDATE codemint.account SET in_flight = 1, failures = 1",
      why: "1 call(s) are out, as many as there may be after a failure"
    ),
    Trouble(
      reason: "sync",
      setup: """
        \(completed)
        INSERT INTO codemint.tracked_rewards (reward_id, next_pass_at) SELECT reward_id, now() FROM codemint.jobs
        """,
      why: "other systems have yet to take its codes"
    ),
    Trouble(
      reason: "sync",
      setup: """
        \(completed)
        INSERT INTO codemint.tracked_rewards (reward_id, next_pass_at, failures, error_message)
          SELECT reward_id, now(), 3, 'gone' FROM codemint.jobs
        """,
      why: "its codes cannot be listed: gone"
    ),
    Trouble(
      reason: "sync",
      setup: """
        \(completed)
        INSERT INTO codemint.tracked_rewards (reward_id, given_up_at) SELECT reward_id, now() FROM codemint.jobs
        """,
      why: "other systems have not taken its codes",
      help: "SELECT codemint.track_sync("
    ),
    Trouble(
      reason: "sync",
      setup: """
        \(completed)
        UPDATE codemint.codes SET external_ids = '{"stripe": {"syncStatus": "synced"}, "shopify": {"syncStatus": "pending"}}';
        INSERT INTO codemint.tracked_rewards (reward_id, given_up_at) SELECT reward_id, now() FROM codemint.jobs
        """,
      why: "shopify has not taken its codes",
      help: "SELECT codemint.track_sync("
    ),
  ]
}
