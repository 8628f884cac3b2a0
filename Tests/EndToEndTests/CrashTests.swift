import Foundation
import Sandbox
import Testing

@Suite("A daemon that is killed", .timeLimit(Patience.limit))
struct CrashTests {
  @Test("its codes are found upstream and adopted, and nothing is asked for twice")
  func adopted() async throws {
    let silence = FaultRule(.generate, .hang(made: .all), reward: Reward.first, times: 1)
    let api = SandboxConfiguration(faults: FaultPlan(rules: [silence]))
    try await Stage.play(api: api) { stage in
      let settings = ["CODEMINT_LEASE_SECONDS": "5"]
      let first = try stage.daemon(settings)
      try await stage.firstAnswer()
      try await stage.database.insert(Job(Reward.first, 500))
      try await stage.codesMade(501)
      first.send(SIGKILL)
      #expect(try await first.end() == .signal(SIGKILL))

      _ = try stage.daemon(settings)
      try await stage.database.allEnded()
      #expect(stage.requests(of: Reward.first).count == 1)
      #expect(try await stage.count() == Stage.Count(stored: 501, distinct: 501, made: 501))
      let calls = try await stage.database.texts("SELECT state FROM codemint.calls ORDER BY size")
      #expect(calls == ["issued", "adopted"])
    }
  }

  @Test("its call stays in doubt while nothing can be listed; other rewards go on")
  func doubt() async throws {
    // The API makes the codes, never answers and does not list: of this reward nobody can know.
    let silence = FaultRule(.generate, .hang(made: .all), reward: Reward.first)
    let blindness = FaultRule(.list, .status(503), reward: Reward.first)
    let api = SandboxConfiguration(faults: FaultPlan(rules: [silence, blindness]))
    try await Stage.play(api: api) { stage in
      let settings = [
        "CODEMINT_LEASE_SECONDS": "5", "CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD": "1",
      ]
      let first = try stage.daemon(settings)
      try await stage.database.insert(Job(Reward.first, 600))
      try await stage.codesMade(500)
      first.send(SIGKILL)
      #expect(try await first.end() == .signal(SIGKILL))

      let second = try stage.daemon(settings)
      try await stage.database.insert(Job(Reward.second, 700), Job(Reward.third, 30))
      try await stage.database.until(Self.othersEnded)
      let doubted = try await second.errors.line("lease ran out, call in doubt")
      let calls = try await stage.database.texts(
        "SELECT call_id FROM codemint.doubts WHERE reward_closed_at IS NOT NULL AND size = 500"
      )
      #expect(calls.count == 1)
      #expect(doubted.contains("call=\(try #require(calls.first))"))

      try await stage.database.insert(Job(Reward.first, 20), Job(Reward.second, 40))
      try await stage.database.until(Self.othersEnded)
      #expect(stage.sandbox.truth.requests().count { $0.reward == Reward.first } == 1)
      let waiting = try await stage.database.texts(
        """
        SELECT concat_ws(' ', state, issued, outstanding) FROM codemint.jobs
        WHERE reward_id = '\(Reward.first)' ORDER BY id
        """
      )
      #expect(waiting == ["running 0 500", "queued 0 0"])
      let others = try await stage.database.number("SELECT count(*) FROM codemint.codes")
      #expect(others == 770)
    }
  }

  private static let othersEnded = """
    NOT EXISTS (SELECT FROM codemint.jobs
                WHERE reward_id <> '\(Reward.first)' AND state <> 'completed')
    """
}
