import Synchronization

@testable import OneOfNone

/// A deadline that passes when the test says so, for the request that was started last.
final class ManualDeadline: Sendable {
  private let expiry = Mutex<(@Sendable () -> Void)?>(nil)

  var deadline: Deadline {
    Deadline { _, expire in
      self.expiry.withLock { $0 = expire }
      return { self.expiry.withLock { $0 = nil } }
    }
  }

  func expire() {
    expiry.withLock { $0 }?()
  }
}
