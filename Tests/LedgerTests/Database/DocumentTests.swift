import Foundation
import Ledger
import Postgres
import Testing

/// What the documents tell people to paste into psql has to work.
@Suite("the SQL in the documents")
struct DocumentTests {
  @Test(
    "every statement of docs/sql.md and of the README runs",
    arguments: ["docs/sql.md", "README.md"]
  )
  func runs(document: String) async throws {
    let statements = try Self.blocks(of: document)
    #expect(statements.count >= 2)
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      #expect(try await RoleSetup(connection).apply() == .done)
      try await connection.script(Self.before)
      for sql in statements {
        let error = await failure { () throws(PostgresError) in try await connection.script(sql) }
        #expect(error == nil, "\(sql)")
      }
      await connection.close()
    }
  }

  /// A job 1 for the statements that speak of one.
  private static let before = """
    INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10);
    """

  private static func blocks(of document: String) throws -> [String] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: document), encoding: .utf8)
    return text.components(separatedBy: "```sql\n").dropFirst()
      .compactMap { $0.components(separatedBy: "```").first }
      // Logins are the cluster's, and are other people's to name.
      .filter { !$0.contains("CREATE ROLE") }
  }
}
