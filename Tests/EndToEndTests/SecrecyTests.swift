import Backstage
import Foundation
import Sandbox
import Testing

@Suite("Secrets", .timeLimit(Patience.limit))
struct SecrecyTests {
  /// What the API does to a run: codes that other systems refuse, answers that cannot be stored or are
  /// cut off, null items.
  private static let misbehaving = SandboxConfiguration(
    sync: SyncShape(
      systems: [.shopify],
      pendingShare: 1,
      errorShare: 1,
      pendingFor: .zero,
      pendingSpread: .zero
    ),
    faults: FaultPlan(rules: [
      FaultRule(.generate, .nulCharacter(count: 2), reward: Reward.second),
      FaultRule(.generate, .cut(keep: 0.7), reward: Reward.third),
      FaultRule(.generate, .nulls(count: 4, made: true), reward: Reward.first, times: 1),
    ])
  )

  @Test(
    "no key, password or code is in anything that is written, nor on a command line",
    arguments: ["text", "json", "journal"]
  )
  func nothingShown(format: String) async throws {
    try await Stage.play(api: Self.misbehaving) { stage in
      let run = try Run(stage, format: format)
      try await run.provision()
      var written = try await run.web()
      written += try await run.commands()
      written += try await run.stop()
      written += try await Self.kept(stage)
      let text = written.joined(separator: "\n")
      for expected in [
        "answer kept as bytes", "codemint_codes_total", "event: status", "password authentication",
        "ERROR:", "codes upstream, ", "there is no job 999", "\"error\": \"taken\"",
        "STATUS=working", " codes written to ", "the schema is up to date",
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

  @Test("the one command that shows codes writes them to its output and nothing of them elsewhere")
  func exported() async throws {
    try await Stage.play { stage in
      _ = try stage.daemon()
      try await stage.database.insert(Job(Reward.first, 90))
      try await stage.database.allEnded()
      let codes = stage.sandbox.truth.everyCode.map(\.code.code)
      for format in ["csv", "jsonl"] {
        let export = try stage.codemint(["export", "1", "--format", format])
        #expect(try await export.end() == .status(0))
        let output = try await export.output.whole().joined(separator: "\n")
        #expect(codes.count == 90 && codes.allSatisfy { output.contains($0) })
        #expect(try await export.errors.whole().allSatisfy { $0.contains("a stand-in") })
      }
    }
  }

  /// What is kept in columns that operators read, and what the database writes into its own log of
  /// statements that fail. Every test of this process writes there, and each has codes of its own.
  private static func kept(_ stage: Stage) async throws -> [String] {
    try await stage.database.texts(
      """
      SELECT concat_ws(' ', c.error_code, c.error_message, j.error_message)
      FROM codemint.calls c JOIN codemint.jobs j ON j.id = c.job_id
      UNION ALL SELECT concat_ws(' ', system, sync_status, error, request_error) FROM codemint.sync_problems
      """
    ) + [try String(contentsOfFile: "\(stage.server.directory)/server.log", encoding: .utf8)]
  }

  /// A daemon that logs all that it can, another one that is not let in, and everything that people
  /// and machines can look at meanwhile.
  private struct Run {
    let stage: Stage
    let site: Web
    let daemon: CodemintProcess
    let stranger: CodemintProcess
    let manager: NotifyListener
    private let settings: [String: String]

    init(_ stage: Stage, format: String) throws {
      self.stage = stage
      site = try Web()
      settings = [
        "CODEMINT_DATABASE_URL": stage.database.passwordURL, "CODEMINT_LOG_LEVEL": "trace",
        "CODEMINT_LOG_FORMAT": format,
      ]
      let socket = "\(stage.directory)/notify"
      manager = try NotifyListener(socket)
      daemon = try stage.daemon(
        settings.merging([
          "CODEMINT_HTTP_LISTEN": site.address, "CODEMINT_SYNC_FIRST_SECONDS": "0.2",
          "CODEMINT_SYNC_LONGEST_SECONDS": "1", "CODEMINT_SYNC_RETRIES": "0",
          "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1",
          "NOTIFY_SOCKET": socket,
        ]) { $1 }
      )
      let elsewhere = stage.database.passwordURL.replacing("@", with: "X@")
      stranger = try stage.daemon(settings.merging(["CODEMINT_DATABASE_URL": elsewhere]) { $1 })
    }

    /// Until all has gone wrong that the API can make of it.
    func provision() async throws {
      try await stage.firstAnswer()
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
      try await stranger.errors.line("password authentication failed")
    }

    func web() async throws -> [String] {
      var written = [try await site.firstEvent(), try await site.get("/", host: "elsewhere").body]
      for path in [
        "/", "/jobs/1", "/jobs/2", "/page.js", "/status.json", "/metrics", "/readyz", "/healthz",
        "/nothing",
      ] {
        written.append(try await site.get(path).body)
      }
      return written
    }

    /// Every command that tells of jobs and calls, with what goes wrong; of `export`, which shows
    /// codes, all but the codes' own file.
    func commands() async throws -> [String] {
      let file = "\(stage.directory)/codes.csv"
      let commands = [
        ["status", "--json"], ["status"], ["why", "2"], ["why", "2", "--json"], ["calls"],
        ["actions", "--json"], ["watch", "2"], ["doctor"], ["doctor", "--json"],
        ["audit", Reward.first], ["audit", Reward.second, "--json"], ["export", "999"],
        ["export", "2", "--output", file], ["pause", "2", "999"], ["retry", "2", "--json"],
        ["resume", "2"], ["cancel", "2"], ["enqueue", Reward.first, "0", "--prefix", "NO"],
        ["resolve", UUID().uuidString, "adopt", "--note", "why"],
        ["resolve", UUID().uuidString, "absent", "--note", "why", "--json"],
        ["migrate", "--check"], ["migrate", "--json"],
      ]
      // One after the other: all at once they take more connections than the server has.
      var written: [String] = []
      for command in commands {
        let process = try stage.codemint(command, settings)
        _ = try await process.end()
        written += try await process.everything()
      }
      return written
    }

    func stop() async throws -> [String] {
      var written = try SecrecyTests.commandLines(of: [daemon, stranger])
      for process in [daemon, stranger] {
        process.send(SIGTERM)
        _ = try await process.end()
        written += try await process.everything()
      }
      return written + manager.told.all
    }
  }

  fileprivate static func commandLines(of processes: [CodemintProcess]) throws -> [String] {
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
