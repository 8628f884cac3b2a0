/// Waiting for what gives no signal: what the stand-in has seen, what a killed process leaves behind.
enum Patience {
  /// Looks again and again until it is true, or until the test is cancelled.
  static func until(_ isTrue: @Sendable () async throws -> Bool) async throws {
    while try await !isTrue() {
      try await ContinuousClock().sleep(for: .milliseconds(10))
    }
  }
}
