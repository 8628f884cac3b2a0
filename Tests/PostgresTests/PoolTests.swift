import LocalPostgres
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("a pool")
struct PoolTests {
  @Test("makes no connection before one is needed, and uses it again")
  func lazy() async throws {
    let pool = Pool(try await TestServer.database(), limit: 3)
    #expect(pool.counts == Counts(lent: 0, idle: 0, waiting: 0))
    let first = try await pool.query("SELECT pg_backend_pid()").one().integer(0)
    let second = try await pool.query("SELECT pg_backend_pid()").one().integer(0)
    #expect(first == second)
    #expect(pool.counts == Counts(lent: 0, idle: 1, waiting: 0))
    await pool.close()
  }

  @Test("lends no more connections than its limit, each to one borrower")
  func limit() async throws {
    let pool = Pool(try await TestServer.database(), limit: 3)
    let processes = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<40 {
        group.addTask {
          try await pool.withConnection { connection throws(PostgresError) in
            #expect(pool.counts.lent <= 3)
            _ = try await connection.query("BEGIN")
            let process = try await connection.query("SELECT pg_backend_pid()").one().integer(0)
            _ = try await connection.query("COMMIT")
            return process
          }
        }
      }
      return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
    }
    #expect((1...3).contains(processes.count))
    await pool.close()
  }

  @Test("serves those who wait in the order in which they came")
  func order() async throws {
    let pool = Pool(try await TestServer.database(), limit: 1)
    let order = Recorder()
    let gate = Gate()
    let holder = Task {
      try await pool.withConnection { _ in await gate.wait() }
    }
    await gate.awaitWaiter()
    var tasks: [Task<Void, any Error>] = []
    for number in 1...5 {
      tasks.append(Task { try await pool.withConnection { _ in order.note(number) } })
      while pool.counts.waiting < number { await Task.yield() }
    }
    gate.open()
    try await holder.value
    for task in tasks { try await task.value }
    #expect(order.notes == [1, 2, 3, 4, 5])
    await pool.close()
  }

  @Test("lets go whoever misses the deadline or is cancelled, and nobody else")
  func givingUp() async throws {
    let pool = Pool(try await TestServer.database(), limit: 1)
    let gate = Gate()
    let holder = Task {
      try await pool.withConnection { _ in await gate.wait() }
    }
    await gate.awaitWaiter()
    let late = await failure { () throws(PostgresError) in
      try await pool.withConnection(deadline: .milliseconds(10)) { _ in }
    }
    #expect(late?.code == .deadlineExceeded)
    let cancelled = Task {
      await failure { () throws(PostgresError) in try await pool.withConnection { _ in } }
    }
    while pool.counts.waiting < 1 { await Task.yield() }
    let patient = Task { try await pool.query("SELECT 1").count }
    while pool.counts.waiting < 2 { await Task.yield() }
    cancelled.cancel()
    #expect(await cancelled.value?.code == .cancelled)
    gate.open()
    try await holder.value
    #expect(try await patient.value == 1)
    await pool.close()
  }

  @Test("replaces a connection that the server has ended")
  func terminated() async throws {
    let settings = try await TestServer.database()
    let pool = Pool(settings, limit: 1)
    let process = try await pool.query("SELECT pg_backend_pid()").one().integer(0)
    let killer = try await Connection.open(settings)
    _ = try await killer.query("SELECT pg_terminate_backend($1, 10000)", [.int4(Int32(process))])
    let next = try await pool.query("SELECT pg_backend_pid()").one().integer(0)
    #expect(next != process)
    await pool.close()
  }

  @Test("opens another connection in place of one that takes no writes, and so recovers by itself")
  func readOnly() async throws {
    let settings = try await TestServer.database()
    let owner = try await Connection.open(settings)
    let name = try await owner.query("SELECT current_database()").one().text(0)
    try await owner.script(
      "CREATE TABLE t (n int); ALTER DATABASE \(name) SET default_transaction_read_only = on"
    )
    let pool = Pool(settings, limit: 1)
    let error = await failure { () throws(PostgresError) in
      try await pool.query("INSERT INTO t VALUES (1)")
    }
    #expect(error?.sqlState == "25006" && pool.counts.idle == 0)
    // Also if it was never asked to write: the server says so by itself.
    #expect(try await pool.query("SELECT n FROM t").isEmpty && pool.counts.idle == 0)
    try await owner.script("ALTER DATABASE \(name) RESET default_transaction_read_only")
    #expect(try await pool.query("INSERT INTO t VALUES (1) RETURNING n").count == 1)
    #expect(pool.counts.idle == 1)
    await pool.close()
    await owner.close()
  }

  @Test("opens another connection when a pooler passes on that its server stops")
  func stopping() async throws {
    let pool = Pool(try await TestServer.database(), limit: 1)
    for state in ["57P01", "57P02", "57P03"] {
      let error = await failure { () throws(PostgresError) in
        try await pool.withConnection { (connection) throws(PostgresError) in
          _ = try await connection.script(
            "DO $$ BEGIN RAISE EXCEPTION 'stopping' USING ERRCODE = '\(state)'; END $$"
          )
        }
      }
      #expect(error?.sqlState == state && pool.counts.idle == 0)
    }
    await pool.close()
  }

  @Test("does not lend a connection again that came back with an open transaction")
  func openTransaction() async throws {
    let pool = Pool(try await TestServer.database(), limit: 1)
    try await pool.withConnection { connection throws(PostgresError) in
      _ = try await connection.query("CREATE TABLE t (n int)")
      _ = try await connection.query("BEGIN")
      _ = try await connection.query("INSERT INTO t VALUES (1)")
    }
    #expect(pool.counts.idle == 0)
    #expect(try await pool.query("SELECT * FROM t").isEmpty)
    await pool.close()
  }

  @Test("tries a connection that has been idle for long")
  func trial() async throws {
    let pool = Pool(try await TestServer.database(), limit: 1, trialAfter: .zero)
    for _ in 0..<3 { #expect(try await pool.query("SELECT 1").count == 1) }
    #expect(pool.counts.idle == 1)
    await pool.close()
  }

  @Test("says why there is no connection, and recovers when the server is back")
  func restart() async throws {
    try await TestServer.withOwn { server in
      let pool = Pool(try ConnectionSettings(server.url()), limit: 2)
      #expect(try await pool.query("SELECT 1").count == 1)
      try await server.stop(.immediate)
      let error = await failure { () throws(PostgresError) in try await pool.query("SELECT 1") }
      #expect(error?.code == .connectFailed)
      try await server.start()
      #expect(try await eventually { try? await pool.query("SELECT 1").count == 1 })
      await pool.close()
    }
  }

  @Test("closes when the last loan is back, and lends nothing afterwards")
  func close() async throws {
    let pool = Pool(try await TestServer.database(), limit: 2)
    let gate = Gate()
    let order = Recorder()
    let holder = Task {
      try await pool.withConnection { _ in
        await gate.wait()
        order.note(1)
      }
    }
    await gate.awaitWaiter()
    let closing = Task {
      await pool.close()
      order.note(2)
    }
    var refused: PostgresError?
    while refused?.code != .closed {
      refused = await failure { () throws(PostgresError) in try await pool.query("SELECT 1") }
    }
    gate.open()
    try await holder.value
    await closing.value
    #expect(order.notes == [1, 2])
    #expect(pool.counts == Counts(lent: 0, idle: 0, waiting: 0))
  }
}

/// What a pool's connections and borrowers do.
private struct Counts: Equatable {
  var lent: Int
  var idle: Int
  var waiting: Int
}

extension Pool {
  fileprivate var counts: Counts {
    state.withLock { Counts(lent: $0.lent, idle: $0.idle.count, waiting: $0.waiting.count) }
  }
}
