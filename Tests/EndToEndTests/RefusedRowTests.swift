import Postgres
import Testing

@Suite("Rows that make no sense", .timeLimit(Patience.limit))
struct RefusedRowTests {
  /// Columns and values of an INSERT, and the sentence that refuses it.
  private static let rows: [(columns: String, values: String, sentence: String)] = [
    ("count", "0", "count must be from 1 to 1000000"),
    ("count", "1000001", "count must be from 1 to 1000000"),
    ("count, prefix", "1, repeat('P', 33)", "prefix must have 1 to 32 characters"),
    ("count, prefix", "1, ''", "prefix must have 1 to 32 characters"),
    ("count, prefix", #"1, E'A\tB'"#, "prefix must not contain control characters"),
    ("count, prefix", #"1, E'A\u2028B'"#, "prefix must not contain control characters"),
    ("count, priority", "1, 12", "priority must be from 0 (first) to 9 (last)"),
    ("count, metadata", "1, '[]'", "metadata must be a JSON object"),
    ("count, run_at", "1, 'infinity'", "run_at must be a time in the years 1970 to 9999"),
    ("count, dedupe_key", "1, ''", "dedupe_key must have 1 to 255 characters"),
  ]

  @Test("INSERT refuses them, and the message names the column and the rule")
  func refused() async throws {
    try await Stage.play { stage in
      for row in Self.rows {
        let sql = """
          INSERT INTO codemint.jobs (reward_id, \(row.columns))
          VALUES ('\(Reward.first)', \(row.values))
          """
        let error = try await #require(throws: PostgresError.self) {
          try await stage.database.run(sql)
        }
        #expect(error.sqlState == "23514")
        // What psql prints behind "ERROR:".
        #expect(error.message.contains("\"\(row.sentence)\""), "\(row.columns) \(row.values)")
      }
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.jobs") == 0)
    }
  }
}
