import Logging
import Provisioning
import Synchronization

/// Whether the database answers, said once when it stops and once when it is back.
final class OutageRecord: Sendable {
  private struct State {
    var failures = 0
    var isSuperseded = false
    /// Until then further failures are the same one, met by another service.
    var countedUntil: Instant?
  }

  private let state = Mutex(State())
  private let logger: Logger
  private let meters: WorkerMeters
  private let clock: any WorkerClock
  private let signals: Signals

  init(logger: Logger, meters: WorkerMeters, clock: any WorkerClock, signals: Signals) {
    self.logger = logger
    self.meters = meters
    self.clock = clock
    self.signals = signals
  }

  /// Notes that the database did not do what it was asked. Services that fail side by side have met
  /// one failure, or a short outage would make all of them pause as after a long one. That it has the
  /// functions of another version is no failure: this worker then drains.
  /// - Returns: How often in a row it has not; 1 at least.
  func failed(_ error: StoreError) -> Int {
    if error.code == .superseded {
      supersede(error)
      return 1
    }
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

  /// Whether the ledger has the functions of another version, so that this worker drains.
  var isSuperseded: Bool { state.withLock { $0.isSuperseded } }

  private func supersede(_ error: StoreError) {
    let isFirst = state.withLock { state in
      guard !state.isSuperseded else { return false }
      state = State(isSuperseded: true)
      return true
    }
    guard isFirst else { return }
    logger.warning(
      "the database has the functions of another version of codemint; draining",
      metadata: ["error": "\(error)"]
    )
    signals.beginDrain()
  }

  /// Notes that the database answered. While a superseded worker drains, some statements are refused
  /// and others are not: all of that is one failure.
  func succeeded() {
    let before = state.withLock { state in
      guard !state.isSuperseded else { return 0 }
      defer { state = State() }
      return state.failures
    }
    if before > 0 {
      logger.notice("the database answers again", metadata: ["failures": "\(before)"])
    }
  }
}
