import Postgres
import TestSupport
import Testing

@Suite("prepared statements")
struct PreparedStatementTests {
  @Test("a statement is prepared once for the same types")
  func once() async throws {
    let connection = try await TestServer.connection()
    for n in 1...5 { _ = try await connection.query("SELECT $1::text", [.int4(Int32(n))]) }
    _ = try await connection.query("SELECT $1::text", [.text("a")])
    let row = try await connection.query(
      "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::text'"
    ).one()
    #expect(try row.int64(0) == 2)
  }

  @Test("statements that were dropped behind our back are prepared again")
  func discarded() async throws {
    let connection = try await TestServer.connection()
    _ = try await connection.query("SELECT 1")
    try await connection.script("DISCARD ALL")
    #expect(try await connection.query("SELECT 1").count == 1)
  }

  @Test("within a transaction their loss is an error that invites to try again")
  func discardedInTransaction() async throws {
    let connection = try await TestServer.connection()
    _ = try await connection.query("SELECT 1")
    let error = await failure { () throws(PostgresError) in
      try await connection.transaction { connection throws(PostgresError) in
        try await connection.script("DEALLOCATE ALL")
        _ = try await connection.query("SELECT 1")
      }
    }
    #expect(error?.sqlState == "26000")
    #expect(error?.isRetryable == true)
    #expect(try await connection.query("SELECT 1").count == 1)
  }

  @Test("a table that changed its columns does not break them")
  func changed() async throws {
    let connection = try await TestServer.connection()
    try await connection.script("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
    #expect(try await connection.query("SELECT * FROM t").one().integer(0) == 1)
    try await connection.script("ALTER TABLE t ALTER n TYPE bigint")
    #expect(try await connection.query("SELECT * FROM t").one().int64(0) == 1)
  }

  @Test("more of them than anyone needs run unprepared")
  func many() async throws {
    let connection = try await TestServer.connection()
    for n in 1...300 {
      #expect(try await connection.query(Statement("SELECT \(n)")).one().integer(0) == n)
    }
    let row = try await connection.query(
      "SELECT count(*) + $1 FROM pg_prepared_statements",
      [.int8(40)]
    ).one()
    #expect(try row.int64(0) == 296)
    let pair = try await connection.query(
      [Query("SELECT 1, 2"), Query("SELECT count(*) FROM pg_prepared_statements")]
    )
    #expect(try pair[0].get().count == 1)
    #expect(try pair[1].get().one().int64(0) == 256)
  }
}
