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

  @Test("a wrong password is 77, a missing database 78, an unreachable server 75")
  func logins() async throws {
    try await Stage.play { stage in
      let url = stage.database.passwordURL
      let name = stage.database.name
      for (changed, status, words) in [
        (url.replacing("@", with: "X@"), Int32(77), "codemint: the server refuses the password"),
        (
          url.replacing("/\(name)", with: "/nowhere"), 78,
          "codemint: the database does not exist"
        ),
        ("postgresql://nobody@127.0.0.1:1/none", 75, "refused"),
      ] {
        let process = try stage.codemint(["status"], ["CODEMINT_DATABASE_URL": changed])
        #expect(try await process.end() == .status(status), "\(words)")
        #expect(process.errors.count(words) == 1)
      }
      // Where no setting names a database, that is said.
      let nameless = try stage.codemint(
        ["status"],
        ["CODEMINT_DATABASE_URL": nil, "PGHOST": "/nonexistent"]
      )
      #expect(try await nameless.end() == .status(75))
      #expect(
        nameless.errors.count("no setting names the database: set CODEMINT_DATABASE_URL") == 1
      )
    }
  }

  @Test(
    "with --json an error is one JSON object on standard error, whatever went wrong, and the status is the same"
  )
  func json() async throws {
    try await Stage.play { stage in
      let nowhere = stage.database.passwordURL.replacing(
        "/\(stage.database.name)",
        with: "/nowhere"
      )
      let lacking = Reward.first.dropLast()
      for (arguments, environment, status, words, sqlState) in [
        (["status", "--json"], ["CODEMINT_DATABASE_URL": nowhere], 78, "does not exist", "3D000"),
        (["status", "--json", "nine"], [:], 64, "nine", nil),
        (["enqueue", "\(lacking)", "5", "--json"], [:], 64, "must be a UUID", nil),
        (["why", "99", "--json"], [:], 65, "99", nil),
        (["enqueue", Reward.first, "0", "--json"], [:], 65, "count must be from 1", nil),
        (
          ["status", "--json"], ["CODEMINT_DATABASE_URL": "postgresql://["], 78, "database.url", nil
        ),
      ] as [([String], [String: String], Int, String, String?)] {
        let process = try stage.codemint(arguments, environment)
        #expect(try await process.end() == .status(Int32(status)), "\(arguments)")
        let lines = try await process.errors.whole()
        #expect(lines.count == 1, "\(lines)")
        let object = try #require(
          try JSONSerialization.jsonObject(with: Data(lines.joined().utf8)) as? [String: Any]
        )
        let error = try #require(object["error"] as? [String: Any])
        #expect(error["status"] as? Int == status)
        #expect((error["message"] as? String)?.contains(words) == true, "\(error)")
        #expect(error["sqlstate"] as? String == sqlState)
        #expect(error.keys.contains("remedy"))
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

  @Test("a daemon whose password is refused says so, and not that the database does not answer")
  func refusedPassword() async throws {
    try await Stage.play { stage in
      let url = stage.database.passwordURL.replacing("@", with: "X@")
      let daemon = try stage.daemon(["CODEMINT_DATABASE_URL": url])
      let line = try await daemon.errors.line(
        "the server refuses the password; trying until it accepts it"
      )
      #expect(line.contains("correct the user or the password in the URL"))
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      #expect(daemon.errors.count("the database does not answer") == 0)
    }
  }

  @Test("a daemon without its database says so, and goes on once somebody has created it")
  func absentDatabase() async throws {
    try await Stage.play(.empty) { stage in
      let (url, later) = (stage.database.url, "\(stage.database.name)_later")
      let daemon = try stage.daemon([
        "CODEMINT_DATABASE_URL": url.replacing("/\(stage.database.name)", with: "/\(later)")
      ])
      let line = try await daemon.errors.line("the database does not exist; trying until it does")
      #expect(line.contains("create the database, or correct its name in the URL"))
      try await stage.database.run("CREATE DATABASE \(later)")
      // It is there, and has no tables.
      #expect(try await daemon.end() == .status(78))
      #expect(daemon.errors.count("run `codemint migrate`") == 1)
      try await stage.database.run("DROP DATABASE \(later)")
    }
  }
}
