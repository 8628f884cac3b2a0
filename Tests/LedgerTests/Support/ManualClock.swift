import Provisioning
import Synchronization

/// A clock that moves only when it is told to.
final class ManualClock: WorkerClock {
  private let microseconds = Mutex(startOfTime)

  var now: Instant { Instant(nanoseconds: microseconds.withLock { $0 } * 1000) }

  func pass(_ time: Duration) {
    microseconds.withLock { $0 += time.microseconds }
  }

  /// Nobody sleeps in a store: time is moved to the instant instead.
  func sleep(until instant: Instant) async throws(CancellationError) {
    microseconds.withLock { $0 = max($0, instant.nanoseconds / 1000) }
  }
}
