import Ledger
import Postgres
import Testing

/// An operator with psql alone: why a job is stuck, and what helps.
@Suite("what jobs wait for")
struct WaitsTests {
  /// How the ledger is, on top of a job 1 that runs, of a daemon that lives and of limits.
  private struct Trouble {
    let reason: String
    let setup: String
    let why: String
    /// What `what_to_do` begins with.
    var help = "none: "
  }

  /// What comes after what was done, where the job does not proceed at once.
  private static let next = ["sync": "sync", "suspended": "listing", "api": "api"]

  private static let troubles = [
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
      why: "the next slot of the pace has not come"
    ),
    Trouble(
      reason: "unclaimable",
      setup: """
        UPDATE codemint.rewards SET passed_over_until = now() + interval '1 min',
          error_code = 'unclaimable', error_message = 'job 1: no';
        """,
      why: "it cannot be claimed: job 1: no",
      help: "mend the row"
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
      reason: "day",
      setup: """
        UPDATE codemint.account SET codes_per_day = 7, day = (now() AT TIME ZONE 'UTC')::date, day_codes = 7
        """,
      why: "the 7 codes that may be asked for in a day (UTC) were asked for"
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
      reason: "failing",
      setup: "UPDATE codemint.account SET breaker = 'open', failures = 5, probe_at = now()",
      why: "the API has failed 5 times in a row"
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
        since 2030-01-01 00:00:00+00
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
  ]

  @Test("psql alone says what a job waits for and what helps")
  func tells() async throws {
    try await Logins.lend { logins in
      let person = logins.owner
      for trouble in Self.troubles {
        try await person.script("BEGIN")
        try await person.script(Self.running + trouble.setup)
        try await person.script("SET LOCAL ROLE codemint_operator")
        let seen: Statement = "SELECT * FROM codemint.waits"
        let row = try await person.query(seen).one()
        #expect(try row.text("reason") == trouble.reason)
        #expect(try row.text("why") == trouble.why)
        let help = try row.text("what_to_do")
        #expect(help.hasPrefix(trouble.help), "\(trouble.why)")
        // What it says can be pasted, and helps.
        if help.hasPrefix("SELECT") {
          try await person.script(help.replacing("adopt", with: "absent"))
          let after = try await person.query(seen).one().text("reason")
          #expect(after == (Self.next[trouble.reason] ?? "turn"), "\(help)")
        }
        try await person.script("ROLLBACK")
      }
    }
  }

  @Test("what a person has to do comes first, and a job that waits for nothing is not there")
  func order() async throws {
    try await Logins.lend { logins in
      let person = try await logins.login(.operator)
      let reason: Statement = "SELECT reason FROM codemint.waits WHERE job_id = 1"
      try await logins.owner.script(
        """
        \(Self.running)
        DELETE FROM codemint.workers;
        UPDATE codemint.cluster_identity SET suspended_at = now(), suspended_reason = 'copy';
        UPDATE codemint.account SET in_flight = 4, blocked_at = now(), breaker = 'open',
          upgrading_until = now() + interval '1 h', paused_until = now() + interval '1 h';
        \(Self.awaiting("failover"));
        \(Self.doubtful)
        UPDATE codemint.rewards SET closed_at = now(), paused_until = now() + interval '1 h';
        UPDATE codemint.jobs SET paused = true, is_new = false, queue_position = NULL,
          next_call_at = NULL;
        """
      )
      for (step, next) in [
        ("UPDATE codemint.jobs SET paused = false, is_new = true", "paused"),
        ("UPDATE codemint.cluster_identity SET suspended_at = NULL", "suspended"),
        (Self.daemon, "daemon"),
        ("UPDATE codemint.account SET blocked_at = NULL", "blocked"),
        ("UPDATE codemint.account SET breaker = NULL", "failing"),
        ("UPDATE codemint.rewards SET closed_at = NULL", "doubt"),
        ("UPDATE codemint.account SET upgrading_until = NULL", "upgrade"),
        ("UPDATE codemint.rewards SET awaits_listing = false", "listing"),
        ("UPDATE codemint.rewards SET paused_until = NULL", "refused"),
        ("UPDATE codemint.account SET paused_until = NULL", "pause"),
        ("UPDATE codemint.account SET in_flight = 0", "slots"),
        (Self.completed, "turn"),
      ] {
        #expect(try await person.query(reason).one().text("reason") == next)
        try await logins.owner.script(step)
      }
      #expect(try await person.query(reason).isEmpty)
    }
  }

  private static let daemon = """
    INSERT INTO codemint.workers
      (id, host, process, version, draining, requests_per_second, burst, max_in_flight,
       max_in_flight_per_reward, lease, api_timeout, listing_gap, expires_at)
    VALUES (gen_random_uuid(), 'here', 1, '1', false, 5, 1, 4, 2, '1 min', '1 min', '10 s',
            now() + interval '1 hour');
    """

  private static let running = """
    \(daemon)
    UPDATE codemint.account
      SET requests_per_second = 5, burst = 1, max_in_flight = 4, max_in_flight_per_reward = 2;
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
    UPDATE codemint.jobs SET state = 'running', started_at = now();
    INSERT INTO codemint.rewards (reward_id) SELECT reward_id FROM codemint.jobs;
    """

  private static func awaiting(_ reason: String, error: String? = nil) -> String {
    """
    UPDATE codemint.rewards SET awaits_listing = true;
    INSERT INTO codemint.reward_watches (reward_id, reason, next_listing_at, error_message)
      SELECT reward_id, '\(reason)', now(), \(error.map { "'\($0)'" } ?? "NULL")
      FROM codemint.rewards
    """
  }

  /// A job that has been due for long, with nothing claimed.
  private static let idle = """
    UPDATE codemint.jobs
    SET next_call_at = now() - interval '1 min', updated_at = now() - interval '1 min';
    """

  private static let doubtful = """
    INSERT INTO codemint.calls
      (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
       effective_until)
      SELECT gen_random_uuid(), id, reward_id, 5, 'in_doubt', 5, gen_random_uuid(), '1 min',
             '1 min', '10 s', now()
      FROM codemint.jobs;
    """

  private static let completed = """
    UPDATE codemint.jobs SET is_new = false, queue_position = NULL, next_call_at = NULL,
      issued = count, state = 'completed', finished_at = now();
    UPDATE codemint.jobs SET sync_done_at = NULL;
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids)
      SELECT gen_random_uuid(), id, gen_random_uuid(), reward_id, 'C', 'available', 'pending', '{}'
      FROM codemint.jobs;
    """
}
