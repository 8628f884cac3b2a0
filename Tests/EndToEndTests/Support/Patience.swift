import Foundation
import Testing

/// Waiting for what gives no signal: what the stand-in has seen, what a killed process leaves behind.
enum Patience {
  /// How long a test may take, and wait for its turn before: `scripts/sanitize` and `scripts/sync-soak`
  /// give it longer.
  static let limit = TimeLimitTrait.Duration.minutes(
    ProcessInfo.processInfo.environment["CODEMINT_TEST_MINUTES"].flatMap(Int.init) ?? 5
  )

  /// Looks again and again until it is true, or until the test is cancelled.
  static func until(_ isTrue: @Sendable () async throws -> Bool) async throws {
    while try await !isTrue() {
      try await ContinuousClock().sleep(for: .milliseconds(10))
    }
  }
}
