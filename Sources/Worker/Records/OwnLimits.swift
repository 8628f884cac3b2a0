import Provisioning
import Synchronization

/// The limits that this worker brings; they can change while it runs.
final class OwnLimits: Sendable {
  private let limits: Mutex<Limits>

  init(_ limits: Limits) {
    self.limits = Mutex(limits)
  }

  var value: Limits {
    get { limits.withLock { $0 } }
    set { limits.withLock { $0 = newValue } }
  }
}
