import LocalPostgres
import Postgres
import Testing

@Suite
struct SmokeTests {
  @Test func smoke() async throws {
    let server = try await LocalPostgres.start()
    let connection = try await Connection.open(ConnectionSettings(server.url(over: .tcp)))
    let rows = try await connection.query("SELECT $1::bigint + 1 AS n", [.int8(41)])
    #expect(try rows.one().int64("n") == 42)
    try await server.remove()
  }
}
