import Provisioning
import Synchronization

/// Whether this daemon works, for `/healthz` and `/readyz`.
final class Health: Sendable {
  private struct State {
    var lastProgress: Instant?
    var isDraining = false
  }

  private let state = Mutex(State())
  private let clock = SystemClock()
  /// The longest time between two rounds of the dispatcher; after that it is taken to hang.
  private static let patience: Duration = .seconds(30)

  /// The dispatcher has completed a round.
  func progress() {
    let now = clock.now
    state.withLock { $0.lastProgress = now }
  }

  /// The daemon has begun to drain.
  func drains() {
    state.withLock { $0.isDraining = true }
  }

  /// Why the process should be restarted; nil if it should not. A daemon that waits for its database
  /// is healthy, because a restart would not help.
  var illness: String? {
    let now = clock.now
    return state.withLock { state in
      guard let last = state.lastProgress, now - last > Self.patience, !state.isDraining else {
        return nil
      }
      return "the dispatcher has made no progress for \((now - last).milliseconds / 1000) seconds"
    }
  }

  /// Why the daemon does not work on jobs at the moment; nil if it does.
  var unreadiness: String? {
    if let illness { return illness }
    return state.withLock { state in
      if state.isDraining { return "draining" }
      return state.lastProgress == nil ? "waiting for the database" : nil
    }
  }
}
