import Postgres
import TestSupport
import Testing

@Suite("values on their way to the server and back")
struct RoundTripTests {
  @Test("numbers keep their extremes")
  func numbers() async throws {
    let connection = try await TestServer.connection()
    let row = try await connection.query(
      """
      SELECT $1 AS small, $2 AS smaller, $3 AS normal, $4 AS big, $5 AS bigger, $6 AS real,
             1.5::real AS short, 7::oid AS oid
      """,
      [
        .int2(.min), .int2(.max), .int4(.min), .int8(.min), .int8(.max),
        .float8(-.greatestFiniteMagnitude),
      ]
    ).one()
    #expect(try row.integer("small") == Int(Int16.min))
    #expect(try row.integer("smaller") == Int(Int16.max))
    #expect(try row.int64("big") == .min)
    #expect(try row.int64("bigger") == .max)
    #expect(try row.double("real") == -.greatestFiniteMagnitude)
    #expect(try row.double("short") == 1.5)
    #expect(try row.integer("normal") == Int(Int32.min))
    #expect(try row.integer("bigger") == .max)
    #expect(try row.integer("oid") == 7)
  }

  @Test("not a number and infinity are doubles too")
  func doubles() async throws {
    let connection = try await TestServer.connection()
    let row = try await connection.query("SELECT $1, $2", [.float8(.nan), .float8(.infinity)]).one()
    #expect(try row.double(0).isNaN)
    #expect(try row.double(1) == .infinity)
  }

  @Test(
    "text is itself",
    arguments: ["", "plain", "naïve ☕ 👩‍👩‍👧 \u{10FFFF}", "quote ' and \\ and \n", "$1; DROP"]
  )
  func text(_ text: String) async throws {
    let connection = try await TestServer.connection()
    let row = try await connection.query(
      "SELECT $1::text AS t, $1::varchar(100) AS v, octet_length($1) AS size",
      [.text(text)]
    ).one()
    #expect(try row.text("t") == text)
    #expect(try row.text("v") == text)
    #expect(try row.integer("size") == text.utf8.count)
  }

  @Test("enumerations and names read as text")
  func enumerations() async throws {
    let connection = try await TestServer.connection()
    try await connection.script("CREATE TYPE mood AS ENUM ('glad', 'sad')")
    let row = try await connection.query("SELECT 'glad'::mood, current_user").one()
    #expect(try row.text(0) == "glad")
    #expect(try row.text(1) == "postgres")
  }

  @Test("a uuid's first byte is the number's most significant")
  func uuids() async throws {
    let connection = try await TestServer.connection()
    let number: UInt128 = 0x3c90_c3cc_0d44_4b50_8888_8dd2_5736_052a
    let row = try await connection.query(
      "SELECT $1 AS id, $1::text AS words, $2 AS least, $3 AS most",
      [.uuid(number), .uuid(.min), .uuid(.max)]
    ).one()
    #expect(try row.uuid("id") == number)
    #expect(try row.text("words") == "3c90c3cc-0d44-4b50-8888-8dd25736052a")
    #expect(try row.uuid("least") == .min)
    #expect(try row.uuid("most") == .max)
  }

