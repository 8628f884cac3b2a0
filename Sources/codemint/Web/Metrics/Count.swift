import CoreMetrics
import Synchronization

/// A number that only grows.
final class Count: CounterHandler {
  private let value = Atomic<Int64>(0)

  /// The number so far.
  var current: Int64 { value.load(ordering: .relaxed) }

  func increment(by amount: Int64) {
    value.add(amount, ordering: .relaxed)
  }

  func reset() {
    value.store(0, ordering: .relaxed)
  }
}
