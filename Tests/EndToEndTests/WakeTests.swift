import LocalPostgres
import Sandbox
import Testing

@Suite("What wakes the daemon", .timeLimit(Patience.limit))
struct WakeTests {
  /// The API takes its time, so that the daemon has looked in vain before the first job has ended.
  private static let api = SandboxConfiguration(
    latency: SandboxLatency(fixed: .milliseconds(300))
  )

  /// Nothing but a wake, or what it knows to be due, makes it look for work.
  private static let patient = [
    "CODEMINT_POLL_SECONDS": "3600", "CODEMINT_LEASE_SECONDS": "3600",
    "CODEMINT_LOG_LEVEL": "debug",
  ]

  @Test("a job inserted while it is idle wakes it: nothing else would for an hour")
  func notified() async throws {
    try await Stage.play(api: Self.api) { stage in
      let daemon = try stage.daemon(Self.patient)
      try await daemon.errors.line("listening for wakes")
      for number in 1...3 {
        try await stage.database.insert(Job(Reward.numbered(number), 10))
        try await stage.database.allEnded()
      }
      #expect(try await stage.count() == Stage.Count(stored: 30, distinct: 30, made: 30))
    }
  }

  @Test("a job for later is begun when its time has come, and not before")
  func later() async throws {
    try await Stage.play(api: Self.api) { stage in
      let daemon = try stage.daemon(Self.patient)
      try await daemon.errors.line("listening for wakes")
      try await stage.database.run(
        """
        INSERT INTO codemint.jobs (reward_id, count, run_at)
        VALUES ('\(Reward.first)', 10, clock_timestamp() + interval '1 second')
        """
      )
      try await stage.database.allEnded()
      #expect(try await stage.database.holds("(SELECT started_at >= run_at FROM codemint.jobs)"))
      #expect(try await stage.count() == Stage.Count(stored: 10, distinct: 10, made: 10))
    }
  }

  @Test("thrown out by the database, it listens again")
  func thrownOut() async throws {
    try await Stage.play(api: Self.api) { stage in
      let daemon = try stage.daemon(Self.patient)
      try await daemon.errors.line("listening for wakes")
      try await stage.database.run(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN %codemint_jobs%'
        """
      )
      try await daemon.errors.line("not woken for now, polling")
      try await daemon.errors.line("listening for wakes", number: 2)
      for number in 1...2 {
        try await stage.database.insert(Job(Reward.numbered(number), 10))
        try await stage.database.allEnded()
      }
      #expect(try await stage.count() == Stage.Count(stored: 20, distinct: 20, made: 20))
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
