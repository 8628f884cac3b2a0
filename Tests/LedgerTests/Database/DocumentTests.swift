import Foundation
import Ledger
import Postgres
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

  @Test("every alert has its section on what to do")
  func alerts() throws {
    let rules = try Self.text(of: "config/prometheus/codemint.rules.yml")
    let names = rules.matches(of: /- alert: (\w+)/).map { String($0.1) }
    let operations = try Self.text(of: "docs/operations.md")
    let sections = operations.matches(of: /(?m)^### (Codemint\w+)$/).map { String($0.1) }
    #expect(names.count >= 10 && Set(names) == Set(sections))
  }

  /// A job 1 for the statements that speak of one.
  private static let before = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
    """

  private struct Block {
    let role: String
    let sql: String
  }

  /// SQL blocks, and whole statements in the middle of a sentence.
  private static func blocks(of document: String) throws -> [Block] {
    var blocks: [Block] = []
    for section in try text(of: document).components(separatedBy: "\n## ") {
      let heading = section.prefix { $0 != "\n" }
      let role = heading.firstMatch(of: /codemint_\w+/).map { String($0.0) }
      let pasted = section.components(separatedBy: "```sql\n").dropFirst()
        .compactMap { $0.components(separatedBy: "```").first }
        // Logins are the cluster's, and are other people's to name.
        .filter { !$0.contains("CREATE ROLE") }
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
