import Postgres
import TestSupport
import Testing

@Suite("one connection and several tasks")
struct ConnectionTests {
  @Test("statements of several tasks are run one after the other")
  func concurrent() async throws {
    let connection = try await TestServer.connection()
    let answers = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<50 {
        group.addTask {
          try await connection.script("SELECT pg_sleep(0.001)")
          return try await connection.query("SELECT $1", [.int4(Int32(number))]).one().integer(0)
        }
      }
      var answers: Set<Int> = []
      for try await answer in group { answers.insert(answer) }
      return answers
    }
    #expect(answers.count == 50)
  }
}

@Suite("a transaction")
struct TransactionTests {
  @Test("commits what its body did")
  func commit() async throws {
    let connection = try await TestServer.connection()
    try await connection.script("CREATE TABLE t (n int)")
    let answer = try await connection.transaction { connection throws(PostgresError) in
      _ = try await connection.query("INSERT INTO t VALUES (1)")
      return 42
    }
    #expect(answer == 42)
    #expect(try await connection.query("SELECT * FROM t").count == 1)
  }

  @Test("rolls back when its body throws")
  func rollback() async throws {
    let connection = try await TestServer.connection()
    try await connection.script("CREATE TABLE t (n int)")
    let error = await failure { () throws(PostgresError) in
      try await connection.transaction { connection throws(PostgresError) in
        _ = try await connection.query("INSERT INTO t VALUES (1)")
        throw PostgresError(.unexpectedResult, "enough")
      }
    }
    #expect(error?.message == "enough")
    #expect(try await connection.query("SELECT * FROM t").isEmpty)
    #expect(connection.isUsable)
  }

  @Test("that failed within does not pass for committed")
  func failedWithin() async throws {
    let connection = try await TestServer.connection()
    let error = await failure { () throws(PostgresError) in
      try await connection.transaction { connection throws(PostgresError) in
        _ = await failure { () throws(PostgresError) in try await connection.query("SELECT 1 / 0") }
      }
    }
    #expect(error?.code == .server)
    #expect(error?.isOutcomeUnknown == false)
    #expect(try await connection.query("SELECT 1").count == 1)
  }

  @Test("rolls back on the server, too, when its task is cancelled within")
  func cancelled() async throws {
    let settings = try await TestServer.database()
    let observer = try await Connection.open(settings)
    try await observer.script("CREATE TABLE t (n int)")
    let connection = try await Connection.open(settings)
    let task = Task {
      await failure { () throws(PostgresError) in
        try await connection.transaction { connection throws(PostgresError) in
          _ = try await connection.query("INSERT INTO t VALUES (1)")
          withUnsafeCurrentTask { $0?.cancel() }
          _ = try await connection.query("INSERT INTO t VALUES (2)")
        }
      }
    }
    #expect(await task.value?.code == .cancelled)
    #expect(connection.isUsable)
    #expect(try await observer.query("SELECT * FROM t").isEmpty)
  }

  @Test("commits although its task was cancelled after the last statement")
  func cancelledLate() async throws {
    let connection = try await TestServer.connection()
    try await connection.script("CREATE TABLE t (n int)")
    let task = Task {
      await failure { () throws(PostgresError) in
        try await connection.transaction { connection throws(PostgresError) in
          _ = try await connection.query("INSERT INTO t VALUES (1)")
          withUnsafeCurrentTask { $0?.cancel() }
        }
      }
    }
    #expect(await task.value?.code == nil)
    #expect(try await connection.query("SELECT * FROM t").count == 1)
  }
}
