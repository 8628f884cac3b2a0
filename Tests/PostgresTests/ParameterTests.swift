import Postgres
import TestSupport
import Testing

@Suite("arrays on their way to the server")
struct ArrayTests {
  @Test("every element arrives in its place, nulls included")
  func elements() async throws {
    let connection = try await TestServer.connection()
    let rows = try await connection.query(
      """
      SELECT * FROM unnest($1, $2, $3, $4) AS t (big, small, word, id)
      """,
      [
        .int8s([.min, nil, .max]), .int4s([1, nil, -1]), .texts(["é", nil, ""]),
        .uuids([1, nil, .max]),
      ]
    )
    #expect(try rows.map { try $0.optionalInt64("big") } == [.min, nil, .max])
    #expect(try rows.map { try $0.optionalInteger("small") } == [1, nil, -1])
    #expect(try rows.map { try $0.optionalText("word") } == ["é", nil, ""])
    #expect(try rows.map { try $0.optionalUuid("id") } == [1, nil, .max])
  }

  @Test("an empty array is empty, not null")
  func empty() async throws {
    let connection = try await TestServer.connection()
    let row = try await connection.query(
      "SELECT cardinality($1) + cardinality($2) + cardinality($3) + cardinality($4)",
      [.int8s([]), .int4s([]), .texts([]), .uuids([])]
    ).one()
    #expect(try row.integer(0) == 0)
  }

  @Test("five hundred elements arrive at once")
  func many() async throws {
    let connection = try await TestServer.connection()
    let ids = (0..<500).map { UInt128($0) << 64 }
    let row = try await connection.query(
      "SELECT count(DISTINCT id), count(DISTINCT word) FROM unnest($1, $2) AS t (id, word)",
      [.uuids(ids), .texts((0..<500).map { "CODE-\($0)" })]
    ).one()
    #expect(try row.int64(0) == 500)
    #expect(try row.int64(1) == 500)
  }
}

