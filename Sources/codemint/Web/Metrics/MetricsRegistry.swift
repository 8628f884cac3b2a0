import CoreMetrics
import Synchronization

/// Keeps the worker's metrics until they are scraped.
///
/// It is a backend of swift-metrics for counters and timers, because the worker has nothing else. The
/// same label and dimensions return the same counter.
final class MetricsRegistry: MetricsFactory {
  private struct Key: Hashable {
    let label: String
    let dimensions: [String]

    init(_ label: String, _ dimensions: [(String, String)]) {
      self.label = label
      self.dimensions = dimensions.flatMap { [$0.0, $0.1] }
    }

    var labels: [(String, String)] {
      stride(from: 0, to: dimensions.count, by: 2).map { (dimensions[$0], dimensions[$0 + 1]) }
    }
  }

  private struct Cells {
    var counts: [Key: Count] = [:]
    var histograms: [Key: Histogram] = [:]
  }

  private let cells = Mutex(Cells())

  /// The labels of all counters and timers.
  var labels: Set<String> {
    cells.withLock { cells in
      Set((cells.counts.keys.map(\.label)) + cells.histograms.keys.map(\.label))
    }
  }

  /// Writes the values of these families, in this order. A family without values is left out.
  func write(_ families: [MetricFamily], to text: inout ExpositionText) {
    let cells = cells.withLock { $0 }
    for family in families {
      let counts = cells.counts.filter { $0.key.label == family.name }
      let histograms = cells.histograms.filter { $0.key.label == family.name }
      guard !counts.isEmpty || !histograms.isEmpty else { continue }
      text.begin(family)
      for (key, count) in counts.sorted(by: {
        $0.key.dimensions.lexicographicallyPrecedes($1.key.dimensions)
      }) {
        text.sample(family.name, key.labels, Double(count.current))
      }
      for (key, histogram) in histograms {
        Self.write(family, key.labels, histogram.current, &text)
      }
    }
  }

  private static func write(
    _ family: MetricFamily,
    _ labels: [(String, String)],
    _ counts: Histogram.Counts,
    _ text: inout ExpositionText
  ) {
    var below: UInt64 = 0
    for (bound, number) in zip(Histogram.bounds, counts.buckets) {
      below += number
      text.sample("\(family.name)_bucket", labels + [("le", "\(bound)")], Double(below))
    }
    text.sample("\(family.name)_bucket", labels + [("le", "+Inf")], Double(counts.count))
    text.sample("\(family.name)_sum", labels, counts.sum)
    text.sample("\(family.name)_count", labels, Double(counts.count))
  }

  // MARK: MetricsFactory

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    cells.withLock { cells in
      let key = Key(label, dimensions)
      if let count = cells.counts[key] { return count }
      let count = Count()
      cells.counts[key] = count
      return count
    }
  }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    cells.withLock { cells in
      let key = Key(label, dimensions)
      if let histogram = cells.histograms[key] { return histogram }
      let histogram = Histogram()
      cells.histograms[key] = histogram
      return histogram
    }
  }

  func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool)
    -> any RecorderHandler
  {
    NOOPMetricsHandler.instance
  }

  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}
}

/// A counter, which only grows.
final class Count: CounterHandler {
  private let value = Atomic<Int64>(0)

  /// The present value.
  var current: Int64 { value.load(ordering: .relaxed) }

  func increment(by amount: Int64) {
    value.add(amount, ordering: .relaxed)
  }

  func reset() {
    value.store(0, ordering: .relaxed)
  }
}

/// A histogram of durations.
final class Histogram: TimerHandler {
  /// The upper bounds of the buckets, in seconds. Longer durations are only in `count` and `sum`.
  static let bounds: [Double] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  ]

  /// The values of a histogram.
  struct Counts: Sendable {
    var buckets = [UInt64](repeating: 0, count: bounds.count)
    var count: UInt64 = 0
    var sum = 0.0
  }

  private let counts = Mutex(Counts())

  /// The present values.
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
