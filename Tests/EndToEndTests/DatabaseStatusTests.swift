import Foundation
import Testing

@Suite("What the database does not do, and the exit status", .timeLimit(Patience.limit))
struct DatabaseStatusTests {
  @Test("a read-only database: 75 for what would write, and the others work")
  func readOnly() async throws {
    try await Stage.play { stage in
      try await stage.database.insert(Job(Reward.first, 7))
      let readOnly = ["PGOPTIONS": "-c default_transaction_read_only=on"]
      for command in [
        ["enqueue", Reward.first, "5"], ["pause", "1"], ["cancel", "1"], ["resume", "1"],
        ["retry", "1"],
      ] {
        let process = try stage.codemint(command, readOnly)
        #expect(try await process.end() == .status(75), "\(command)")
        #expect(process.errors.count("25006") == 1)
      }
      let status = try stage.codemint(["status"], readOnly)
      #expect(try await status.end() == .status(0))
    }
  }

  @Test("a wrong password is 77, a database that does not exist 78, an unreachable server 75")
  func logins() async throws {
    try await Stage.play { stage in
      let url = stage.database.passwordURL
      let name = stage.database.name
      for (changed, status, words) in [
        (url.replacing("@", with: "X@"), Int32(77), "password authentication failed"),
        (url.replacing("/\(name)", with: "/nowhere"), 78, "does not exist"),
        ("postgresql://nobody@127.0.0.1:1/none", 75, "refused"),
      ] {
        let process = try stage.codemint(["status"], ["CODEMINT_DATABASE_URL": changed])
        #expect(try await process.end() == .status(status), "\(words)")
        #expect(process.errors.count(words) == 1)
      }
    }
  }

  @Test("a watch says once that it waits for the database, and once that it has it back")
  func watch() async throws {
    try await Stage.playWithMortalServer { stage in
      try await stage.database.insert(Job(Reward.first, 7))
      let watch = try stage.codemint(["watch"])
      try await watch.output.line("job 1: queued")
      try await stage.server.stop(.immediate)
      try await watch.errors.line("codemint: waiting for the database")
      try await stage.server.start()
      try await watch.errors.line("codemint: the database answers again")
      watch.send(SIGINT)
      #expect(try await watch.end() == .signal(SIGINT))
      #expect(watch.errors.all.count == 2)
    }
  }

  @Test("a daemon whose login is refused says so, and not that the database does not answer")
  func refusedLogin() async throws {
    try await Stage.play { stage in
      let url = stage.database.passwordURL.replacing("@", with: "X@")
      let daemon = try stage.daemon(["CODEMINT_DATABASE_URL": url])
      try await daemon.errors.line("the database refuses the login; trying until it accepts it")
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      #expect(daemon.errors.count("the database does not answer") == 0)
    }
  }
}
