import Logging
import Provisioning
import Synchronization

/// Whether the database answers, said once when it stops and once when it is back.
final class OutageRecord: Sendable {
  private struct State {
    var failures = 0
    /// Until then further failures are the same one, met by another service.
    var countedUntil: Instant?
  }

  private let state = Mutex(State())
  private let logger: Logger
  private let meters: WorkerMeters
  private let clock: any WorkerClock

  init(logger: Logger, meters: WorkerMeters, clock: any WorkerClock) {
    self.logger = logger
    self.meters = meters
    self.clock = clock
  }

  /// Notes that the database did not do what it was asked. Services that fail side by side have met
  /// one failure, or a short outage would make all of them pause as after a long one.
  /// - Returns: How often in a row it has not.
  func failed(_ error: StoreError) -> Int {
    meters.databaseFailed()
    let now = clock.now
    let (count, isFirst) = state.withLock { state in
      if let end = state.countedUntil, now < end { return (state.failures, false) }
      state.failures += 1
      state.countedUntil = now + Backoff.database.ceiling(failures: state.failures)
      return (state.failures, state.failures == 1)
    }
    if isFirst {
      let message: Logger.Message =
        error.code == .failed
        ? "the database refuses; trying until somebody has repaired it"
        : "the database does not answer; trying until it does"
      logger.warning(message, metadata: ["error": "\(error)"])
    }
    return count
  }

  /// Notes that it did.
  func succeeded() {
    let before = state.withLock { state in
      defer { state = State() }
      return state.failures
    }
    if before > 0 {
      logger.notice("the database answers again", metadata: ["failures": "\(before)"])
    }
  }
}
