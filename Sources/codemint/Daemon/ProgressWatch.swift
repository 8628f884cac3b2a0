import Logging
import Provisioning
import Synchronization

/// Feeds systemd's watchdog from the dispatcher's progress and from nothing else. systemd must kill a
/// daemon whose dispatcher hangs before its leases are over.
final class ProgressWatch: Sendable {
  private let manager: ServiceManager
  private let logger: Logger
  private let clock = SystemClock()
  private let lastTold = Mutex(Instant(nanoseconds: .min / 2))
  private let isDeaf = Mutex(false)
  private let interval: Duration

  /// How often the dispatcher has to report progress: at least four times in the watchdog's time.
  let progressInterval: Duration

  init(_ manager: ServiceManager, logger: Logger) {
    self.manager = manager
    self.logger = logger
    let patience = manager.watchdog ?? .seconds(8)
    interval = patience / 8
    progressInterval = min(.seconds(2), patience / 4)
  }

  /// Reports progress to the watchdog, if that is due.
  func progress() {
    guard manager.watchdog != nil else { return }
    let now = clock.now
    let isDue = lastTold.withLock { lastTold in
      guard now - lastTold >= interval else { return false }
      lastTold = now
      return true
    }
    if isDue { tell(.alive) }
  }

  /// Tells the service manager something. A failure does not stop the daemon; it is logged when it begins, and
  /// when it is over.
  func tell(_ message: ServiceMessage) {
    let failure: ServiceManagerError?
    do throws(ServiceManagerError) {
      try manager.tell(message)
      failure = nil
    } catch {
      failure = error
    }
    let wasDeaf = isDeaf.withLock { isDeaf in
      defer { isDeaf = failure != nil }
      return isDeaf
    }
    if let failure, !wasDeaf {
      logger.warning("cannot tell the service manager", metadata: ["error": "\(failure)"])
    } else if failure == nil, wasDeaf {
      logger.notice("the service manager listens again")
    }
  }
}
