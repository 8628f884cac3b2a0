import Ledger
import Postgres
import Testing

/// What a producer may call or insert with a text, and how long the text may be.
@Suite("huge texts of producers")
struct HugeTextTests {
  /// Letters of which something reads a text slowly: quotes, blanks, letters of several bytes, what separates names.
  private static let letters = [
    "\"", "'", "a", " ", "\n", ".", "\\", "(", "/", "\u{e9}", "\u{1f600}",
  ]

  private static let statements: [Statement] = [
    "SELECT codemint.time_until_done(5::smallint, $1, true, 1, 1, 1, NULL)::text",
    "SELECT codemint.is_stand_in($1)",
    "SELECT codemint.is_stand_in('http://' || $1::text)",
    "SELECT codemint.is_stand_in('https://' || $1::text)",
    "SELECT codemint.check_job(gen_random_uuid(), 1, $1)",
    "SELECT codemint.check_job(gen_random_uuid(), 1, NULL, NULL, $1)",
    "SELECT codemint.check_job(gen_random_uuid(), 1, NULL, NULL, NULL, NULL, jsonb_build_object('a', $1::text))",
    "SELECT codemint.pause_job((SELECT max(id) FROM codemint.my_jobs), $1)",
    "SELECT codemint.resume_job((SELECT max(id) FROM codemint.my_jobs), $1)",
    "SELECT codemint.cancel_job((SELECT max(id) FROM codemint.my_jobs), $1)",
    "INSERT INTO codemint.jobs (reward_id, count, prefix) VALUES (gen_random_uuid(), 1, $1)",
    "INSERT INTO codemint.jobs (reward_id, count, dedupe_key) VALUES (gen_random_uuid(), 1, $1)",
    """
    INSERT INTO codemint.jobs (reward_id, count, metadata)
    VALUES (gen_random_uuid(), 1, jsonb_build_object('a', $1::text))
    """,
    "SELECT count(*) FROM codemint.my_jobs WHERE dedupe_key = $1 OR prefix = $1",
  ]

  @Test("each is refused or answered before a statement's time is over, or can be cancelled then")
  func bounded() async throws {
    try await Logins.lend { logins in
      try await logins.owner.script("\(WaitsTests.running) SELECT codemint.measure_line()")
      let producer = try await logins.login(.producer)
      try await producer.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 1);
        SET statement_timeout = '20s'
        """
      )
      let time = try await producer.query(Self.statements[0], [.text("nobody")]).one()
      #expect(try time.optionalText(0) != nil)
      for letter in Self.letters {
        let text = String(repeating: letter, count: 4_000_000 / letter.utf8.count)
        for statement in Self.statements {
          let error = await failure { () throws(PostgresError) in
            try await producer.query(statement, [.text(text)])
          }
          let isInTime = error.map { $0.code == .server && $0.sqlState != "57014" } ?? true
          #expect(isInTime, "\(letter) in \(statement.sql)")
        }
      }
    }
  }
}
