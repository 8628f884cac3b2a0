import Foundation
import Ledger
import Postgres
import TestSupport
import Testing

/// What the documents tell people to paste into psql has to work, for whom it is meant.
@Suite("the SQL in the documents")
struct DocumentTests {
  @Test("every statement of a document runs, with the role that its section names")
  func runs() async throws {
    let documents = try Self.documents()
    #expect(documents.count > 10)
    var statements = 0
    for document in documents {
      let blocks = try Self.blocks(of: document)
      guard !blocks.isEmpty else { continue }
      statements += blocks.count
      try await TestServer.lend(.migrated) { settings in
        let connection = try await Connection.open(settings)
        #expect(try await RoleSetup(connection).apply() == .done)
        try await connection.script(Self.before)
        for block in blocks {
          try await connection.script("SET ROLE \(block.role)")
          let error = await failure { () throws(PostgresError) in
            try await connection.script(block.sql)
          }
          #expect(error == nil, "\(document), as \(block.role): \(block.sql)")
        }
        await connection.close()
      }
    }
    #expect(statements > 30)
  }

  @Test(
    "logins of one ledger get into no other one, and the server's log shows no values of theirs"
  )
  func severalLedgers() async throws {
    try await TestServer.lend(.migrated) { settings in
      let first = try await Connection.open(settings)
      #expect(try await RoleSetup(first).apply() == .done)
      let shop = try await first.query("SELECT current_database()").one().text(0)
      let daemon = try await first.settings(as: "\(shop)_daemon")
      let web = try await first.settings(as: "\(shop)_web")
      await first.close()
      try await TestServer.lendCopy(of: settings) { copy in
        let office = try await Connection.open(copy)
        let outlet = try await office.query("SELECT current_database()").one().text(0)
        for ledger in [shop, outlet] {
          for title in ["Several ledgers on one server", "The server's own log"] {
            try await office.script(
              try Self.section(title, of: "docs/security.md").replacing("shop", with: ledger)
            )
          }
        }
        let producer = try await Connection.open(web)
        let inserted = try await producer.query(
          "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1) RETURNING id"
        )
        #expect(inserted.count == 1)
        await producer.close()
        for stranger in ["\(shop)_web", "\(shop)_desk", "\(shop)_daemon"] {
          let refused = try await office.settings(as: stranger)
          let error = await failure { () throws(PostgresError) in
            try await Connection.open(refused)
          }
          #expect(error?.message.contains("permission denied for database") == true)
        }
        let worker = try await Connection.open(daemon)
        #expect(try await PrivilegeCheck(worker).complaint() == nil)
        let shown = try await worker.query(
          """
          SELECT current_setting('log_parameter_max_length') AS parameters,
                 current_setting('log_error_verbosity') AS errors,
                 current_setting('log_parameter_max_length_on_error') AS on_error
          """
        ).one()
        #expect(try shown.text("parameters") == "0" && shown.text("errors") == "terse")
        #expect(try shown.text("on_error") == "0")
        await worker.close()
        for login in ["daemon", "web", "desk"] {
          for ledger in [shop, outlet] {
            try await office.script(
              """
              REVOKE CONNECT ON DATABASE \(ledger) FROM \(ledger)_\(login);
              DROP ROLE \(ledger)_\(login);
              """
            )
          }
        }
        await office.close()
      }
    }
  }

  @Test("every alert has its section on what to do")
  func alerts() throws {
    let rules = try Self.text(of: "config/prometheus/codemint.rules.yml")
    let names = rules.matches(of: /- alert: (\w+)/).map { String($0.1) }
    let operations = try Self.text(of: "docs/operations.md")
    let sections = operations.matches(of: /(?m)^### (Codemint\w+)$/).map { String($0.1) }
    #expect(names.count >= 10 && Set(names) == Set(sections))
  }

  /// A job 1 and a webhook for the statements that speak of one.
  private static let before = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
    INSERT INTO codemint.webhooks (name, host, position) VALUES ('shop', 'shop.example', 0);
    """

  private struct Block {
    let role: String
    let sql: String
  }

  /// What is to be pasted in a section.
  private static func section(_ title: String, of document: String) throws -> String {
    let sections = try text(of: document).components(separatedBy: "\n## ")
    let section = try #require(sections.first { $0.hasPrefix(title + "\n") })
    return section.components(separatedBy: "```sql\n").dropFirst()
      .compactMap { $0.components(separatedBy: "```").first }.joined()
  }

  /// SQL blocks, and whole statements in the middle of a sentence.
  private static func blocks(of document: String) throws -> [Block] {
    var blocks: [Block] = []
    for section in try text(of: document).components(separatedBy: "\n## ") {
      let heading = section.prefix { $0 != "\n" }
      let role = heading.firstMatch(of: /codemint_\w+/).map { String($0.0) }
      let pasted = section.components(separatedBy: "```sql\n").dropFirst()
        .compactMap { $0.components(separatedBy: "```").first }
        // Logins are the cluster's: what an administrator does is tried by itself.
        .filter { !$0.contains(/(CREATE|ALTER) ROLE/) }
      let quoted = section.matches(of: /`(SELECT [^`]*;)`/).map { String($0.1) }
      blocks += (pasted + quoted).map { Block(role: role ?? standardRole(of: $0), sql: $0) }
    }
    return blocks
  }

  /// Whose a statement is where the section's heading does not say it.
  private static func standardRole(of sql: String) -> String {
    if sql.contains("INSERT INTO") { return "codemint_producer" }
    return sql.contains(/SELECT code\b/) ? "codemint_reader" : "codemint_operator"
  }

  private static func documents() throws -> [String] {
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(root)/docs")
    return ["README.md"] + names.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
  }

  private static func text(of document: String) throws -> String {
    try String(contentsOfFile: "\(root)/\(document)", encoding: .utf8)
  }

  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .path(percentEncoded: false)
}
