import Foundation
import LocalPostgres
import Sandbox
import Testing

@Suite("A database that is not there", .timeLimit(Patience.limit))
struct OutageTests {
  @Test("at the start: it waits, says so once, and works when the database comes")
  func atStart() async throws {
    try await Stage.playWithMortalServer { stage in
      try await stage.server.stop()
      // Behind the server's own port stands a door at which attempts to connect can be counted.
      let door = try ClosedDoor()
      let address = "127.0.0.1:\(stage.server.port)"
      let url = stage.database.passwordURL.replacing(
        address,
        with: "\(address),127.0.0.1:\(door.port)"
      )
      let daemon = try stage.daemon(["CODEMINT_DATABASE_URL": url])
      try await door.knocks(8)
      #expect(daemon.errors.count("the database does not answer; trying until it does") == 1)
      #expect(daemon.errors.count("ready") == 0)

      try await stage.server.start()
      try await daemon.errors.line("the database answers")
      try await daemon.errors.line("ready")
      try await stage.database.insert(Job(Reward.first, 600))
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 600, distinct: 600, made: 600))
      #expect(daemon.errors.count("the database does not answer") == 1)
      #expect(daemon.errors.count("not woken for now") <= 1)
    }
  }

  @Test("stopped while it waits for the database, it ends with status 0: nothing is in flight")
  func stoppedAtStart() async throws {
    try await Stage.play(.empty) { stage in
      let door = try ClosedDoor()
      let daemon = try stage.daemon([
        "CODEMINT_DATABASE_URL": "postgresql://nobody@127.0.0.1:\(door.port)/nothing"
      ])
      try await daemon.errors.line("the database does not answer")
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }

  @Test("in the middle of twenty jobs: nothing is lost or doubled, and few words are made of it")
  func inTheMiddle() async throws {
    let api = SandboxConfiguration(
      latency: SandboxLatency(fixed: .milliseconds(20), jitter: .milliseconds(60))
    )
    try await Stage.playWithMortalServer(api: api) { stage in
      let daemon = try stage.daemon()
      let jobs = (1...20).map { Job(Reward.numbered($0 % 7), 77 * $0, prefix: "J\($0)-") }
      try await stage.database.insert(jobs)
      try await stage.requests(10)
      try await stage.server.restart(.immediate)
      try await stage.database.allEnded()

      let asked = jobs.reduce(0) { $0 + $1.count }
      #expect(try await stage.count() == Stage.Count(stored: asked, distinct: asked, made: asked))
      #expect(try await stage.database.unsound() == [])
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.doubts") == 0)

      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      #expect(daemon.errors.all.count { $0.contains("database") || $0.contains("woken") } <= 8)
    }
  }
}
