import Postgres
import Testing

@Suite("arrays on their way to the server")
struct ArrayTests {
  @Test("every element arrives in its place, nulls included")
  func elements() async throws {
    let connection = try await TestServer.connection()
    let rows = try await connection.query(
      """
      SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
        AS t (big, small, yes, word, id, at, doc, raw)
      """,
      [
        .int8s([.min, nil, .max]), .int4s([1, nil, -1]), .bools([true, nil, false]),
        .texts(["é", nil, ""]), .uuids([1, nil, .max]),
        .timestamptzs(microsecondsSinceUnixEpoch: [0, nil, .max]),
        .jsonbs(utf8: [Array("{}".utf8), nil, Array("null".utf8)]),
        .byteas([[0, 1], nil, []]),
      ]
    )
    #expect(try rows.map { try $0.optionalInt64("big") } == [.min, nil, .max])
    #expect(try rows.map { try $0.optionalInt32("small") } == [1, nil, -1])
    #expect(try rows.map { try $0.optionalBool("yes") } == [true, nil, false])
    #expect(try rows.map { try $0.optionalText("word") } == ["é", nil, ""])
    #expect(try rows.map { try $0.optionalUuid("id") } == [1, nil, .max])
    #expect(try rows.map { try $0.optionalTimestamptz("at") } == [0, nil, .max])
    #expect(try rows.map { try $0.optionalJson("doc") } == ["{}", nil, "null"])
    #expect(try rows.map { try $0.optionalBytea("raw") } == [[0, 1], nil, []])
  }

  @Test("an empty array is empty, not null")
  func empty() async throws {
    let connection = try await TestServer.connection()
    let row = try await connection.query(
      """
      SELECT cardinality($1) + cardinality($2) + cardinality($3) + cardinality($4)
        + cardinality($5) + cardinality($6) + cardinality($7)
      """,
      [
        .int8s([]), .int4s([]), .bools([]), .texts([]), .uuids([]),
        .timestamptzs(microsecondsSinceUnixEpoch: []), .jsonbs(utf8: [[UInt8]?]()),
      ]
    ).one()
    #expect(try row.int32(0) == 0)
  }

  @Test("slices of UTF-8 make a text array like strings do")
  func slices() async throws {
    let connection = try await TestServer.connection()
    let body = Array("ab☕".utf8)
    let row = try await connection.query(
      "SELECT $1 = $2",
      [.texts(utf8: [body[0..<2], nil, body[2...]]), .texts(["ab", nil, "☕"])]
    ).one()
    #expect(try row.bool(0))
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
