import Backstage
import Foundation
import Sandbox
import Testing

/// Every alert of config/prometheus fires on what a real daemon reports in the trouble, and is over on
/// what it reports afterwards. promtool does the arithmetic of Prometheus.
@Suite(
  "Alerts of calls, jobs and codes",
  .timeLimit(Patience.limit),
  .enabled(if: AlertTrial.hasPromtool)
)
struct CallAlertTests {
  @Test("a reward that the API forbids, until a person has it tried again")
  func heldJob() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
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
      let (web, trial) = try await AlertTrial.begin(stage, Stage.hasty)
      let before = try await web.get("/metrics").body
      try await stage.put([FaultRule(.generate, .status(500, made: .part(20)), times: 1)])
      try await stage.database.insert(Job(Reward.first, 50))
      try await stage.database.until(AlertTrial.isInDoubt)
      try await stage.database.run(AlertTrial.passEffect)
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
      let (web, trial) = try await AlertTrial.begin(stage, Stage.hasty)
      try await stage.firstAnswer()
      let before = try await web.get("/metrics").body
      try await stage.put([
        FaultRule(.generate, .reset(at: .beforeAnswer, made: .none), times: 1),
        FaultRule(.list, .status(503)),
      ])
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.until(AlertTrial.isInDoubt)
      // Half an hour passes.
      try await stage.database.run(
        """
        UPDATE codemint.calls SET updated_at = updated_at - interval '40 minutes'
        WHERE state = 'in_doubt'
        """
      )
      let during = try await web.get("/metrics").body
      try await stage.put([])
      try await stage.database.run(AlertTrial.passEffect)
      try await stage.database.run("UPDATE codemint.rewards SET reconcile_at = NULL")
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintDoubtUndecided",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("answers that are lost: calls in doubt are many, and then no more")
  func doubts() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
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
      let (web, trial) = try await AlertTrial.begin(stage)
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

  @Test("codes that other systems do not take, until a person has them tracked again")
  func givenUp() async throws {
    let sync = SyncShape(systems: [.shopify], pendingShare: 1, pendingFor: .seconds(3600))
    try await Stage.play(api: SandboxConfiguration(sync: sync)) { stage in
      let (web, trial) = try await AlertTrial.begin(
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
}
