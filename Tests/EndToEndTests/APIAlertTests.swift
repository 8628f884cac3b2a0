import Backstage
import Foundation
import Sandbox
import Testing

/// Every alert of config/prometheus fires on what a real daemon reports in the trouble, and is over on
/// what it reports afterwards. promtool does the arithmetic of Prometheus.
@Suite("Alerts of the API", .timeLimit(Patience.limit), .enabled(if: AlertTrial.hasPromtool))
struct APIAlertTests {
  @Test("an API that asks for a pause, until the pause has passed")
  func paused() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
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

  @Test("an API whose lists show codes as answers did, and then do not, until a week has passed")
  func contradicted() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage, Stage.hasty)
      try await stage.firstAnswer()
      let lost = FaultRule(.generate, .reset(at: .beforeAnswer, made: .none), times: 1)
      try await stage.put([lost])
      try await stage.database.insert(Job(Reward.proven, 2))
      try await Patience.until {
        try await stage.database.holds(
          "EXISTS (SELECT FROM codemint.observed_facts WHERE fact = 'list_texts')"
        )
      }
      try await stage.database.run(AlertTrial.passEffect)
      try await stage.database.run("UPDATE codemint.rewards SET reconcile_at = NULL")
      try await stage.database.allEnded()
      let before = try await web.get("/metrics").body
      try await stage.put([lost, FaultRule(.list, .texts(.masked))])
      try await stage.database.insert(Job(Reward.proven, 3))
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

  @Test("a key that the API refuses, and then accepts")
  func blocked() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
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

  @Test("an API whose answers have a field that its documents do not have")
  func drift() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
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
      let (web, trial) = try await AlertTrial.begin(stage)
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
}