  @Test("booleans, bytes and JSON are themselves")
  func others() async throws {
    let connection = try await TestServer.connection()
    let bytes = [UInt8](0...255)
    let row = try await connection.query(
      """
      SELECT $1 AS yes, $2 AS no, encode($3, 'hex') AS bytes, encode($4, 'hex') AS empty,
             $5::text AS json
      """,
      [
        .bool(true), .bool(false), .bytea(bytes), .bytea([]), .jsonb(text: #"{"a": "ü"}"#),
      ]
    ).one()
    #expect(try row.bool("yes"))
    #expect(try !row.bool("no"))
    let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(try row.text("bytes") == digits)
    #expect(try row.text("empty") == "")
    #expect(try row.text("json") == #"{"a": "ü"}"#)
  }

  @Test("times count microseconds since 1970, infinity included")
  func times() async throws {
    let connection = try await TestServer.connection()
    let micros: Int64 = 1_767_225_600_123_456
    let row = try await connection.query(
      """
      SELECT $1 AS t, to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS words,
             $2 AS never, $3 AS always, $4 AS old, 'epoch'::timestamptz AS epoch
      """,
      [
        .timestamptz(microsecondsSinceUnixEpoch: micros),
        .timestamptz(microsecondsSinceUnixEpoch: .max),
        .timestamptz(microsecondsSinceUnixEpoch: .min),
        .timestamptz(microsecondsSinceUnixEpoch: -1),
      ]
    ).one()
    #expect(try row.timestamptz("t") == micros)
    #expect(try row.text("words") == "2026-01-01 00:00:00.123456")
    #expect(try row.timestamptz("never") == .max)
    #expect(try row.timestamptz("always") == .min)
    #expect(try row.timestamptz("old") == -1)
    #expect(try row.timestamptz("epoch") == 0)
  }

  @Test("a time that no calendar holds is refused for its content, not taken for infinity")
  func impossibleTime() async throws {
    let connection = try await TestServer.connection()
    let error = await failure { () throws(PostgresError) in
      try await connection.query(
        "SELECT $1",
        [.timestamptz(microsecondsSinceUnixEpoch: .min + 1)]
      )
    }
    #expect(error?.isContentRefused == true)
  }

  @Test("an interval is a duration in microseconds")
  func intervals() async throws {
    let connection = try await TestServer.connection()
    let row = try await connection.query(
      "SELECT (extract(epoch FROM $1) * 1000000)::bigint",
      [.interval(.microseconds(90_000_001))]
    ).one()
    #expect(try row.int64(0) == 90_000_001)
  }

  @Test("every type has its null")
  func nulls() async throws {
    let connection = try await TestServer.connection()
    let row = try await connection.query(
      """
      SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f, $7 AS g, $8 IS NULL AS h,
             $9 IS NULL AS i, $10 AS j, $11 IS NULL AS k, $12::int AS l
      """,
      [
        .int2(nil), .int4(nil), .int8(nil), .bool(nil), .float8(nil), .text(nil), .uuid(nil),
        .bytea(nil), .jsonb(nil), .timestamptz(microsecondsSinceUnixEpoch: nil), .interval(nil),
        .null,
      ]
    ).one()
    #expect(try row.optionalInteger("a") == nil)
    #expect(try row.optionalInteger("b") == nil)
    #expect(try row.optionalInt64("c") == nil)
    #expect(try row.optionalBool("d") == nil)
    #expect(try row.optionalDouble("e") == nil)
    #expect(try row.optionalText("f") == nil)
    #expect(try row.optionalUuid("g") == nil)
    #expect(try row.bool("h") && row.bool("i") && row.bool("k"))
    #expect(try row.optionalTimestamptz("j") == nil)
    #expect(try row.optionalInteger("l") == nil)
    let error = await failure { () throws(PostgresError) in try row.int64("c") }
    #expect(error?.code == .unexpectedResult)
    #expect(error?.description.contains("\"c\" is null") == true)
  }

  @Test("a wrong type and a missing column are named, and the value is not shown")
  func wrongType() async throws {
    let connection = try await TestServer.connection()
    let row = try await connection.query("SELECT 'sesame'::text AS word").one()
    let wrong = await failure { () throws(PostgresError) in try row.int64("word") }
    #expect(wrong?.description.contains("\"word\"") == true)
    #expect(wrong?.description.contains("sesame") == false)
    let missing = await failure { () throws(PostgresError) in try row.text("ward") }
    #expect(missing?.description.contains("no column \"ward\"") == true)
    let outside = await failure { () throws(PostgresError) in try row.text(1) }
    #expect(outside?.description.contains("no column number 1") == true)
  }

  @Test("rows are collected and asked for one by one")
  func rows() async throws {
    let connection = try await TestServer.connection()
    let rows = try await connection.query("SELECT n FROM generate_series(1, 3) AS n")
    #expect(try rows.map { try $0.integer("n") } == [1, 2, 3])
    #expect(await failure { () throws(PostgresError) in try rows.one() }?.code == .unexpectedResult)
    let none = try await connection.query("SELECT 1 WHERE false")
    #expect(none.isEmpty)
  }

  @Test("notices come with the statement that they belong to")
  func notices() async throws {
    let connection = try await TestServer.connection()
    let rows = try await connection.query("ROLLBACK")
    #expect(rows.hasWarning)
    #expect(rows.notices.map(\.sqlState) == ["25P01"])
    #expect(try await connection.query("SELECT 1").notices.isEmpty)
    let notices = try await connection.script("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    #expect(notices.map(\.message) == ["hello"])
    #expect(notices.map(\.isWarning) == [false])
  }
}
