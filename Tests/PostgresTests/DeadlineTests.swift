import LocalPostgres
import Postgres
import TestSupport
import Testing

@Suite("deadlines and cancellation")
struct DeadlineTests {
  @Test("a statement that misses its deadline is stopped, also on the server")
  func deadline() async throws {
    let settings = try await TestServer.database()
    let observer = try await Connection.open(settings)
    let connection = try await Connection.open(settings)
    let process = await connection.serverProcess
    let error = await failure { () throws(PostgresError) in
      try await connection.query("SELECT pg_sleep(3600)", deadline: .milliseconds(50))
    }
    #expect(error?.code == .deadlineExceeded)
    #expect(error?.isConnectionLost == true)
    // On a machine so busy that the server needs longer than the grace, its answer is not heard.
    #expect(error?.isOutcomeUnknown == false || error?.sqlState == nil)
    #expect(!connection.isUsable)
    #expect(
      try await until(
        observer,
        Statement("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(process))")
      )
    )
  }

  @Test("a cancelled task's statement comes back")
  func cancellation() async throws {
    let settings = try await TestServer.database()
    let observer = try await Connection.open(settings)
    let connection = try await Connection.open(settings)
    let task = Task {
      await failure { () throws(PostgresError) in
        try await connection.query("SELECT pg_sleep(3600)")
      }
    }
    #expect(
      try await until(observer, someoneSleeps)
    )
    task.cancel()
    let error = await task.value
    #expect(error?.code == .cancelled)
    #expect(error?.isOutcomeUnknown == false || error?.sqlState == nil)
    #expect(!connection.isUsable)
  }

  @Test("a task that was cancelled before sends nothing, and the connection stays good")
  func cancelledBefore() async throws {
    let connection = try await TestServer.connection()
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await failure { () throws(PostgresError) in try await connection.query("SELECT 1") }
    }
    let error = await task.value
    #expect(error?.code == .cancelled)
    #expect(error?.isOutcomeUnknown == false)
    #expect(connection.isUsable)
    #expect(try await connection.query("SELECT 1").count == 1)
  }

  @Test("connecting to a socket that accepts and says nothing obeys the deadline")
  func silentServer() async throws {
    let silent = try SilentServer()
    let settings = try ConnectionSettings("postgresql://u@127.0.0.1:\(silent.port)/d")
    let error = await failure { () throws(PostgresError) in
      try await Connection.open(settings, deadline: .milliseconds(100))
    }
    #expect(error?.code == .deadlineExceeded)
    #expect(error?.isOutcomeUnknown == false)
  }

  @Test("connecting to an address that swallows everything obeys the deadline")
  func blackHole() async throws {
    let full = try SilentServer(isFull: true)
    let settings = try ConnectionSettings("postgresql://u@127.0.0.1:\(full.port)/d")
    let error = await failure { () throws(PostgresError) in
      try await Connection.open(settings, deadline: .milliseconds(100))
    }
    #expect(error?.code == .deadlineExceeded)
  }

  @Test("a cancelled task stops connecting")
  func cancelledConnect() async throws {
    let silent = try SilentServer()
    let settings = try ConnectionSettings("postgresql://u@127.0.0.1:\(silent.port)/d")
    let task = Task {
      await failure { () throws(PostgresError) in
        try await Connection.open(settings, deadline: .seconds(600))
      }
    }
    silent.awaitClient()
    task.cancel()
    #expect(await task.value?.code == .cancelled)
  }

  @Test("of several hosts, the next one is tried when one is silent or refuses")
  func severalHosts() async throws {
    let server = try await TestServer.shared()
    let silent = try SilentServer()
    let refusing = try SilentServer().port
    let url = server.url(over: .tcp).replacing(
      "127.0.0.1:\(server.port)",
      with: "127.0.0.1:\(refusing),127.0.0.1:\(silent.port),127.0.0.1:\(server.port)"
    )
    var settings = try ConnectionSettings(url + "?target_session_attrs=read-write")
    settings.connectTimeout = .seconds(2)
    settings.statementTimeout = .seconds(7)
    settings.lockTimeout = .milliseconds(1500)
    let connection = try await Connection.open(settings, deadline: .seconds(60))
    #expect(
      try await connection.query("SHOW statement_timeout").one().text(0) == "7s"
    )
    #expect(
      try await connection.query("SHOW lock_timeout").one().text(0) == "1500ms"
    )
    #expect(
      try await connection.query("SHOW idle_in_transaction_session_timeout").one().text(0) == "0"
    )
  }

  @Test("what a database sets for every session and codemint cannot work with is taken back")
  func ownDefaults() async throws {
    let settings = try await TestServer.database()
    let first = try await Connection.open(settings)
    let database = try await first.query("SELECT current_database()").one().text(0)
    for setting in [
      "default_transaction_isolation = 'serializable'", "idle_session_timeout = '1min'",
      "enable_indexscan = off", "enable_sort = off", "jit = on", "temp_file_limit = 0",
      "work_mem = 64",
    ] {
      try await first.script("ALTER DATABASE \"\(database)\" SET \(setting)")
    }
    await first.close()
    let connection = try await Connection.open(settings)
    #expect(
      try await connection.query("SHOW default_transaction_isolation").one().text(0)
        == "read committed"
    )
    #expect(try await connection.query("SHOW idle_session_timeout").one().text(0) == "0")
    #expect(try await connection.query("SHOW enable_indexscan").one().text(0) == "on")
    #expect(try await connection.query("SHOW enable_sort").one().text(0) == "on")
    #expect(try await connection.query("SHOW jit").one().text(0) == "off")
    await connection.close()
  }
}
