import Foundation
import LocalPostgres
import Sandbox
import Testing

@Suite("Settings read again", .timeLimit(Patience.limit))
struct ReloadTests {
  @Test("SIGHUP takes over limits and log level; a wrong file is refused and changes nothing")
  func reload() async throws {
    try await Stage.play { stage in
      let file = stage.directory + "/codemint.yaml"
      func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
      }
      func rate() async throws -> Int {
        try await stage.database.number("SELECT requests_per_second::bigint FROM codemint.account")
      }
      try write("limits:\n  requests_per_second: 7\nlog:\n  level: debug\n")
      let daemon = try stage.daemon([
        "CODEMINT_CONFIG": file, "CODEMINT_LIMITS_REQUESTS_PER_SECOND": nil,
      ])
      try await daemon.errors.line("SIGHUP reads limits and log level")
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.account WHERE requests_per_second = 7)"
      )
      try write("limits:\n  requests_per_second: 9\nlog:\n  level: info\n")
      daemon.send(SIGHUP)
      try await daemon.errors.line("limits and log level read again")
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.account WHERE requests_per_second = 9)"
      )
      try write("limits:\n  requests_per_second: many\n")
      daemon.send(SIGHUP)
      let refusal = try await daemon.errors.line("the settings are refused")
      #expect(refusal.contains("limits.requests_per_second"))
      #expect(try await rate() == 9)

      // A heartbeat puts in force what an operator sets.
      try await stage.database.run("SELECT codemint.set_limits(requests_per_second => 30)")
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.account WHERE requests_per_second = 30)"
      )
      try await stage.database.insert(Job(Reward.first, 1200))
      try await stage.database.allEnded()
      #expect(try await rate() == 30)
      #expect(try await stage.count() == Stage.Count(stored: 1200, distinct: 1200, made: 1200))
    }
  }
}
