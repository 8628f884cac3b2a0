import LocalPostgres
import Postgres
import TestSupport
import Testing

/// Each test suspends a server of its own.
@Suite("a server that is stopped with SIGSTOP")
struct StoppedServerTests {
  @Test("a statement's deadline holds, its outcome is unknown and its connection gone")
  func deadline() async throws {
    try await TestServer.withOwn { server in
      for transport in [LocalPostgres.Transport.socket, .tcp] {
        let settings = try ConnectionSettings(server.url(over: transport))
        let connection = try await Connection.open(settings)
        await server.suspend()
        let error = await failure { () throws(PostgresError) in
          try await connection.query("SELECT 1", deadline: .milliseconds(50))
        }
        await server.resume()
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.sqlState == nil)
        #expect(error?.isOutcomeUnknown == true)
        #expect(!connection.isUsable)
        let next = await failure { () throws(PostgresError) in
          try await connection.query("SELECT 1")
        }
        #expect(next?.code == .closed)
      }
    }
  }

  @Test("a cancelled task comes back")
  func cancellation() async throws {
    try await TestServer.withOwn { server in
      let settings = try ConnectionSettings(server.url(over: .tcp))
      let connection = try await Connection.open(settings)
      await server.suspend()
      let task = Task {
        await failure { () throws(PostgresError) in try await connection.query("SELECT 1") }
      }
      task.cancel()
      let error = await task.value
      await server.resume()
      #expect(error?.code == .cancelled)
    }
  }

  @Test("connecting obeys its deadline")
  func connecting() async throws {
    try await TestServer.withOwn { server in
      await server.suspend()
      for transport in [LocalPostgres.Transport.socket, .tcp] {
        let settings = try ConnectionSettings(server.url(over: transport))
        let error = await failure { () throws(PostgresError) in
          try await Connection.open(settings, deadline: .milliseconds(50))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.isOutcomeUnknown == false)
      }
      await server.resume()
      #expect(try await Connection.open(ConnectionSettings(server.url())).isUsable)
    }
  }

  @Test("a pool answers within the deadline, and works again when the server does")
  func pool() async throws {
    try await TestServer.withOwn { server in
      let pool = Pool(try ConnectionSettings(server.url()), limit: 2)
      #expect(try await pool.query("SELECT 1").count == 1)
      await server.suspend()
      let running = await failure { () throws(PostgresError) in
        try await pool.query("SELECT 1", deadline: .milliseconds(50))
      }
      #expect(running?.code == .deadlineExceeded)
      let waiting = await failure { () throws(PostgresError) in
        try await pool.withConnection(deadline: .milliseconds(50)) { _ in }
      }
      #expect(waiting?.isConnectionLost == true)
      await server.resume()
      #expect(try await eventually { try? await pool.query("SELECT 1").count == 1 })
      await pool.close()
    }
  }

  @Test("a listener notices it, by asking for a sign of life")
  func listener() async throws {
    try await TestServer.withOwn { server in
      let listener = Listener(
        try ConnectionSettings(server.url()),
        channels: ["wake"],
        trialInterval: .milliseconds(10),
        trialDeadline: .milliseconds(50)
      )
      var events = listener.makeAsyncIterator()
      #expect(await events.next().isListening)
      await server.suspend()
      #expect(await events.next().lost?.code == .deadlineExceeded)
      await server.resume()
      #expect(await events.next().isListening)
    }
  }
}
