import LocalPostgres
import TestSupport
import Testing

@testable import Postgres

@Suite("what an error says, and what it keeps to itself")
struct ErrorTests {
  @Test("a constraint's name and SQLSTATE come along, the row does not")
  func constraint() async throws {
    let connection = try await TestServer.connection()
    try await connection.script(
      #"CREATE TABLE t (word text, n int CONSTRAINT "n must be positive" CHECK (n > 0))"#
    )
    let error = await failure { () throws(PostgresError) in
      try await connection.query("INSERT INTO t VALUES ($1, $2)", [.text("sesame"), .int4(0)])
    }
    #expect(error?.code == .server)
    #expect(error?.sqlState == "23514")
    #expect(error?.constraint == "n must be positive")
    #expect(error?.isOutcomeUnknown == false)
    #expect(error?.isRetryable == false)
    #expect(error?.isConnectionLost == false)
    #expect(shown(error).contains("n must be positive"))
    #expect(!shown(error).contains("sesame"))
    #expect(try await connection.query("SELECT 1").count == 1)
  }

  @Test("a value that the server refuses for its form is not quoted")
  func content() async throws {
    let connection = try await TestServer.connection()
    let wrong = await failure { () throws(PostgresError) in
      try await connection.query("SELECT $1::text::uuid", [.text("sesame")])
    }
    #expect(wrong?.isContentRefused == true)
    #expect(wrong?.sqlState == "22P02")
    #expect(!shown(wrong).contains("sesame"))
    let zero = await failure { () throws(PostgresError) in
      try await connection.query("SELECT $1", [.text("a\0b")])
    }
    #expect(zero?.isContentRefused == true)
    let escaped = await failure { () throws(PostgresError) in
      try await connection.query("SELECT $1", [.jsonb(text: #"{"a": "\u0000"}"#)])
    }
    #expect(escaped?.isContentRefused == true)
  }

  @Test("an error of a commit is an error of its statement")
  func deferred() async throws {
    let connection = try await TestServer.connection()
    try await connection.script(
      "CREATE TABLE t (n int CONSTRAINT single UNIQUE DEFERRABLE INITIALLY DEFERRED)"
    )
    _ = try await connection.query("INSERT INTO t VALUES (1)")
    let error = await failure { () throws(PostgresError) in
      try await connection.query("INSERT INTO t VALUES (1)")
    }
    #expect(error?.sqlState == "23505")
    #expect(error?.constraint == "single")
  }

  @Test("a deadlock is worth another try")
  func deadlock() async throws {
    let settings = try await TestServer.database()
    let one = try await Connection.open(settings)
    let two = try await Connection.open(settings)
    for connection in [one, two] {
      _ = try await connection.query("SET deadlock_timeout = '10ms'")
      _ = try await connection.query("BEGIN")
    }
    _ = try await one.query("SELECT pg_advisory_xact_lock(1)")
    _ = try await two.query("SELECT pg_advisory_xact_lock(2)")
    async let first = failure { () throws(PostgresError) in
      try await one.query("SELECT pg_advisory_xact_lock(2)")
    }
    let second = await failure { () throws(PostgresError) in
      try await two.query("SELECT pg_advisory_xact_lock(1)")
    }
    if second != nil { _ = try await two.query("ROLLBACK") }
    let victims = [await first, second].compactMap(\.self)
    #expect(victims.map(\.sqlState) == ["40P01"])
    #expect(victims.map(\.isRetryable) == [true])
  }

  @Test("a connection ended by the server is lost, with an unknown outcome")
  func terminated() async throws {
    let settings = try await TestServer.database()
    let victim = try await Connection.open(settings)
    let error = await failure { () throws(PostgresError) in
      try await victim.query("SELECT pg_terminate_backend(pg_backend_pid())")
    }
    #expect(error?.code == .connectionLost)
    #expect(error?.isConnectionLost == true)
    #expect(error?.isOutcomeUnknown == true)
    #expect(!victim.isUsable)
    let next = await failure { () throws(PostgresError) in try await victim.query("SELECT 1") }
    #expect(next?.code == .closed)
    #expect(next?.isOutcomeUnknown == false)
  }

  @Test("COPY is refused, and the connection that it confused is closed")
  func copy() async throws {
    let connection = try await TestServer.connection()
    let error = await failure { () throws(PostgresError) in
      try await connection.script("COPY (SELECT 1) TO STDOUT")
    }
    #expect(error?.code == .unsupported)
    #expect(!connection.isUsable)
  }

  @Test("a wrong password is an error that shows no password")
  func password() async throws {
    let server = try await TestServer.shared()
    let url = "postgresql://postgres:sesame@127.0.0.1:\(server.port)/postgres"
    let settings = try ConnectionSettings(url)
    let error = await failure { () throws(PostgresError) in try await Connection.open(settings) }
    #expect(error?.code == .connectFailed)
    #expect(error?.sqlState == "28P01")
    #expect(shown(error).contains("authentication"))
    #expect(!shown(error).contains("sesame"))
    #expect(!shown(settings).contains("sesame"))
    #expect(shown(settings).contains("127.0.0.1"))
  }

  @Test("a login that is refused is told from a server that cannot be reached")
  func refusedLogins() {
    func state(_ message: String) -> String? {
      LoginRefusal.sqlState(of: message, needsPassword: false)
    }
    let head = #"connection to server at "db" (10.0.0.1), port 5432 failed: "#
    let noEntry =
      head + #"FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "a", database "b""#
    let away = head + "Connection refused\n\tIs the server running on that host?"
    #expect(state(head + #"FATAL:  password authentication failed for user "a""#) == "28P01")
    #expect(
      state(
        head + "FATAL:  password authentication failed\npassword retrieved from file \"/run/p\""
      ) == "28P01"
    )
    #expect(state(head + "fe_sendauth: no password supplied") == "28P01")
    #expect(state(noEntry + ", SSL encryption\n" + noEntry + ", no encryption") == "28000")
    #expect(state(head + #"FATAL:  role "a" does not exist"#) == "28000")
    #expect(state(head + #"FATAL:  role "a" is not permitted to log in"#) == "28000")
    #expect(state(head + #"FATAL:  database "b" does not exist"#) == "3D000")
    #expect(state(away) == nil && state(away + "\n" + noEntry) == nil)
    #expect(state(head + "FATAL:  sorry, too many clients already") == "53300")
    #expect(state(head + #"FATAL:  too many connections for role "a""#) == "53300")
    #expect(state(head + #"FATAL:  too many connections for database "a""#) == "53300")
    #expect(state("") == nil)
    #expect(LoginRefusal.sqlState(of: "anything", needsPassword: true) == "28P01")
  }

  @Test("a login that is refused says what happened and what helps, each kind in its own words")
  func refusedLoginWords() {
    func text(_ sqlState: String) -> String {
      var error = PostgresError(.connectFailed, "FATAL: no")
      error.sqlState = sqlState
      return error.description
    }
    #expect(
      text("3D000")
        == """
        the database does not exist (SQLSTATE 3D000): FATAL: no; create the database, or correct its \
        name in the URL
        """
    )
    #expect(
      text("28P01")
        == """
        the server refuses the password (SQLSTATE 28P01): FATAL: no; correct the user or the \
        password in the URL
        """
    )
    #expect(text("28000").hasPrefix("the server does not let the role in (SQLSTATE 28000)"))
  }

  @Test("a parameter shows its type only")
  func parameter() {
    #expect(!shown(Parameter.text("sesame")).contains("sesame"))
    #expect(!shown(Parameter.text("sesame")).contains("115"))
  }

  /// Everything that finds its way into logs.
  private func shown(_ value: some Any) -> String {
    var text = String(describing: value) + String(reflecting: value)
    dump(value, to: &text)
    return text
  }
}
