import Foundation
import Sandbox
import Testing

@Suite("Through PgBouncer in transaction mode", .timeLimit(Patience.limit))
struct PoolerTests {
  @Test("everything works, and that LISTEN is not to be had is said once; polling finds the jobs")
  func polling() async throws {
    let api = SandboxConfiguration(latency: SandboxLatency(fixed: .milliseconds(5)))
    try await Self.play(api: api) { stage, pooler in
      let settings = ["CODEMINT_DATABASE_URL": pooler.url, "CODEMINT_POLL_SECONDS": "0.2"]
      let daemons = [try stage.daemon(settings), try stage.daemon(settings)]
      for daemon in daemons {
        try await daemon.errors.line("not woken for now, polling")
        #expect(daemon.errors.count("database.listen_url") == 1)
      }
      let later = ["enqueue", Reward.first, "10", "--run-at", "tomorrow"]
      #expect(try await stage.codemint(later, settings).end() == .status(0))
      try await stage.database.insert((1...20).map { Job(Reward.numbered($0 % 4), 1500) })
      #expect(try await stage.codemint(["status"], settings).end() == .status(0))
      for action in ["pause", "resume", "cancel"] {
        let process = try stage.codemint([action, "1", "--note", "why"], settings)
        #expect(try await process.end() == .status(0))
      }
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == ["1 cancelled 0/10 why"])
      #expect(
        try await stage.count() == Stage.Count(stored: 30_000, distinct: 30_000, made: 30_000)
      )
      for daemon in daemons {
        daemon.send(SIGTERM)
        #expect(try await daemon.end() == .status(0))
        #expect(daemon.errors.count("not woken for now, polling") == 1)
      }
      #expect(try await stage.codemint(["migrate", "--check"], settings).end() == .status(0))
    }
  }

  @Test("doctor says that wakes do not arrive, as the daemon finds")
  func doctor() async throws {
    try await Self.play { stage, pooler in
      let doctor = try stage.codemint(["doctor"], ["CODEMINT_DATABASE_URL": pooler.url])
      _ = try await doctor.end()
      let lines = try await doctor.output.whole()
      #expect(lines.contains { $0.hasPrefix("warning  wakes") && $0.contains("does not arrive") })
    }
  }

  @Test("with the server's own address for LISTEN a job wakes the daemon")
  func listening() async throws {
    try await Self.play { stage, pooler in
      let daemon = try stage.daemon([
        "CODEMINT_DATABASE_URL": pooler.url,
        "CODEMINT_DATABASE_LISTEN_URL": stage.database.url,
        "CODEMINT_POLL_SECONDS": "3600", "CODEMINT_LEASE_SECONDS": "3600",
        "CODEMINT_LOG_LEVEL": "debug",
      ])
      try await daemon.errors.line("listening for wakes")
      for number in 1...3 {
        try await stage.database.insert(Job(Reward.numbered(number), 700))
        try await stage.database.allEnded()
      }
      #expect(try await stage.database.unsound() == [])
    }
  }

  @Test("an address for LISTEN that leads to another database is said to do so")
  func wrongAddress() async throws {
    try await Stage.play { stage in
      let daemon = try stage.daemon([
        "CODEMINT_DATABASE_LISTEN_URL": stage.server.url(database: "postgres"),
        "CODEMINT_POLL_SECONDS": "0.2",
      ])
      try await daemon.errors.line("it leads to another database than database.url")
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.allEnded()
    }
  }

  /// Plays with a pooler before the database.
  private static func play(
    api: SandboxConfiguration = SandboxConfiguration(),
    _ body: @Sendable (Stage, Pooler) async throws -> Void
  ) async throws {
    try await Stage.play(api: api) { stage in
      let pooler = try await Pooler(
        stage.database,
        server: stage.server,
        directory: stage.directory
      )
      defer { pooler.stop() }
      try await body(stage, pooler)
    }
  }
}
