import CoreMetrics
import Synchronization

/// Durations, counted by how long they were.
final class Histogram: TimerHandler {
  /// Upper bounds in seconds; everything above the last is counted beside.
  static let bounds: [Double] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  ]

  /// What has been counted.
  struct Counts: Sendable {
    var buckets = [UInt64](repeating: 0, count: bounds.count)
    var count: UInt64 = 0
    var sum = 0.0
  }

  private let counts = Mutex(Counts())

  /// What has been counted so far.
  var current: Counts { counts.withLock { $0 } }

  func recordNanoseconds(_ duration: Int64) {
    let seconds = Double(duration) / 1e9
    counts.withLock { counts in
      counts.count += 1
      counts.sum += seconds
      if let bucket = Self.bounds.firstIndex(where: { seconds <= $0 }) {
        counts.buckets[bucket] += 1
      }
    }
  }
}
