import Foundation
import LocalPostgres
import Testing

/// Waiting for what gives no signal: what the stand-in has seen, what a killed process leaves behind.
enum Patience {
  /// How long a test may take, and wait for its turn before: `scripts/sanitize` and `scripts/sync-soak`
  /// give it longer.
  static let limit = TimeLimitTrait.Duration.minutes(
    ProcessInfo.processInfo.environment["CODEMINT_TEST_MINUTES"].flatMap(Int.init) ?? 15
  )

  /// Looks again and again until it is true, or until the test is cancelled.
  static func until(_ isTrue: @Sendable () async throws -> Bool) async throws {
    while try await !isTrue() {
      try await ContinuousClock().sleep(for: .milliseconds(10))
    }
  }
}

/// For looking at what a command has started.
extension ProcessTable {
  /// A process, and what it was started with.
  struct Entry: Sendable {
    let process: pid_t
    let arguments: [String]
  }

  /// The children of a process, their children and so on.
  static func descendants(of ancestor: pid_t) -> [Entry] {
    var parents: [pid_t: pid_t] = [:]
    for process in all {
      parents[process] = parent(of: process)
    }
    return parents.keys.filter { process in
      var next = parents[process]
      while let parent = next, parent != ancestor { next = parents[parent] }
      return next == ancestor
    }.map { Entry(process: $0, arguments: arguments(of: $0)) }
  }

  private static func arguments(of process: pid_t) -> [String] {
    let content = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
    return content.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }
}
