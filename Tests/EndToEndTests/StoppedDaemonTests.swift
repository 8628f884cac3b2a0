import Foundation
import Sandbox
import Testing

@Suite("A daemon that is stopped past its lease and continued", .timeLimit(Patience.limit))
struct StoppedDaemonTests {
  /// An answer that leaves time enough to stop the daemon first, and is there before its lease of five
  /// seconds is over.
  private static let late = Fault.latency(seconds: 4)

  @Test("rule 3: it sends nothing on the lease that it lost")
  func sendsNothing() async throws {
    try await Stage.play { stage in
      let settings = [
        "CODEMINT_LEASE_SECONDS": "8", "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "0.12",
        "CODEMINT_LIMITS_BURST": "1",
      ]
      let stopped = try stage.daemon(settings)
      try await stage.database.insert(Job(Reward.first, 10), Job(Reward.second, 10))
      // The slot of the second call is seconds away when the first one has been answered.
      try await stage.database.until(
        "(SELECT string_agg(state, ' ' ORDER BY state) FROM codemint.calls) IS NOT DISTINCT FROM "
          + "'issued sending'"
      )
      stopped.send(SIGSTOP)
      #expect(stage.sandbox.truth.generateRequests == 1)
      let other = try stage.daemon(settings)
      try await other.errors.line("lease ran out, call in doubt")
      stopped.send(SIGCONT)
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.calls WHERE state = 'unsent' AND error_code = 'lease_lost')"
      )
      try await stage.database.allEnded()
      #expect(stage.sandbox.truth.generateRequests == 2)
      #expect(try await stage.count() == Stage.Count(stored: 20, distinct: 20, made: 20))
      let states = try await stage.database.texts("SELECT state FROM codemint.calls ORDER BY state")
      #expect(states == ["issued", "issued", "unsent"])
    }
  }

  @Test("rule 6: an answer that it gets late is recorded, and counts once")
  func lateAnswer() async throws {
    // It cannot be known by listing, so that nothing but its own answer ends the doubt.
    let rules = [
      FaultRule(.generate, Self.late, times: 1), FaultRule(.list, .status(503)),
    ]
    let api = SandboxConfiguration(faults: FaultPlan(rules: rules))
    try await Stage.play(api: api) { stage in
      let settings = ["CODEMINT_LEASE_SECONDS": "5"]
      let stopped = try stage.daemon(settings)
      try await stage.database.insert(Job(Reward.first, 500))
      try await stage.codesMade(500)
      stopped.send(SIGSTOP)
      let other = try stage.daemon(settings)
      try await other.errors.line("lease ran out, call in doubt")
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.codes") == 0)
      stopped.send(SIGCONT)
      try await stage.database.allEnded()
      #expect(try await stage.database.texts("SELECT state FROM codemint.calls") == ["issued"])
      #expect(try await stage.count() == Stage.Count(stored: 500, distinct: 500, made: 500))
      #expect(stage.sandbox.truth.generateRequests == 1)
    }
  }

  @Test("rule 6: one whose codes were adopted meanwhile changes nothing")
  func afterAdoption() async throws {
    let late = FaultRule(.generate, Self.late, reward: Reward.first, times: 1)
    let api = SandboxConfiguration(faults: FaultPlan(rules: [late]))
    try await Stage.play(api: api) { stage in
      let settings = ["CODEMINT_LEASE_SECONDS": "5", "CODEMINT_LOG_LEVEL": "debug"]
      let stopped = try stage.daemon(settings)
      try await stage.firstAnswer()
      try await stage.database.insert(Job(Reward.first, 500))
      try await stage.codesMade(501)
      stopped.send(SIGSTOP)
      _ = try stage.daemon(settings)
      try await stage.database.allEnded()
      let calls = "SELECT state FROM codemint.calls ORDER BY size"
      #expect(try await stage.database.texts(calls) == ["issued", "adopted"])
      stopped.send(SIGCONT)
      stopped.send(SIGTERM)
      #expect(try await stopped.end() == .status(0))
      #expect(try await stage.database.texts(calls) == ["issued", "adopted"])
      #expect(try await stage.count() == Stage.Count(stored: 501, distinct: 501, made: 501))
      #expect(try await stage.database.unsound() == [])
    }
  }
}
