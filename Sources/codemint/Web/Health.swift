import Provisioning
import Synchronization

/// Whether this daemon works, for those who ask over HTTP.
final class Health: Sendable {
  private struct State {
    var lastProgress: Instant?
    var isDraining = false
  }

  private let state = Mutex(State())
  private let clock = SystemClock()
  /// How long the dispatcher may take to go round; after that it hangs.
  private static let patience: Duration = .seconds(30)

  /// The dispatcher has gone round.
  func progress() {
    let now = clock.now
    state.withLock { $0.lastProgress = now }
  }

  /// The daemon stops: it finishes what is in flight and takes nothing new.
  func drains() {
    state.withLock { $0.isDraining = true }
  }

  /// Why the process ought to be started again; nil if all is well. A daemon that has yet to get to
  /// its database is well: starting it again would not help.
  var illness: String? {
    let now = clock.now
    return state.withLock { state in
      guard let last = state.lastProgress, now - last > Self.patience, !state.isDraining else {
        return nil
      }
      return "the dispatcher has not gone round for \((now - last).milliseconds / 1000) seconds"
    }
  }

  /// Why the daemon does not work on jobs; nil if it does.
  var unreadiness: String? {
    if let illness { return illness }
    return state.withLock { state in
      if state.isDraining { return "draining" }
      return state.lastProgress == nil ? "waiting for the database" : nil
    }
  }
}
