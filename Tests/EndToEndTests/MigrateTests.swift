import Backstage
import Foundation
import Ledger
import Testing

@Suite("codemint migrate", .timeLimit(Patience.limit))
struct MigrateTests {
  @Test("it says what it applies, the second time nothing, and --check tells before and after")
  func appliesOnce() async throws {
    try await Stage.play(.empty) { stage in
      let before = try stage.codemint(["migrate", "--check"])
      #expect(try await before.end() == .status(1))
      try await before.output.line("run `codemint migrate`")

      let first = try stage.codemint(["migrate"])
      #expect(try await first.end() == .status(0))
      let lines = try await first.output.whole()
      #expect(lines.first == "applied migration 1: ledger")
      let recorded = try await stage.database.texts(
        "SELECT number || ': ' || name FROM codemint.migrations ORDER BY number"
      )
      let replaced = ["replaced functions, views and privileges", "the schema is up to date now"]
      #expect(lines == recorded.map { "applied migration \($0)" } + replaced)

      for arguments in [["migrate"], ["migrate", "--check"]] {
        let again = try stage.codemint(arguments)
        #expect(try await again.end() == .status(0))
        #expect(try await again.output.whole() == ["the schema is up to date"])
      }
    }
  }

  @Test("two at once: both succeed, and each migration is applied by one of them")
  func atOnce() async throws {
    try await Stage.play(.empty) { stage in
      let both = try [stage.codemint(["migrate"]), stage.codemint(["migrate"])]
      var applied: [String] = []
      for process in both {
        #expect(try await process.end() == .status(0))
        let lines = try await process.output.whole()
        #expect(lines.last?.hasPrefix("the schema is up to date") == true)
        applied += lines.filter { $0.hasPrefix("applied migration") }
      }
      let recorded = try await stage.database.texts(
        "SELECT 'applied migration ' || number || ': ' || name FROM codemint.migrations"
      )
      #expect(applied.sorted() == recorded.sorted())
    }
  }

  @Test(
    "a database that is not UTF8: migrate and doctor refuse it with a sentence, and no daemon starts"
  )
  func otherEncoding() async throws {
    try await Stage.play(.empty) { stage in
      let name = "\(stage.database.name)_ascii"
      try await stage.database.run(
        """
        CREATE DATABASE \(name) ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'
        """
      )
      let url = stage.database.passwordURL.replacing("/\(stage.database.name)", with: "/\(name)")
      for (command, words) in [
        ("migrate", "the database has the encoding SQL_ASCII"), ("doctor", "SQL_ASCII"),
        ("run", "run `codemint migrate`"),
      ] {
        let process = try stage.codemint([command], ["CODEMINT_DATABASE_URL": url])
        let ending = try await process.end()
        guard case .status(let status) = ending else {
          Issue.record("\(command): \(ending), \(try await process.everything())")
          return
        }
        #expect(status != 0, "\(command)")
        #expect(try await process.everything().contains { $0.contains(words) }, "\(command)")
      }
      try await stage.database.run("DROP DATABASE \(name)")
    }
  }

  @Test("what a login or a database sets for its sessions cuts neither migrate nor the daemon")
  func ownSettings() async throws {
    try await Stage.play(.empty) { stage in
      let role = "hasty_\(stage.database.name)"
      try await stage.database.run("CREATE ROLE \(role) LOGIN SUPERUSER")
      for setting in [
        "default_transaction_isolation = 'serializable'", "statement_timeout = 100",
        "idle_in_transaction_session_timeout = 100", "idle_session_timeout = 1000",
        "transaction_timeout = 100", "search_path = 'pg_temp'", "DateStyle = 'German'",
        "standard_conforming_strings = off",
      ] {
        let name = setting.prefix { $0 != " " }
        let known = "EXISTS (SELECT FROM pg_settings WHERE name = '\(name)')"
        guard try await stage.database.holds(known) else { continue }
        try await stage.database.run("ALTER ROLE \(role) SET \(setting)")
      }
      let settings = [
        "CODEMINT_DATABASE_URL": stage.database.url.replacing("postgres@", with: "\(role)@")
      ]
      #expect(try await stage.codemint(["migrate"], settings).end() == .status(0))
      try await stage.database.run(Database.tellTale)
      let daemon = try stage.daemon(settings)
      try await stage.database.insert([Job(Reward.first, 1200)])
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      #expect(try await stage.codemint(["doctor"], settings).end() == .status(0))
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }

  @Test("a table that somebody renamed: migrate says which, and what helps")
  func renamed() async throws {
    try await Stage.play { stage in
      try await stage.database.run("ALTER TABLE codemint.jobs RENAME TO mine")
      let words = "table jobs is gone: give it its name back"
      let refused = try stage.codemint(["migrate"])
      #expect(try await refused.end() == .status(78))
      try await refused.errors.line(words)
      let check = try stage.codemint(["migrate", "--check"])
      #expect(try await check.end() == .status(1))
      try await check.output.line(words)
      try await stage.database.run("ALTER TABLE codemint.mine RENAME TO jobs")
      #expect(try await stage.codemint(["migrate"]).end() == .status(0))
    }
  }

  @Test("who may not create a schema is told so, with status 77")
  func notPermitted() async throws {
    try await Stage.play(.empty) { stage in
      let role = "weak_\(stage.database.name)"
      try await stage.database.run("CREATE ROLE \(role) LOGIN")
      let url = stage.database.url.replacing("postgres@", with: "\(role)@")
      let process = try stage.codemint(["migrate"], ["CODEMINT_DATABASE_URL": url])
      #expect(try await process.end() == .status(77))
      try await process.errors.line("permission denied")
    }
  }

  @Test("--print shows the SQL of the whole schema, and needs no database")
  func prints() async throws {
    let process = try CodemintProcess(["migrate", "--print"], environment: [:])
    #expect(try await process.end() == .status(0))
    let lines = try await process.output.whole()
    #expect(lines.joined(separator: "\n") + "\n" == Schema.current.script)
    #expect(lines.contains("-- migration 1: ledger"))
    #expect(lines.contains { $0.hasPrefix("CREATE TABLE codemint.jobs") })
  }
}
