import Backstage
import Foundation
import Sandbox
import Testing

@Suite("Secrets", .timeLimit(.minutes(3)))
struct SecrecyTests {
  @Test("no key, password or code is in anything that is written, nor on a command line")
  func nothingShown() async throws {
    let api = SandboxConfiguration(
      faults: FaultPlan(rules: [
        FaultRule(.generate, .nulCharacter(count: 2), reward: Reward.second),
        FaultRule(.generate, .cut(keep: 0.7), reward: Reward.third),
        FaultRule(.generate, .nulls(count: 4, made: true), reward: Reward.first, times: 1),
      ])
    )
    try await Stage.play(api: api) { stage in
      let settings = [
        "CODEMINT_DATABASE_URL": stage.database.passwordURL, "CODEMINT_LOG_LEVEL": "trace",
        "CODEMINT_LOG_FORMAT": "json",
      ]
      let daemon = try stage.daemon(settings)
      let enqueue = try stage.codemint(
        ["enqueue", Reward.first, "90", "--prefix", "SECRET", "--wait"],
        settings
      )
      try await stage.database.insert(Job(Reward.second, 20), Job(Reward.third, 20))
      try await stage.database.until("(SELECT count(*) FROM codemint.doubts) = 2")
      #expect(try await enqueue.end() == .status(0))
      let status = try stage.codemint(["status", "--json"], settings)
      #expect(try await status.end() == .status(0))
      let stranger = try stage.daemon([
        "CODEMINT_DATABASE_URL": stage.database.passwordURL.replacing("@", with: "X@"),
        "CODEMINT_API_KEY": stage.key,
      ])
      try await stranger.errors.line("password authentication failed")
      var written = try Self.commandLines(of: [daemon, stranger])
      for process in [daemon, stranger] { process.send(SIGTERM) }
      for process in [daemon, stranger, enqueue, status] {
        _ = try await process.end()
        written += try await process.everything()
      }
      written += try await stage.database.texts(
        """
        SELECT concat_ws(' ', c.error_code, c.error_message, j.error_message)
        FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id
        """
      )

      let text = written.joined(separator: "\n")
      #expect(text.contains("answer kept as bytes"))
      var secrets = [stage.key, try #require(Self.password(stage.database.passwordURL))]
      secrets += stage.sandbox.truth.everyCode.map(\.code.code)
      #expect(secrets.count > 130)
      // Not `!text.contains(...)` in an expectation, which would show both.
      let shown = secrets.count { text.contains($0) }
      #expect(shown == 0)
    }
  }

  private static func commandLines(of processes: [CodemintProcess]) throws -> [String] {
    try processes.map { process in
      let content = try #require(
        FileManager.default.contents(atPath: "/proc/\(process.process)/cmdline")
      )
      let line = String(decoding: content, as: UTF8.self)
      #expect(line.contains("codemint"))
      return line
    }
  }

  private static func password(_ url: String) -> String? {
    URLComponents(string: url)?.password
  }
}
