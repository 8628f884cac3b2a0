import Foundation
import Testing

@Suite("codemint sandbox", .timeLimit(.minutes(3)))
struct SandboxCommandTests {
  @Test("it prints where it is, stands in for the API, and ends with status 0")
  func standsIn() async throws {
    try await Stage.play { stage in
      let sandbox = try stage.codemint(["sandbox", "--port", "0", "--reward", Reward.first])
      let url = try await sandbox.output.line("http://127.0.0.1:")
      _ = try stage.daemon(["CODEMINT_API_BASE_URL": url])
      try await stage.database.insert(Job(Reward.first, 510), Job(Reward.second, 10))
      try await stage.database.allEnded()
      let jobs = try await stage.database.texts(
        "SELECT concat_ws(' ', state, issued, error_code) FROM codemint.jobs ORDER BY id"
      )
      #expect(jobs == ["completed 510", "failed 0 reward_not_found"])

      sandbox.send(SIGTERM)
      #expect(try await sandbox.end() == .status(0))
    }
  }
}
