/// A worker's own clock. Monotonic, and it counts the time that the machine is suspended, since a
/// lease runs out during a suspension too (protocol, rule 3).
public protocol WorkerClock: Sendable {
  /// The present instant.
  var now: Instant { get }

  /// Returns at the instant or soon after it.
  ///
  /// - Throws: `CancellationError` if the task is cancelled first.
  func sleep(until instant: Instant) async throws(CancellationError)
}
