import Backstage
import Foundation
import LocalPostgres
import Testing

@Suite("A log that cannot be written", .timeLimit(Patience.limit))
struct UnreadLogTests {
  @Test("nobody reads the log: jobs run, health is answered, and SIGTERM ends the daemon with 0")
  func unread() async throws {
    let (reading, writing) = try Spawn.pipe()
    defer {
      close(reading)
      close(writing)
    }
    try Self.fill(writing)
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.codemint(
        ["run"],
        ["CODEMINT_HTTP_LISTEN": web.address, "CODEMINT_LOG_LEVEL": "trace"],
        errors: writing
      )
      try await stage.database.insert(Job(Reward.first, 1200))
      try await stage.database.allEnded()
      #expect(try await web.get("/healthz").status == 200)
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      #expect(try await stage.database.unsound() == [])
    }
  }

  @Test("nobody reads the log, and the daemon may not start: it ends with its status all the same")
  func refusedStart() async throws {
    let (reading, writing) = try Spawn.pipe()
    defer {
      close(reading)
      close(writing)
    }
    try Self.fill(writing)
    try await Stage.play(.empty) { stage in
      let daemon = try stage.codemint(["run"], errors: writing)
      #expect(try await daemon.end() == .status(78))
    }
  }

  @Test(
    "standard input, output and error that are closed are opened on /dev/null, and nothing else is"
  )
  func closed() async throws {
    try await Stage.play { stage in
      let daemon = try stage.codemint(
        ["-c", #"exec "$0" run <&- >&- 2>&-"#, Binary.path],
        ["CODEMINT_LOG_LEVEL": "trace"],
        program: "/bin/sh"
      )
      try await stage.database.insert(Job(Reward.first, 700))
      try await stage.database.allEnded()
      for number in 0...2 {
        let file = try FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/\(daemon.process)/fd/\(number)"
        )
        #expect(file == "/dev/null")
      }
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      #expect(try await stage.database.unsound() == [])
    }
  }

  /// Writes into a pipe until it takes no more.
  static func fill(_ descriptor: Int32) throws {
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)
    while write(descriptor, bytes, bytes.count) > 0 {}
    // Whoever writes next has to wait.
    _ = fcntl(descriptor, F_SETFL, 0)
  }
}
