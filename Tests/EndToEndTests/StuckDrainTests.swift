import Backstage
import Foundation
import LocalPostgres
import Testing

@Suite("Stopping while the database does not answer", .timeLimit(Patience.limit))
struct StuckDrainTests {
  @Test("it gives up after the API's timeout and 5 seconds, with status 75, and names the calls")
  func givesUp() async throws {
    try await Self.playUnsettled(apiTimeout: 1) { stage, daemon, call in
      daemon.send(SIGTERM)

      #expect(try await daemon.end() == .status(75))
      let farewell = try await daemon.errors.line("not drained in time")
      #expect(farewell.contains("calls_not_settled=\(call)"))
    }
  }

  @Test("a second signal ends it at once, with status 75, and names the calls")
  func endsAtOnce() async throws {
    // Without the second signal it would go on trying for ten minutes.
    try await Self.playUnsettled(apiTimeout: 600) { stage, daemon, call in
      daemon.send(SIGTERM)
      try await daemon.errors.line("draining")
      daemon.send(SIGINT)

      #expect(try await daemon.end() == .status(75))
      let farewell = try await daemon.errors.line("second signal")
      #expect(farewell.contains("calls_not_settled=\(call)"))
    }
  }

  @Test("a database that comes back in time: the calls are settled, and status 0")
  func settledInTime() async throws {
    try await Stage.playWithMortalServer { stage in
      let daemon = try stage.daemon()
      try await stage.database.whileLocked("codemint.codes") {
        try await stage.database.insert(Job(Reward.first, 100))
        try await stage.requests(1)
        try await stage.server.stop(.immediate)
        try await daemon.errors.line("the database does not answer")
        daemon.send(SIGTERM)
        try await daemon.errors.line("draining")
        try await stage.server.start()

        #expect(try await daemon.end() == .status(0))
        #expect(try await stage.count() == Stage.Count(stored: 100, distinct: 100, made: 100))
        #expect(try await stage.database.unsound() == [])
      }
    }
  }

  /// Lets the daemon send a call that it cannot settle, since somebody has locked the table of codes,
  /// and then stops every process of the server.
  private static func playUnsettled(
    apiTimeout: Int,
    _ body: @Sendable (Stage, CodemintProcess, String) async throws -> Void
  ) async throws {
    try await Stage.playWithMortalServer { stage in
      let daemon = try stage.daemon(["CODEMINT_API_TIMEOUT_SECONDS": "\(apiTimeout)"])
      try await stage.database.whileLocked("codemint.codes") {
        try await stage.database.insert(Job(Reward.first, 100))
        try await stage.requests(1)
        let calls = try await stage.database.texts("SELECT id FROM codemint.calls")
        await stage.server.suspend()
        try await body(stage, daemon, try #require(calls.first))
      }
    }
  }
}
