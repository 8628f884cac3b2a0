internal import Synchronization

/// Lets one of several parties through: the first.
final class Once: Sendable {
  private let isTaken = Mutex(false)

  /// Whether the caller is the first.
  func take() -> Bool {
    isTaken.withLock { isTaken in
      defer { isTaken = true }
      return !isTaken
    }
  }
}
