import Backstage
import Foundation
import Sandbox
import Testing

/// Every alert of config/prometheus fires on what a real daemon reports in the trouble, and is over on
/// what it reports afterwards. promtool does the arithmetic of Prometheus.
@Suite("Alerts", .timeLimit(Patience.limit), .enabled(if: AlertTrial.hasPromtool))
struct AlertTests {
  /// A trouble that the ledger shows, with no request of the API behind it.
  private struct Trouble {
    let alert: String
    let begins: String
    let ends: String
  }

  private static let troubles = [
    Trouble(
      alert: "CodemintAccountPaused",
      begins: """
        UPDATE codemint.account SET paused_until = now() + interval '1 hour', paused_for = '1 hour',
          pause_reason = 'throttled'
        """,
      ends: "UPDATE codemint.account SET paused_until = NULL, pause_reason = NULL"
    ),
    Trouble(
      alert: "CodemintHeldJob",
      begins: """
        UPDATE codemint.jobs SET held = true, is_new = false, queue_position = NULL,
          next_call_at = NULL, error_code = 'forbidden'
        """,
      ends: "SELECT codemint.retry_job(id) FROM codemint.jobs; \(later)"
    ),
    Trouble(
      alert: "CodemintHeldCall",
      begins: """
        \(doubtful);
        UPDATE codemint.calls SET held_at = now(), hold_reason = 'no_witness' WHERE state = 'in_doubt'
        """,
      ends: "DELETE FROM codemint.calls WHERE state = 'in_doubt'"
    ),
    Trouble(
      alert: "CodemintDoubtUndecided",
      begins: """
        \(doubtful);
        UPDATE codemint.calls SET updated_at = now() - interval '40 min' WHERE state = 'in_doubt'
        """,
      ends: "DELETE FROM codemint.calls WHERE state = 'in_doubt'"
    ),
    Trouble(
      alert: "CodemintAPIContradicted",
      begins: """
        SELECT codemint.record_fact('list_order', '', 'newest_first', 7);
        SELECT codemint.record_fact('list_order', '', 'not_kept', 7)
        """,
      ends: "UPDATE codemint.observed_facts SET contradicted_at = now() - interval '8 days'"
    ),
    Trouble(
      alert: "CodemintSyncGivenUp",
      begins: """
        INSERT INTO codemint.tracked_rewards (reward_id, given_up_at)
          SELECT reward_id, now() FROM codemint.jobs
        """,
      ends: "DELETE FROM codemint.tracked_rewards"
    ),
    Trouble(
      alert: "CodemintNobodyWorks",
      begins: """
        CREATE FUNCTION public.dead() RETURNS trigger LANGUAGE plpgsql
          AS $$ BEGIN NEW.expires_at := 'epoch'; RETURN NEW; END $$;
        CREATE TRIGGER dead BEFORE INSERT OR UPDATE ON codemint.workers
          FOR EACH ROW EXECUTE FUNCTION public.dead();
        UPDATE codemint.workers SET expires_at = 'epoch'
        """,
      ends: """
        DROP TRIGGER dead ON codemint.workers;
        UPDATE codemint.workers SET expires_at = now() + interval '1 hour'
        """
    ),
  ]

  /// A job that is not due: nothing but the trouble happens to it.
  private static let later = """
    UPDATE codemint.jobs SET run_at = now() + interval '1 day', is_new = false, queue_position = NULL,
      next_call_at = now() + interval '1 day'
    """

  private static let doubtful = """
    INSERT INTO codemint.calls
      (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
       effective_until)
      SELECT gen_random_uuid(), id, reward_id, 5, 'in_doubt', 5, gen_random_uuid(), '1 hour',
             '1 hour', '10 s', now() + interval '1 day'
      FROM codemint.jobs
    """

