import Backstage
import Foundation
import Sandbox
import TestSupport
import Testing

/// Plays the section "Back up and restore" of docs/operations.md with its own statement.
@Suite("rule 18: a restore by the document", .timeLimit(Patience.limit))
struct RestoreTests {
  @Test(
    "dumped while no call was out: what was lost is found, and as many codes are made as asked for"
  )
  func atRest() async throws {
    try await Self.play(duringDump: []) { stage in
      let daemon = try stage.daemon(Self.settings)
      try await stage.requests(3, for: Reward.first)
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }

  @Test("dumped while a call was being sent: its codes are found too")
  func sending() async throws {
    let slow = FaultRule(.generate, .latency(seconds: 4), skip: 2, reward: Reward.first, times: 1)
    try await Self.play(duringDump: [slow]) { stage in
      _ = try stage.daemon(Self.settings)
      try await stage.requests(3, for: Reward.first)
      #expect(try await stage.database.holds(Self.callIs("sending")))
    }
  }

  @Test("dumped while a call was in doubt: its codes are found too")
  func inDoubt() async throws {
    let lost = FaultRule(
      .generate,
      .reset(at: .beforeAnswer, made: .all),
      skip: 2,
      reward: Reward.first,
      times: 1
    )
    let unlisted = FaultRule(.list, .status(500), reward: Reward.first, times: 1)
    try await Self.play(duringDump: [lost, unlisted]) { stage in
      _ = try stage.daemon(Self.settings)
      try await stage.database.until(Self.callIs("in_doubt"))
    }
  }

  /// A job of 10,000 codes, dumped in the state that `reach` leads to. It goes on, the database is lost,
  /// and the dump is restored.
  private static func play(
    duringDump rules: [FaultRule],
    reach: @Sendable (Stage) async throws -> Void
  ) async throws {
    try await Stage.play { stage in
      _ = try stage.daemon(settings)
      try await stage.firstAnswer()
      await stage.killAll()
      try await stage.put(rules)
      try await stage.database.insert(Job(Reward.first, 10_000))
      try await reach(stage)
      await stage.killAll()
      try stage.bash("pg_dump -n codemint -d \"$DATABASE\" -f \"$DUMP\"")

      let dumped = try await stage.database.number(issued)
      _ = try stage.daemon(settings)
      try await stage.database.until("(\(issued)) >= \(dumped + 1000)")
      await stage.killAll()
      let requests = stage.sandbox.truth.generateRequests
      #expect(stage.sandbox.truth.codes < 10_001, "the job ended before the database was lost")

      try stage.bash(
        """
        { printf '%s\\n' 'SET client_min_messages = warning; DROP SCHEMA codemint CASCADE;'
          cat "$DUMP"
        } | psql -X -q -v ON_ERROR_STOP=1 -d "$DATABASE"
        """
      )
      let migrate = try stage.codemint(["migrate"])
      #expect(try await migrate.end() == .status(0))
      let early = try stage.daemon(settings)
      try await early.errors.line("accept_cluster")
      #expect(stage.sandbox.truth.generateRequests == requests)
      try await stage.database.run(try acceptance())
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      let all = Stage.Count(stored: 10_001, distinct: 10_001, made: 10_001)
      #expect(try await stage.count() == all)
      let audit = try stage.codemint(["audit", Reward.first])
      #expect(try await audit.end() == .status(0))
    }
  }

  /// The statement that the document has an operator run.
  private static func acceptance() throws -> String {
    let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "docs/operations.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let section = try #require(text.components(separatedBy: "## Back up and restore").last)
    return String(try #require(section.firstMatch(of: /SELECT codemint\.accept_cluster\([^;]+;/)).0)
  }

  private static let issued =
    "SELECT coalesce(sum(issued), 0) FROM codemint.jobs WHERE reward_id = '\(Reward.first)'"

  private static func callIs(_ state: String) -> String {
    """
    EXISTS (SELECT FROM codemint.calls WHERE reward_id = '\(Reward.first)' AND state = '\(state)')
    """
  }

  /// Slow enough to be stopped on the way; whatever is lost can be listed soon.
  private static let settings: [String: String?] = [
    "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "4", "CODEMINT_LIMITS_BURST": "1",
    "CODEMINT_LEASE_SECONDS": "10", "CODEMINT_API_TIMEOUT_SECONDS": "5",
    "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1", "CODEMINT_POLL_SECONDS": "0.2",
  ]
}

extension Stage {
  /// Runs a command of bash that knows the URL of the database and the path of a dump.
  fileprivate func bash(_ command: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", "set -o pipefail; \(command)"]
    process.environment = ProcessInfo.processInfo.environment.merging([
      "DATABASE": database.url, "DUMP": "\(directory)/dump.sql",
    ]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
