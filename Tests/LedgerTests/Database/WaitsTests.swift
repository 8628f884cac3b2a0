import Ledger
import Postgres
import Testing

/// An operator with psql alone: why a job is stuck, and what helps.
@Suite("what jobs wait for")
struct WaitsTests {
  /// How the ledger is, on top of a job 1 that runs, of a daemon that lives and of limits.
  struct Trouble {
    let reason: String
    let setup: String
    let why: String
    /// What `what_to_do` begins with.
    var help = "none: "
  }

  /// What comes after what was done, where the job does not proceed at once.
  private static let next = ["sync": "sync", "suspended": "listing", "api": "api"]

  /// The command that does what the statement does.
  private static let commands = [
    "decision": "resolve ", "held": "retry ", "paused": "resume ", "approval": "approve ",
    "api": "accept-api ", "suspended": "accept-cluster ", "sync": "follow-sync ",
  ]

  @Test("psql alone says what a job waits for and what helps")
  func tells() async throws {
    try await Logins.lend { logins in
      let person = logins.owner
      for trouble in Self.forPeople + Self.passing {
        try await person.script("BEGIN")
        try await person.script(Self.running + trouble.setup)
        try await person.script("SET LOCAL ROLE codemint_operator")
        let seen: Statement = "SELECT * FROM codemint.waits"
        let row = try await person.query(seen).one()
        #expect(try row.text("reason") == trouble.reason)
        let why = try row.text("why")
        #expect(why == trouble.why)
        let past: Statement = "SELECT FROM codemint.waits WHERE until <= statement_timestamp()"
        #expect(try await person.query(past).isEmpty, "\(trouble.why)")
        let help = try row.text("what_to_do")
        #expect(help.hasPrefix(trouble.help), "\(trouble.why)")
        let command = try row.optionalText("command")
        #expect(
          help.hasPrefix("SELECT codemint.")
            ? command?.hasPrefix("codemint \(try #require(Self.commands[trouble.reason]))") == true
            : command == nil,
          "\(help)"
        )
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
        UPDATE codemint.healing SET retired_at = 'infinity';
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
        ("UPDATE codemint.jobs SET paused = false, is_new = true, queue_position = 1", "paused"),
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

  static let daemon = """
    INSERT INTO codemint.workers
      (id, host, process, version, draining, requests_per_second, burst, max_in_flight,
       max_in_flight_per_reward, lease, api_timeout, listing_gap, expires_at)
    VALUES (gen_random_uuid(), 'here', 1, '1', false, 5, 1, 4, 2, '1 min', '1 min', '10 s',
            now() + interval '1 hour');
    """

  static let running = """
    \(daemon)
    UPDATE codemint.account
      SET requests_per_second = 5, burst = 1, max_in_flight = 4, max_in_flight_per_reward = 2;
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
    UPDATE codemint.jobs SET state = 'running', started_at = now();
    INSERT INTO codemint.rewards (reward_id) SELECT reward_id FROM codemint.jobs;
    """

  static func awaiting(_ reason: String, error: String? = nil) -> String {
    """
    UPDATE codemint.rewards SET awaits_listing = true;
    INSERT INTO codemint.reward_watches (reward_id, reason, next_listing_at, error_message)
      SELECT reward_id, '\(reason)', now(), \(error.map { "'\($0)'" } ?? "NULL")
      FROM codemint.rewards
    """
  }

  /// A job that has been due for long, with nothing claimed.
  static let idle = """
    UPDATE codemint.jobs
    SET next_call_at = now() - interval '1 min', updated_at = now() - interval '1 min';
    """

  static let doubtful = """
    INSERT INTO codemint.calls
      (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
       effective_until)
      SELECT gen_random_uuid(), id, reward_id, 5, 'in_doubt', 5, gen_random_uuid(), '1 min',
             '1 min', '10 s', now()
      FROM codemint.jobs;
    """

  static let completed = """
    UPDATE codemint.jobs SET is_new = false, queue_position = NULL, next_call_at = NULL,
      issued = count, state = 'completed', finished_at = now();
    UPDATE codemint.jobs SET sync_done_at = NULL;
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids)
      SELECT gen_random_uuid(), id, gen_random_uuid(), reward_id, 'C', 'available', 'pending', '{}'
      FROM codemint.jobs;
    """
}
