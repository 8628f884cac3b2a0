import LocalPostgres
import Testing

@Suite("a private server")
struct LocalPostgresTests {
  @Test("answers over its socket and over TCP")
  func answers() async throws {
    let server = try await LocalPostgres.start()
    #expect(try server.sql("SELECT 1") == "1")
    try await server.remove()
  }
}
