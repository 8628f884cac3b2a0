import Backstage
import Foundation
import LocalPostgres
import Testing

@Suite("codemint demo", .timeLimit(Patience.limit))
struct DemoTests {
  @Test("it ends with status 0 and three equal numbers, and leaves nothing behind")
  func succeeds() async throws {
    try await Self.watch { demo in
      let ending = try await demo.end()
      #expect(ending == .status(0))
      // 2,000 and 1,200 and 10 and 1 and 750; the job of a hundred is for a reward that is not there.
      #expect(Self.numbers(demo.output.all) == ["3961", "3961", "3961"])
      #expect(demo.output.count("job 5: failed") == 1)
    }
  }

  @Test("interrupted in the middle, it drains, ends with status 0 and leaves nothing behind")
  func interrupted() async throws {
    try await Self.watch { demo in
      try await demo.output.line("running")
      demo.send(SIGINT)
      #expect(try await demo.end() == .status(0))
      #expect(demo.output.count("interrupted; draining") == 1)
    }
  }

  @Test("killed in the middle, it leaves nothing behind either")
  func killed() async throws {
    try await Self.watch { demo in
      try await demo.output.line("running")
      demo.send(SIGKILL)
      #expect(try await demo.end() == .signal(SIGKILL))
    }
  }

  /// What a demo says that it has counted.
  private static func numbers(_ lines: [String]) -> [String] {
    ["codes in the database", "distinct ids among them", "codes that the API has made"]
      .map { text in
        let line = lines.last { $0.hasPrefix(text) }
        return line?.split(separator: " ").last.map(String.init) ?? "none"
      }
  }

  /// Runs a demo, notes what it starts and where, and waits until all of that is gone.
  private static func watch(_ body: @Sendable (CodemintProcess) async throws -> Void) async throws {
    let path = ProcessInfo.processInfo.environment["PATH"]
    let demo = try CodemintProcess(
      ["demo", "--codes", "2000", "--requests-per-second", "50"],
      environment: path.map { ["PATH": $0] } ?? [:]
    )
    do {
      try await demo.output.line("created the schema")
      let started = ProcessTable.descendants(of: demo.process)
      let directory = try #require(
        started.lazy.flatMap(\.arguments).first { $0.hasSuffix("/data") }
      ).dropLast("/data".count)
      #expect(FileManager.default.fileExists(atPath: String(directory)))
      #expect(started.count >= 3)

      try await body(demo)
      try await Patience.until {
        !started.contains { ProcessTable.isAlive($0.process) }
          && !FileManager.default.fileExists(atPath: String(directory))
      }
    } catch {
      await demo.bury()
      throw error
    }
  }
}
