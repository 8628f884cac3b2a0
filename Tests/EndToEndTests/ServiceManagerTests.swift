import Foundation
import Testing

@Suite("Under a service manager", .timeLimit(Patience.limit))
struct ServiceManagerTests {
  @Test("it tells that it is ready, that it lives, and that it stops")
  func notifies() async throws {
    try await Stage.play { stage in
      let path = "\(stage.directory)/notify"
      let manager = try NotifyListener(path)
      let daemon = try stage.daemon(["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "800000"])
      try await manager.told.line("READY=1")
      try await manager.told.line("STATUS=working")
      try await manager.told.line("WATCHDOG=1", number: 4)
      try await stage.database.insert(Job(Reward.first, 30))
      try await stage.database.allEnded()
      #expect(manager.told.count("STOPPING=1") == 0)

      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      try await manager.told.line("STOPPING=1")
      #expect(manager.told.count("READY=1") == 1)
    }
  }

  @Test("key and database URL come from credentials, which are files")
  func credentials() async throws {
    try await Stage.play { stage in
      try "\(stage.key)\n".write(
        toFile: "\(stage.directory)/api-key",
        atomically: true,
        encoding: .utf8
      )
      try stage.database.passwordURL.write(
        toFile: "\(stage.directory)/database-url",
        atomically: true,
        encoding: .utf8
      )
      _ = try stage.daemon([
        "CODEMINT_API_KEY": nil, "CODEMINT_DATABASE_URL": nil,
        "CREDENTIALS_DIRECTORY": stage.directory,
      ])
      try await stage.database.insert(Job(Reward.first, 30))
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 30, distinct: 30, made: 30))
    }
  }
}
