import Logging
import Provisioning
import Synchronization

/// Whether the database answers, said once when it stops and once when it is back.
final class OutageRecord: Sendable {
  private let failures = Mutex(0)
  private let logger: Logger

  private let meters: WorkerMeters

  init(logger: Logger, meters: WorkerMeters) {
    self.logger = logger
    self.meters = meters
  }

  /// Notes that the database did not do what it was asked.
  /// - Returns: How often in a row it has not.
  func failed(_ error: StoreError) -> Int {
    meters.databaseFailed()
    let count = failures.withLock { failures in
      failures += 1
      return failures
    }
    if count == 1 {
      let message: Logger.Message =
        error.code == .failed
        ? "the database refuses; trying until somebody has mended it"
        : "the database does not answer; trying until it does"
      logger.warning(message, metadata: ["error": "\(error)"])
    }
    return count
  }

  /// Notes that it did.
  func succeeded() {
    let before = failures.withLock { failures in
      defer { failures = 0 }
      return failures
    }
    if before > 0 {
      logger.notice("the database answers again", metadata: ["failures": "\(before)"])
    }
  }
}