  @Test("troubles that the ledger shows: each alert fires, and stops")
  func ledger() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      try await stage.database.run(
        """
        INSERT INTO codemint.jobs (reward_id, count, run_at)
          VALUES ('\(Reward.first)', 10, now() + interval '1 day')
        """
      )
      for trouble in Self.troubles {
        let before = try await web.get("/metrics").body
        try await stage.database.run(trouble.begins)
        let during = try await web.get("/metrics").body
        try await stage.database.run(trouble.ends)
        let after = try await web.get("/metrics").body
        try await trial.judge(trouble.alert, .init(before: before, during: during, after: after))
      }
    }
  }

  @Test("a key that the API refuses, and then accepts")
  func blocked() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.put([FaultRule(.generate, .status(401)), FaultRule(.team, .status(401))])
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.until("(SELECT blocked_at IS NOT NULL FROM codemint.account)")
      let during = try await web.get("/metrics").body
      try await stage.put([])
      try await stage.database.run(
        "UPDATE codemint.account SET probe_at = now(); NOTIFY codemint_control"
      )
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintAccountBlocked",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("answers that are lost: calls in doubt are many, and then no more")
  func doubts() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      try await stage.endPausesAtOnce()
      try await stage.firstAnswer()
      let before = try await web.get("/metrics").body
      try await stage.put([FaultRule(.generate, .reset(at: .beforeAnswer, made: .all))])
      try await stage.database.insert((1...4).map { Job(Reward.numbered($0), 10) })
      try await Patience.until {
        let text = try await web.get("/metrics").body
        return text.contains(#/codemint_calls_total\{outcome="in_doubt"\} [3-9]/#)
      }
      let during = try await web.get("/metrics").body
      try await stage.put([])
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintDoubtsFrequent",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("codes that no job has room for")
  func surplus() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage, ["CODEMINT_POLL_SECONDS": "0.2"])
      try await stage.database.insert(Job(Reward.first, 50))
      try await stage.database.allEnded()
      let before = try await web.get("/metrics").body
      // As if the call had been judged absent for seven of its codes.
      try await stage.database.run(
        """
        DELETE FROM codemint.codes WHERE id IN (SELECT id FROM codemint.codes LIMIT 7);
        INSERT INTO codemint.reward_watches (reward_id, reason, call_id, since, next_listing_at)
        SELECT r.reward_id, 'absent_call', (SELECT id FROM codemint.calls), r.created_at,
               clock_timestamp()
        FROM codemint.rewards r
        """
      )
      try await Patience.until {
        try await web.get("/metrics").body.contains("codemint_surplus_codes_total 7\n")
      }
      let during = try await web.get("/metrics").body
      try await trial.judge("CodemintSurplus", .init(before: before, during: during, after: during))
    }
  }

  @Test("an API whose answers have a field that its documents do not have")
  func drift() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.put([FaultRule(.generate, .extraFields(count: 1))])
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.allEnded()
      let during = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintAPIDrift",
        .init(before: before, during: during, after: during)
      )
    }
  }

  @Test("an API that does not answer while jobs run, and then does")
  func stuck() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.put([FaultRule(.generate, .latency(seconds: 3, jitter: 0))])
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.requests(1)
      let during = try await web.get("/metrics").body
      try await stage.put([])
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      try await trial.judge("CodemintStuck", .init(before: before, during: during, after: after))
    }
  }

  @Test("a fleet that stands still for a reason that nobody knows, and the job that waits for it")
  func stalled() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.refuseClaims()
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.passStall()
      let during = try await web.get("/metrics").body
      try await stage.database.run("DROP TRIGGER refuse ON codemint.calls")
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      let scrapes = AlertTrial.Scrapes(before: before, during: during, after: after)
      try await trial.judge("CodemintStalled", scrapes)
      try await trial.judge("CodemintJobUnexplained", scrapes)
    }
  }

  @Test("a database that is stopped, and started again")
  func down() async throws {
    try await Stage.playWithMortalServer { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.server.stop(.immediate)
      let during = try await web.get("/metrics").body
      try await stage.server.start()
      try await Patience.until {
        try await web.get("/metrics").body.contains("codemint_ledger_up 1\n")
      }
      let after = try await web.get("/metrics").body
      let scrapes = AlertTrial.Scrapes(before: before, during: during, after: after)
      try await trial.judge("CodemintDown", scrapes)
      try await trial.judge("CodemintDown", .init(before: before, during: nil, after: after))
    }
  }

  @Test("no alert is without its trial")
  func all() throws {
    let tried: Set<String> = [
      "CodemintAccountBlocked", "CodemintDoubtsFrequent", "CodemintSurplus", "CodemintStuck",
      "CodemintStalled", "CodemintJobUnexplained", "CodemintDown", "CodemintAPIDrift",
    ]
    #expect(try AlertTrial.alerts() == tried.union(Self.troubles.map(\.alert)))
  }

  private static func begin(_ stage: Stage, _ settings: [String: String?] = [:]) async throws
    -> (Web, AlertTrial)
  {
    let web = try Web()
    let place = ["CODEMINT_HTTP_LISTEN": web.address].merging(settings) { $1 }
    let daemon = try stage.daemon(place)
    try await daemon.errors.line("web server listens")
    try await stage.database.until("EXISTS (SELECT FROM codemint.workers)")
    return (web, AlertTrial(stage: stage))
  }
}
