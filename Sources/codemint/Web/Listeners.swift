import Synchronization

/// How many browsers follow the page at this moment, so that they cannot become too many.
final class Listeners: Sendable {
  private let count = Mutex(0)
  private static let most = 50

  /// - Returns: False if there is no place.
  func enter() -> Bool {
    count.withLock { count in
      guard count < Self.most else { return false }
      count += 1
      return true
    }
  }

  func leave() {
    count.withLock { $0 -= 1 }
  }
}
