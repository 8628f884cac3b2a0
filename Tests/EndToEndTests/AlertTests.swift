import Backstage
import Foundation
import Sandbox
import Testing

/// Every alert of config/prometheus fires on what a real daemon reports in the trouble, and is over on
/// what it reports afterwards. promtool does the arithmetic of Prometheus.
@Suite("Alerts", .timeLimit(Patience.limit), .enabled(if: AlertTrial.hasPromtool))
struct AlertTests {
  @Test("an API that asks for a pause, until the pause has passed")
  func paused() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      let pause = RetryAfter(.seconds, seconds: 4)
      try await stage.put([FaultRule(.generate, .status(429, retryAfter: pause))])
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.until(
        "coalesce((SELECT paused_until > now() FROM codemint.account), false)"
      )
      let during = try await web.get("/metrics").body
      try await stage.put([])
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintAccountPaused",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("a reward that the API forbids, until a person has it tried again")
  func heldJob() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      // The pauses of a reward that is refused come to minutes; the test's clock runs ahead.
      try await stage.database.run(
        """
        CREATE FUNCTION public.end_pause() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          NEW.paused_until := least(NEW.paused_until, clock_timestamp());
          RETURN NEW;
        END $$;
        CREATE TRIGGER end_pause BEFORE UPDATE ON codemint.rewards
          FOR EACH ROW EXECUTE FUNCTION public.end_pause();
        """
      )
      try await stage.put([FaultRule(.generate, .status(403))])
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.until("EXISTS (SELECT FROM codemint.jobs WHERE held)")
      let during = try await web.get("/metrics").body
      try await stage.put([])
      try await stage.database.run("SELECT codemint.retry_job(id) FROM codemint.jobs")
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      try await trial.judge("CodemintHeldJob", .init(before: before, during: during, after: after))
    }
  }

  @Test("a call that no listing can decide, until a person does")
  func heldCall() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage, Self.hasty)
      let before = try await web.get("/metrics").body
      try await stage.put([FaultRule(.generate, .status(500, made: .part(20)), times: 1)])
      try await stage.database.insert(Job(Reward.first, 50))
      try await stage.database.until(Self.isInDoubt)
      try await stage.database.run(Self.passEffect)
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.calls WHERE held_at IS NOT NULL)"
      )
      let during = try await web.get("/metrics").body
      try await stage.database.run(
        """
        SELECT codemint.resolve_call(id, 'adopt', 'seen in the shop')
        FROM codemint.calls WHERE held_at IS NOT NULL
        """
      )
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      try await trial.judge("CodemintHeldCall", .init(before: before, during: during, after: after))
    }
  }

  @Test("a list that fails for half an hour, and then shows that the call made nothing")
  func undecided() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage, Self.hasty)
      try await stage.firstAnswer()
      let before = try await web.get("/metrics").body
      try await stage.put([
        FaultRule(.generate, .reset(at: .beforeAnswer, made: .none), times: 1),
        FaultRule(.list, .status(503)),
      ])
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.until(Self.isInDoubt)
      // Half an hour passes.
      try await stage.database.run(
        """
        UPDATE codemint.calls SET updated_at = updated_at - interval '40 minutes'
        WHERE state = 'in_doubt'
        """
      )
      let during = try await web.get("/metrics").body
      try await stage.put([])
      try await stage.database.run(Self.passEffect)
      try await stage.database.run("UPDATE codemint.rewards SET reconcile_at = NULL")
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintDoubtUndecided",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("an API whose lists have kept the order, and then have not, until a week has passed")
  func contradicted() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      // What two listings of one reward have shown, as the daemon records it.
      for order in ["newest_first", "not_kept"] {
        try await stage.database.run("SELECT codemint.record_fact('list_order', '', '\(order)', 7)")
      }
      try await Patience.until {
        try await web.get("/metrics").body.contains("codemint_api_facts_contradicted 1\n")
      }
      let during = try await web.get("/metrics").body
      try await stage.database.run(
        """
        UPDATE codemint.observed_facts SET contradicted_at = contradicted_at - interval '8 days'
        """
      )
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintAPIContradicted",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("codes that other systems do not take, until a person has them tracked again")
  func givenUp() async throws {
    let sync = SyncShape(systems: [.shopify], pendingShare: 1, pendingFor: .seconds(3600))
    try await Stage.play(api: SandboxConfiguration(sync: sync)) { stage in
      let (web, trial) = try await Self.begin(
        stage,
        ["CODEMINT_SYNC_FIRST_SECONDS": "1", "CODEMINT_SYNC_LONGEST_SECONDS": "2"]
      )
      let before = try await web.get("/metrics").body
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.allEnded()
      // Days pass, and the codes are pending all the same.
      try await stage.database.run(
        "UPDATE codemint.codes SET stored_at = stored_at - interval '30 days'"
      )
      let isGivenUp = "EXISTS (SELECT FROM codemint.tracked_rewards WHERE given_up_at IS NOT NULL)"
      let database = stage.database
      try await Patience.until { try await database.holds(isGivenUp) }
      let during = try await web.get("/metrics").body
      try await stage.database.run(
        """
        UPDATE codemint.codes SET stored_at = stored_at + interval '30 days';
        SELECT codemint.track_sync('\(Reward.first)')
        """
      )
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintSyncGivenUp",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("a daemon that is stopped, and another one that is started")
  func nobody() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      await stage.killAll()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.workers WHERE process = \(daemon.process))"
      )
      let after = try await web.get("/metrics").body
      try await trial.judge("CodemintNobodyWorks", .init(before: before, during: nil, after: after))
    }
  }

  /// A daemon that lists early and often.
  private static let hasty: [String: String?] = [
    "CODEMINT_API_TIMEOUT_SECONDS": "2", "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1",
    "CODEMINT_POLL_SECONDS": "0.2",
  ]

  private static let isInDoubt = "EXISTS (SELECT FROM codemint.calls WHERE state = 'in_doubt')"

  /// Lets the time pass in which a lost call may still take effect.
  private static let passEffect = """
    UPDATE codemint.calls SET effective_until = clock_timestamp() - interval '10 minutes'
    WHERE state = 'in_doubt'
    """

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

  @Test("an API that makes more codes than it was asked for, once")
  func surplus() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await Self.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.put([FaultRule(.generate, .long(by: 7), times: 1)])
      try await stage.database.insert(Job(Reward.first, 50))
      try await stage.database.allEnded()
      // The daemon counts them when it hears that they are stored.
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
      "CodemintAccountPaused", "CodemintHeldJob", "CodemintHeldCall", "CodemintDoubtUndecided",
      "CodemintAPIContradicted", "CodemintSyncGivenUp", "CodemintNobodyWorks",
      "CodemintAccountBlocked", "CodemintDoubtsFrequent", "CodemintSurplus", "CodemintStuck",
      "CodemintStalled", "CodemintJobUnexplained", "CodemintDown", "CodemintAPIDrift",
    ]
    #expect(try AlertTrial.alerts() == tried)
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
