import Postgres
import TestSupport
import Testing

@Suite("rows that are copied into a table")
struct CopyTests {
  @Test("rows and statement are committed together, and the second statement sees them")
  func together() async throws {
    let connection = try await Self.connection()
    let answers = try await connection.query(
      Self.copy([1, 2, 3]),
      with: Query("INSERT INTO t (n) SELECT 10 * count(*) FROM t RETURNING n"),
      then: [Query("SELECT count(*) FROM t")]
    )
    #expect(try answers.first.get().one().int64(0) == 30)
    #expect(try answers.others?.first?.get().one().int64(0) == 4)
    #expect(try await connection.query("SELECT 1").count == 1)
  }

  @Test("every type arrives as it was sent, nulls and the server's clock too")
  func types() async throws {
    let connection = try await Self.connection()
    let copy = CopyIn(
      "COPY t (n, u, s, j, m, late) FROM STDIN (FORMAT binary)",
      patience: .seconds(60)
    ) { now in
      var rows = CopyRows(columns: 6)
      rows.beginRow()
      rows.append(int8: -5)
      rows.append(uuid: 0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF)
      rows.append(text: "ä \u{1F600}")
      rows.append(jsonb: Array(#"{"a": [1]}"#.utf8))
      rows.append(microsecondsSinceUnixEpoch: now)
      rows.append(microsecondsSinceUnixEpoch: nil)
      return rows
    }
    let answers = try await connection.query(
      copy,
      with: Query(
        """
        SELECT n = -5 AND u = '01234567-89ab-cdef-0123-456789abcdef' AND s = U&'\\00E4 \\+01F600'
               AND j = '{"a":[1]}' AND late IS NULL
               AND m BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() AS same
        FROM t
        """
      ),
      then: []
    )
    #expect(try answers.first.get().one().bool("same"))
  }

  @Test("rows that are refused leave nothing, and nothing else is run")
  func refused() async throws {
    let connection = try await Self.connection()
    let answers = try await connection.query(
      Self.copy([1, 2, 1]),
      with: Query("INSERT INTO t (n) VALUES (7)"),
      then: [Query("SELECT count(*) FROM t")]
    )
    #expect(answers.first.error?.sqlState == "23505")
    #expect(answers.first.error?.isOutcomeUnknown == false && answers.others == nil)
    #expect(try await connection.query("SELECT * FROM t").isEmpty)
    #expect(connection.isUsable)
  }

  @Test("a table that is not there is an error like any other")
  func nowhere() async throws {
    let connection = try await Self.connection()
    let answers = try await connection.query(
      CopyIn("COPY nothing (n) FROM STDIN (FORMAT binary)", patience: .seconds(60)) { _ in
        CopyRows(columns: 1)
      },
      with: Query("SELECT 1"),
      then: [Query("SELECT 2")]
    )
    #expect(answers.first.error?.sqlState == "42P01" && answers.others == nil)
    #expect(try await connection.query("SELECT 2").count == 1)
  }

  @Test("a statement that is refused takes the rows with it, and nothing else is run")
  func statementRefused() async throws {
    let connection = try await Self.connection()
    let answers = try await connection.query(
      Self.copy([1, 2, 3]),
      with: Query("SELECT 1 / 0"),
      then: [Query("INSERT INTO t (n) VALUES (7)")]
    )
    #expect(answers.first.error?.sqlState == "22012" && answers.others == nil)
    #expect(try await connection.query("SELECT * FROM t").isEmpty)
  }

  @Test("an error of the commit is the first transaction's")
  func commitRefused() async throws {
    let connection = try await Self.connection()
    try await connection.script(
      "ALTER TABLE t ADD CONSTRAINT later UNIQUE (s) DEFERRABLE INITIALLY DEFERRED"
    )
    let copy = CopyIn("COPY t (n, s) FROM STDIN (FORMAT binary)", patience: .seconds(60)) { _ in
      var rows = CopyRows(columns: 2)
      for number: Int64 in 1...2 {
        rows.beginRow()
        rows.append(int8: number)
        rows.append(text: "same")
      }
      return rows
    }
    let answers = try await connection.query(
      copy,
      with: Query("SELECT 1"),
      then: [Query("SELECT count(*) FROM t")]
    )
    #expect(answers.first.error?.sqlState == "23505")
    #expect(try answers.others?.first?.get().one().int64(0) == 0)
  }

  @Test("both statements are prepared anew when they are gone, and the caller may try again")
  func prepared() async throws {
    let connection = try await Self.connection()
    let one = Query("SELECT count(*) FROM t")
    let two = Query("SELECT 2")
    _ = try await connection.query(Self.copy([1]), with: one, then: [two])
    try await connection.script("DISCARD ALL")
    let gone = try await connection.query(Self.copy([2]), with: one, then: [two])
    #expect(gone.first.error?.isRetryable == true)
    let again = try await connection.query(Self.copy([2]), with: one, then: [two])
    #expect(try again.first.get().one().int64(0) == 2)
    #expect(try again.others?.first?.get().one().integer(0) == 2)
  }

  @Test("the connection's end within the rows' transaction leaves both outcomes unknown")
  func terminated() async throws {
    let connection = try await Self.connection()
    let answers = try await connection.query(
      Self.copy([1]),
      with: Query("SELECT pg_terminate_backend(pg_backend_pid())"),
      then: [Query("SELECT 1")]
    )
    #expect(answers.first.error?.isOutcomeUnknown == true)
    #expect(answers.others?.first?.error?.isOutcomeUnknown ?? true)
    #expect(!connection.isUsable)
  }

  @Test("the connection's end before the rows is an end of both")
  func terminatedBefore() async throws {
    let connection = try await Self.connection()
    let process = await connection.serverProcess
    let copy = CopyIn("COPY t (n) FROM STDIN (FORMAT binary)", patience: .seconds(60)) { _ in
      var rows = CopyRows(columns: 1)
      for number: Int64 in 1...200_000 {
        rows.beginRow()
        rows.append(int8: number)
      }
      return rows
    }
    try await connection.script(
      """
      CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_terminate_backend(\(process)); RETURN NEW; END';
      CREATE TRIGGER end_it BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION end_it();
      """
    )
    let answers = try await connection.query(
      copy,
      with: Query("SELECT 1"),
      then: [Query("SELECT 1")]
    )
    #expect(answers.first.error?.isConnectionLost == true)
    #expect(answers.others == nil)
    #expect(!connection.isUsable)
  }

  @Test("the server does not wait for ever for what comes behind the rows")
  func patience() async throws {
    let connection = try await Self.connection()
    let copy = CopyIn("COPY t (n) FROM STDIN (FORMAT binary)", patience: .seconds(7)) { _ in
      CopyRows(columns: 1)
    }
    let setting: Statement = "SELECT current_setting('idle_in_transaction_session_timeout')"
    let answers = try await connection.query(copy, with: Query(setting), then: [Query(setting)])
    #expect(try answers.first.get().one().text(0) == "7s")
    #expect(try answers.others?.first?.get().one().text(0) == "0")
  }

  @Test("a transaction cannot run within another one")
  func transaction() async throws {
    let connection = try await Self.connection()
    _ = try await connection.query("BEGIN")
    let error = await failure { () throws(PostgresError) in
      _ = try await connection.query(Self.copy([1]), with: Query("SELECT 1"), then: [])
    }
    #expect(error?.code == .unsupported)
  }

  @Test("no value shows when rows are described")
  func silent() {
    var rows = CopyRows(columns: 1)
    rows.beginRow()
    rows.append(text: "SECRET")
    var dumped = ""
    dump(rows, to: &dumped)
    #expect(!"\(rows) \(String(reflecting: rows)) \(dumped)".contains("SECRET"))
  }

  private static func connection() async throws -> Connection {
    let connection = try await TestServer.connection()
    try await connection.script(
      """
      CREATE TABLE t
        (n bigint UNIQUE, u uuid, s text, j jsonb, m timestamptz, late timestamptz)
      """
    )
    return connection
  }

  private static func copy(_ numbers: [Int64]) -> CopyIn {
    CopyIn("COPY t (n) FROM STDIN (FORMAT binary)", patience: .seconds(60)) { _ in
      var rows = CopyRows(columns: 1)
      for number in numbers {
        rows.beginRow()
        rows.append(int8: number)
      }
      return rows
    }
  }
}
