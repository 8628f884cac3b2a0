import LocalPostgres
import Sandbox
import Testing

@Suite("What wakes the daemon", .timeLimit(.minutes(3)))
struct WakeTests {
  /// The API takes its time, so that the daemon has looked in vain before the first job has ended.
  private static let api = SandboxConfiguration(
    latency: SandboxLatency(fixed: .milliseconds(300))
  )

  @Test("a job inserted while it is idle wakes it: nothing else would for an hour")
  func notified() async throws {
    try await Stage.play(api: Self.api) { stage in
      let daemon = try stage.daemon([
        "CODEMINT_POLL_SECONDS": "3600", "CODEMINT_LEASE_SECONDS": "3600",
        "CODEMINT_LOG_LEVEL": "debug",
      ])
      try await daemon.errors.line("listening for wakes")
      for number in 1...3 {
        try await stage.database.insert(Job(Reward.numbered(number), 10))
        try await stage.database.allEnded()
      }
      #expect(try await stage.count() == Stage.Count(stored: 30, distinct: 30, made: 30))
    }
  }

  @Test("where it cannot listen it finds jobs by polling, and says so once")
  func polled() async throws {
    try await Stage.play(api: Self.api) { stage in
      let nowhere = try FreePort.find()
      let daemon = try stage.daemon([
        "CODEMINT_DATABASE_LISTEN_URL": "postgresql://nobody@127.0.0.1:\(nowhere)/nothing",
        "CODEMINT_POLL_SECONDS": "0.2",
      ])
      try await daemon.errors.line("not woken for now, polling")
      for number in 1...3 {
        try await stage.database.insert(Job(Reward.numbered(number), 10))
        try await stage.database.allEnded()
      }
      #expect(try await stage.count() == Stage.Count(stored: 30, distinct: 30, made: 30))
      #expect(daemon.errors.count("not woken for now, polling") == 1)
    }
  }
}
