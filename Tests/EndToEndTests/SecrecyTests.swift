import Backstage
import Foundation
import Sandbox
import Testing

@Suite("Secrets", .timeLimit(Patience.limit))
struct SecrecyTests {
  @Test("no key, password or code is in anything that is written, nor on a command line")
  func nothingShown() async throws {
    let api = SandboxConfiguration(
      sync: SyncShape(
        systems: [.shopify],
        pendingShare: 1,
        errorShare: 1,
        settleAfter: .zero,
        settleSpread: .zero
      ),
      faults: FaultPlan(rules: [
        FaultRule(.generate, .nulCharacter(count: 2), reward: Reward.second),
        FaultRule(.generate, .cut(keep: 0.7), reward: Reward.third),
        FaultRule(.generate, .nulls(count: 4, made: true), reward: Reward.first, times: 1),
      ])
    )
    try await Stage.play(api: api) { stage in
      let web = try Web()
      let settings = [
        "CODEMINT_DATABASE_URL": stage.database.passwordURL, "CODEMINT_LOG_LEVEL": "trace",
        "CODEMINT_LOG_FORMAT": "json",
      ]
      let daemon = try stage.daemon(
        settings.merging([
          "CODEMINT_HTTP_LISTEN": web.address, "CODEMINT_SYNC_FIRST_SECONDS": "0.2",
          "CODEMINT_SYNC_LONGEST_SECONDS": "1", "CODEMINT_SYNC_RETRIES": "0",
        ]) { $1 }
      )
      let enqueue = try stage.codemint(
        ["enqueue", Reward.first, "90", "--prefix", "SECRET", "--wait"],
        settings
      )
      try await stage.database.insert(Job(Reward.second, 20), Job(Reward.third, 20))
      try await stage.database.until(
        """
        (SELECT count(*) FROM codemint.calls
         WHERE error_code IN ('unstorable_answer', 'unreadable_answer')) = 2
        """
      )
      #expect(try await enqueue.end() == .status(0))
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.resyncs WHERE given_up_at IS NOT NULL)"
      )
      let commands = try Self.commands.map { try stage.codemint($0, settings) }
      for command in commands { _ = try await command.end() }
      let stranger = try stage.daemon([
        "CODEMINT_DATABASE_URL": stage.database.passwordURL.replacing("@", with: "X@"),
        "CODEMINT_API_KEY": stage.key,
      ])
      try await stranger.errors.line("password authentication failed")
      var written = try Self.commandLines(of: [daemon, stranger])
      for path in ["/", "/page.js", "/status.json", "/metrics", "/readyz", "/nothing"] {
        written.append(try await web.get(path).body)
      }
      written.append(try await web.firstEvent())
      for process in [daemon, stranger] { process.send(SIGTERM) }
      for process in [daemon, stranger, enqueue] + commands {
        _ = try await process.end()
        written += try await process.everything()
      }
      written += try await stage.database.texts(
        """
        SELECT concat_ws(' ', c.error_code, c.error_message, j.error_message)
        FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id
        UNION ALL SELECT concat_ws(' ', error_text, request_error) FROM codemint.sync_problems
        """
      )

      // What the database writes into its own log of statements that fail. Every test of this process
      // writes there, and each has codes of its own.
      written.append(
        try String(contentsOfFile: "\(stage.server.directory)/server.log", encoding: .utf8)
      )
      let text = written.joined(separator: "\n")
      for expected in [
        "answer kept as bytes", "codemint_codes_total", "event: status", "password authentication",
        "ERROR:", "codes upstream, ", "there is no job 999", "the system has (code) already",
      ] {
        // Not in the expectation itself, which would show the text.
        let isThere = text.contains(expected)
        #expect(isThere, "\(expected)")
      }
      var secrets = [stage.key, try #require(Self.password(stage.database.passwordURL))]
      secrets += stage.sandbox.truth.everyCode.map(\.code.code)
      #expect(secrets.count > 130)
      // Not `!text.contains(...)` in an expectation, which would show both.
      let shown = secrets.count { text.contains($0) }
      #expect(shown == 0)
    }
  }

  /// Every command that tells of jobs and calls, with what goes wrong; `export` is what shows codes.
  private static let commands = [
    ["status", "--json"], ["status"], ["watch", "1"], ["doctor"], ["doctor", "--json"],
    ["audit", Reward.first], ["audit", Reward.second, "--json"], ["pause", "1", "999"],
    ["retry", "1"], ["cancel", "1"], ["enqueue", Reward.first, "0", "--prefix", "NO"],
    ["resolve", UUID().uuidString, "adopt", "--note", "why"], ["export", "999"],
  ]

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