@Suite("composites on their way to the server")
struct CompositeTests {
  @Test("every field arrives in its place, nulls included")
  func fields() async throws {
    let connection = try await Self.connection()
    let rows = try await connection.query(
      "SELECT *, doc::text AS doc_text FROM unnest_codes($1)",
      [
        .composites([
          Self.code(1, "É", #"{"a": 1}"#, mood: "glad"),
          [
            .uuid(nil), .text(nil), .jsonb(nil), .timestamptz(microsecondsSinceUnixEpoch: nil),
            .bool(nil), .null, .null,
          ],
        ])
      ]
    )
    #expect(try rows.map { try $0.optionalUuid("id") } == [1, nil])
    #expect(try rows.map { try $0.optionalText("code") } == ["É", nil])
    #expect(try rows.map { try $0.optionalText("doc_text") } == [#"{"a": 1}"#, nil])
    #expect(try rows.map { try $0.optionalTimestamptz("at") } == [0, nil])
    #expect(try rows.map { try $0.optionalBool("known") } == [true, nil])
    #expect(try rows.map { try $0.optionalText("mood") } == ["glad", nil])
    #expect(try rows.map { try $0.optionalText("short") } == ["brief", nil])
  }

  @Test("no composites are an empty array, not null")
  func empty() async throws {
    let connection = try await Self.connection()
    let row = try await connection.query(
      "SELECT count_codes($1) AS none, count_codes($2) AS null",
      [.composites([]), .null]
    ).one()
    #expect(try row.optionalInteger("none") == 0)
    #expect(try row.optionalInteger("null") == nil)
  }

  @Test("a composite may be null, which is another thing than one of nulls")
  func null() async throws {
    let connection = try await Self.connection()
    let row = try await connection.query(
      "SELECT pair_text($1) AS none, pair_text($2) AS nulls, pair_text($3) AS some",
      [
        .composite(nil), .composite([.int8(nil), .text(nil)]), .composite([.int8(-7), .text("")]),
      ]
    ).one()
    #expect(try row.optionalText("none") == nil)
    #expect(try row.optionalText("nulls") == "(,)")
    #expect(try row.optionalText("some") == #"(-7,"")"#)
  }

  @Test("composites nest: one within another, and arrays of them within each")
  func nested() async throws {
    let connection = try await Self.connection()
    let row = try await connection.query(
      """
      SELECT (s).name AS name, ((s).best).word AS best, cardinality((s).pairs) AS pairs,
             ((s).pairs)[2].n AS second, cardinality((s).ids) AS ids, cardinality(none.pairs) AS none,
             none.best IS NULL AS alone
      FROM (SELECT keep_shelves($1) AS all) AS kept,
           LATERAL (SELECT kept.all[1] AS s) AS first,
           LATERAL unnest(kept.all[2:2]) AS none
      """,
      [
        .composites([
          [
            .text("first"), .composite([.int8(1), .text("one")]),
            .composites([[.int8(2), .text("two")], [.int8(3), .text(nil)]]), .uuids([1, nil, 3]),
          ],
          [.text("second"), .composite(nil), .composites([]), .uuids([])],
        ])
      ]
    ).one()
    #expect(try row.text("name") == "first")
    #expect(try row.text("best") == "one")
    #expect(try row.integer("pairs") == 2)
    #expect(try row.int64("second") == 3)
    #expect(try row.integer("ids") == 3)
    #expect(try row.integer("none") == 0)
    #expect(try row.bool("alone"))
  }

  @Test("five hundred composites arrive at once, in their order")
  func many() async throws {
    let connection = try await Self.connection()
    let rows = try await connection.query(
      "SELECT id, code FROM unnest_codes($1) WITH ORDINALITY ORDER BY ordinality",
      [.composites((0..<500).map { Self.code(UInt128($0) << 64, "CODE-\($0)", "{}", mood: nil) })]
    )
    #expect(try rows.map { try $0.uuid("id") } == (0..<500).map { UInt128($0) << 64 })
    #expect(try rows.map { try $0.text("code") } == (0..<500).map { "CODE-\($0)" })
  }

  @Test("a field of the wrong type or number is refused, and no value is shown")
  func wrong() async throws {
    let connection = try await Self.connection()
    let type = await failure { () throws(PostgresError) in
      try await connection.query(
        "SELECT pair_text($1)",
        [.composite([.text("sesame"), .text("")])]
      )
    }
    #expect(type?.sqlState == "42804")
    let number = await failure { () throws(PostgresError) in
      try await connection.query("SELECT pair_text($1)", [.composite([.int8(1)])])
    }
    #expect(number?.sqlState == "42804")
    let content = Parameter.composite([.text("sesame")])
    #expect(!"\(content) \(String(reflecting: content))".contains("sesame"))
    #expect(connection.isUsable)
  }

  private static func code(_ id: UInt128, _ code: String, _ doc: String, mood: String?)
    -> [Parameter]
  {
    [
      .uuid(id), .text(code), .jsonb(text: doc), .timestamptz(microsecondsSinceUnixEpoch: 0),
      .bool(true), .text(mood), .text("brief"),
    ]
  }

  private static func connection() async throws -> Connection {
    let connection = try await TestServer.connection()
    try await connection.script(
      """
      CREATE TYPE mood AS ENUM ('glad', 'sad');
      CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
      CREATE TYPE received AS (
        id uuid, code text, doc jsonb, at timestamptz, known boolean, mood mood, short short);
      CREATE TYPE pair AS (n bigint, word text);
      CREATE TYPE shelf AS (name text, best pair, pairs pair[], ids uuid[]);
      CREATE FUNCTION unnest_codes(received[]) RETURNS SETOF received LANGUAGE sql
        AS 'SELECT * FROM unnest($1)';
      CREATE FUNCTION count_codes(received[]) RETURNS integer LANGUAGE sql
        AS 'SELECT cardinality($1)';
      CREATE FUNCTION pair_text(pair) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
      CREATE FUNCTION keep_shelves(shelf[]) RETURNS shelf[] LANGUAGE sql AS 'SELECT $1';
      """
    )
    return connection
  }
}
