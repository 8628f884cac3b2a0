import LocalPostgres
import Postgres
import TestSupport
import Testing

@Suite("TLS with sslmode=verify-full")
struct TLSTests {
  @Test("the right authority and name are let in; a wrong one of either is not")
  func verification() async throws {
    let certificates = try Certificates()
    try certificates.makeAuthority("right")
    try certificates.makeAuthority("wrong")
    try certificates.makeServer(by: "right")
    try await TestServer.withOwn(certificates.options) { server in
      let connection = try await Connection.open(
        ConnectionSettings(certificates.url(of: server, host: "localhost", authority: "right"))
      )
      #expect(await connection.usesTLS)
      #expect(try await connection.query("SELECT 1").count == 1)

      let stranger = await failure { () throws(PostgresError) in
        try await Connection.open(
          ConnectionSettings(certificates.url(of: server, host: "localhost", authority: "wrong"))
        )
      }
      #expect(stranger?.code == .connectFailed)
      #expect(stranger?.description.contains("certificate verify failed") == true)

      let renamed = await failure { () throws(PostgresError) in
        try await Connection.open(
          ConnectionSettings(certificates.url(of: server, host: "elsewhere", authority: "right"))
        )
      }
      #expect(renamed?.code == .connectFailed)
      #expect(renamed?.description.contains("does not match host name") == true)
    }
  }

  @Test("a server without TLS is refused rather than spoken to in the clear")
  func plain() async throws {
    let server = try await TestServer.shared()
    let error = await failure { () throws(PostgresError) in
      try await Connection.open(ConnectionSettings(server.url(over: .tcp) + "?sslmode=require"))
    }
    #expect(error?.code == .connectFailed)
  }

  @Test("a statement's deadline holds through TLS")
  func deadline() async throws {
    try await Certificates.withServer { settings in
      let connection = try await Connection.open(settings)
      let error = await failure { () throws(PostgresError) in
        try await connection.query("SELECT pg_sleep(3600)", deadline: .milliseconds(50))
      }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test("a large answer arrives whole")
  func large() async throws {
    try await Certificates.withServer { settings in
      let connection = try await Connection.open(settings)
      let row = try await connection.query("SELECT repeat('é', 1000000)").one()
      #expect(try row.text(0).utf8.count == 2_000_000)
    }
  }
}
