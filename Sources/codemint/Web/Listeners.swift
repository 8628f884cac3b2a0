import Synchronization

/// How many browsers follow the page at this moment, so that they cannot become too many.
final class Listeners: Sendable {
  private let count = Mutex(0)
  private static let most = 50

  /// A place, kept for as long as it is held by somebody; nil if there is none.
  func enter() -> Place? {
    let isFree = count.withLock { count in
      guard count < Self.most else { return false }
      count += 1
      return true
    }
    return isFree ? Place(self) : nil
  }

  /// One place. It gives itself back, since the body that it is for is not always written: a request
  /// for the head alone drops it, and so does a browser that has gone.
  final class Place: Sendable {
    private let listeners: Listeners

    fileprivate init(_ listeners: Listeners) {
      self.listeners = listeners
    }

    deinit {
      listeners.count.withLock { $0 -= 1 }
    }
  }
}
