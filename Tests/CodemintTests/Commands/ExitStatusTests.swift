import Postgres
import Testing

@testable import codemint

@Suite("Exit statuses of failures of the database")
struct ExitStatusTests {
  private static func status(_ sqlState: String?, _ code: PostgresError.Code = .server)
    -> codemint.ExitStatus
  {
    var error = PostgresError(code, "why")
    error.sqlState = sqlState
    return Failure.status(of: error)
  }

  @Test(
    "a state that passes is 75",
    arguments: [
      "25006", "25P03", "40001", "40P01", "53100", "53300", "55006", "55P03", "57014", "57P01",
      "57P03", "08006",
    ]
  )
  func passing(sqlState: String) {
    #expect(Self.status(sqlState) == .temporaryFailure)
  }

  @Test("a refused login and a missing privilege are 77, a missing database 78, bad input 65")
  func lasting() {
    #expect(Self.status("28P01", .connectFailed) == .noPermission)
    #expect(Self.status("28000", .connectFailed) == .noPermission)
    #expect(Self.status("42501") == .noPermission)
    #expect(Self.status("3D000", .connectFailed) == .config)
    #expect(Self.status("23514") == .data && Self.status("22P02") == .data)
    #expect(Self.status("42601") == .software && Self.status("XX000") == .software)
  }

  @Test("a server that cannot be reached is 75, wrong settings are 78")
  func connections() {
    #expect(Self.status(nil, .connectFailed) == .temporaryFailure)
    #expect(Self.status(nil, .connectionLost) == .temporaryFailure)
    #expect(Self.status(nil, .deadlineExceeded) == .temporaryFailure)
    #expect(Self.status(nil, .invalidSettings) == .config)
    #expect(Self.status(nil, .unexpectedResult) == .software)
  }

  @Test(
    "with --json an error is one object on one line, with the status, the message and what helps"
  )
  func json() throws {
    var error = PostgresError(.connectFailed, "FATAL: no \u{1B}")
    error.sqlState = "3D000"
    let failure = Failure(error, arguments: ["codemint", "status", "--json"])
    let line = try FileDescriptor.jsonLine(failure.report(78))
    #expect(
      line == #"""
        {"error":{"message":"the database does not exist (SQLSTATE 3D000): FATAL: no \u001b",\#
        "remedy":"create the database, or correct its name in the URL","sqlstate":"3D000","status":78}}
        """#
    )
    let other = Failure(OutputError.failed("the disk is full"), arguments: ["codemint", "--json"])
    #expect(
      try FileDescriptor.jsonLine(other.report(74))
        == #"{"error":{"message":"the disk is full","remedy":null,"sqlstate":null,"status":74}}"#
    )
  }
}
