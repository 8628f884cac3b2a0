import Postgres
import TestSupport
import Testing

@Suite("statements in one round trip")
struct PipelineTests {
  @Test("both answer")
  func both() async throws {
    let connection = try await TestServer.connection()
    for _ in 0..<3 {
      let pair = try await connection.query([
        Query("SELECT $1::int AS n", [.int4(1)]), Query("SELECT $1::text AS t", [.text("a")]),
      ])
      #expect(try pair[0].get().one().integer("n") == 1)
      #expect(try pair[1].get().one().text("t") == "a")
    }
    #expect(try await connection.query("SELECT 1").count == 1)
  }

  @Test("a second one that fails leaves the first committed")
  func secondFails() async throws {
    let connection = try await TestServer.connection()
    try await connection.script("CREATE TABLE t (n int)")
    let pair = try await connection.query([
      Query("INSERT INTO t VALUES ($1)", [.int4(1)]), Query("SELECT 1 / $1", [.int4(0)]),
    ])
    #expect(pair[0].error == nil)
    #expect(pair[1].error?.sqlState == "22012")
    #expect(try await connection.query("SELECT * FROM t").count == 1)
  }

  @Test("a first one that fails does not keep the second from running")
  func firstFails() async throws {
    let connection = try await TestServer.connection()
    try await connection.script("CREATE TABLE t (n int)")
    let pair = try await connection.query([
      Query("SELECT nothing"), Query("INSERT INTO t VALUES ($1)", [.int4(1)]),
    ])
    #expect(pair[0].error?.sqlState == "42703")
    #expect(pair[1].error == nil)
    #expect(try await connection.query("SELECT * FROM t").count == 1)
  }

  @Test("an error of the first one's commit is the first one's")
  func commitFails() async throws {
    let connection = try await TestServer.connection()
    try await connection.script("CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    let insert = Query("INSERT INTO t VALUES ($1)", [.int4(1)])
    _ = try await connection.query(insert.statement, insert.parameters)
    let pair = try await connection.query([insert, Query("SELECT count(*) FROM t")])
    #expect(pair[0].error?.sqlState == "23505")
    #expect(try pair[1].get().one().int64(0) == 1)
    #expect(try await connection.query("SELECT 1").count == 1)
  }

  @Test("notices go to the one that they belong to")
  func notices() async throws {
    let connection = try await TestServer.connection()
    let pair = try await connection.query([Query("SELECT 1"), Query("ROLLBACK")])
    #expect(try pair[0].get().notices.isEmpty)
    #expect(try pair[1].get().notices.map(\.sqlState) == ["25P01"])
  }

  @Test("both are run again when their prepared statements are gone")
  func prepared() async throws {
    let connection = try await TestServer.connection()
    let one = Query("SELECT 1")
    let two = Query("SELECT 2")
    _ = try await connection.query([one, two])
    try await connection.script("DISCARD ALL")
    let pair = try await connection.query([one, two])
    #expect(try pair[0].get().one().integer(0) == 1)
    #expect(try pair[1].get().one().integer(0) == 2)
  }

  @Test("an interruption within the second leaves the first one's answer")
  func interrupted() async throws {
    let settings = try await TestServer.database()
    let observer = try await Connection.open(settings)
    let connection = try await Connection.open(settings)
    let task = Task {
      try await connection.query([Query("SELECT 1"), Query("SELECT pg_sleep(3600)")])
    }
    #expect(try await until(observer, someoneSleeps))
    task.cancel()
    let pair = try await task.value
    #expect(try pair[0].get().count == 1)
    #expect(pair[1].error?.code == .cancelled)
    #expect(!connection.isUsable)
  }

  @Test("the connection's end within the first leaves both unknown")
  func terminated() async throws {
    let connection = try await TestServer.connection()
    let pair = try await connection.query([
      Query("SELECT pg_terminate_backend(pg_backend_pid())"), Query("SELECT 1"),
    ])
    #expect(pair[0].error?.isOutcomeUnknown == true)
    #expect(pair[1].error?.isOutcomeUnknown == true)
    #expect(!connection.isUsable)
  }

  @Test("a pair of transactions cannot run within another one")
  func transaction() async throws {
    let connection = try await TestServer.connection()
    _ = try await connection.query("BEGIN")
    let error = await failure { () throws(PostgresError) in
      _ = try await connection.query([Query("SELECT 1"), Query("SELECT 2")])
    }
    #expect(error?.code == .unsupported)
  }
}

extension Result {
  var error: Failure? {
    switch self {
    case .success: nil
    case .failure(let error): error
    }
  }
}
