import Foundation
import Sandbox
import Testing

@Suite("Stopping", .timeLimit(Patience.limit))
struct DrainTests {
  @Test(
    "a signal drains: what is in flight is settled, and the next daemon goes on exactly there",
    arguments: [SIGTERM, SIGINT]
  )
  func drains(signal: Int32) async throws {
    let api = SandboxConfiguration(latency: SandboxLatency(fixed: .milliseconds(400)))
    try await Stage.play(api: api) { stage in
      let daemon = try stage.daemon([
        "CODEMINT_LIMITS_MAX_IN_FLIGHT": "3", "CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD": "2",
      ])
      try await stage.database.insert(
        Job(Reward.first, 2300, prefix: "A"),
        Job(Reward.second, 900)
      )
      try await stage.requests(3)
      daemon.send(signal)

      #expect(try await daemon.end() == .status(0))
      #expect(daemon.errors.count("draining") == 1)
      #expect(daemon.errors.count("stopped") == 1)
      let states = try await stage.database.texts("SELECT DISTINCT state FROM codemint.calls")
      #expect(Set(states).isSubset(of: ["issued", "unsent"]))
      #expect(
        try await stage.database.number("SELECT count(*) FROM codemint.codes")
          == stage.sandbox.truth.codes
      )
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.workers") == 0)

      try await stage.database.insert(Job(Reward.first, 40))
      _ = try stage.daemon()
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      #expect(try await stage.count() == Stage.Count(stored: 3240, distinct: 3240, made: 3240))
    }
  }

  @Test("an answer that never comes: after the API's timeout the call is in doubt, and status 0")
  func unanswered() async throws {
    let silence = FaultRule(.generate, .hang(made: .all))
    let api = SandboxConfiguration(faults: FaultPlan(rules: [silence]))
    try await Stage.play(api: api) { stage in
      let daemon = try stage.daemon(["CODEMINT_API_TIMEOUT_SECONDS": "2"])
      try await stage.database.insert(Job(Reward.first, 40))
      try await stage.requests(1)
      daemon.send(SIGTERM)

      #expect(try await daemon.end() == .status(0))
      let calls = try await stage.database.texts("SELECT state FROM codemint.calls")
      #expect(calls == ["in_doubt"])
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.doubts") == 1)
      let job = try await stage.database.texts(
        "SELECT concat_ws(' ', state, issued, outstanding) FROM codemint.jobs"
      )
      #expect(job == ["running 0 40"])
    }
  }

  @Test("a call that waits for its slot is given back, and nothing of it has been sent")
  func givesBack() async throws {
    try await Stage.play { stage in
      let daemon = try stage.daemon([
        "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "0.02", "CODEMINT_LIMITS_BURST": "1",
      ])
      try await stage.database.insert(Job(Reward.first, 1000))
      // The second call of the job has its slot fifty seconds after the first.
      try await stage.database.until(
        """
        (SELECT issued FROM codemint.jobs) = 500 AND EXISTS (
          SELECT FROM codemint.calls
          WHERE state = 'sending' AND send_at > created_at + interval '10 seconds')
        """
      )
      daemon.send(SIGTERM)

      #expect(try await daemon.end() == .status(0))
      let calls = try await stage.database.texts(
        "SELECT concat_ws(' ', state, error_code) FROM codemint.calls ORDER BY created_at"
      )
      #expect(calls == ["issued", "unsent draining"])
      #expect(stage.sandbox.truth.generateRequests == 1)
      let job = try await stage.database.texts(
        "SELECT concat_ws(' ', state, issued, outstanding) FROM codemint.jobs"
      )
      #expect(job == ["running 500 0"])
    }
  }
}
