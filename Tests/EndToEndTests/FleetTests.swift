import Foundation
import Sandbox
import Testing

@Suite("Several daemons", .timeLimit(Patience.limit))
struct FleetTests {
  @Test("they share jobs and limits; one may leave at any time, and nothing is lost or doubled")
  func share() async throws {
    let api = SandboxConfiguration(latency: SandboxLatency(fixed: .milliseconds(50)))
    try await Stage.play(api: api) { stage in
      let first = try stage.daemon(["CODEMINT_LIMITS_MAX_IN_FLIGHT": "5"])
      let jobs = (1...20).map { Job(Reward.numbered($0 % 6), 100 * $0) }
      try await stage.database.insert(Array(jobs.suffix(15)))
      try await stage.requests(3)
      let second = try stage.daemon(["CODEMINT_LIMITS_REQUESTS_PER_SECOND": "200"])
      try await stage.database.until(
        """
        (SELECT (requests_per_second, max_in_flight, workers) = (200, 5, 2) FROM codemint.account_status)
        """
      )
      first.send(SIGTERM)
      #expect(try await first.end() == .status(0))
      try await stage.database.insert(Array(jobs.prefix(5)))
      try await stage.database.allEnded()

      let asked = jobs.reduce(0) { $0 + $1.count }
      #expect(try await stage.count() == Stage.Count(stored: asked, distinct: asked, made: asked))
      #expect(try await stage.database.unsound() == [])
      let workers = try await stage.database.number(
        "SELECT count(DISTINCT worker) FROM codemint.calls"
      )
      #expect(workers == 2)
      second.send(SIGTERM)
      #expect(try await second.end() == .status(0))
    }
  }
}
