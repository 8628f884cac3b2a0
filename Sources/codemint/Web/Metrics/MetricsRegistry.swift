import CoreMetrics
import Synchronization

/// Where the worker's measurements are kept until somebody asks for them.
///
/// A backend of swift-metrics for counters and timers, which is all that the worker has. The same
/// label and dimensions give the same counter again.
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

  /// The labels of everything that is counted or timed.
  var labels: Set<String> {
    cells.withLock { cells in
      Set((cells.counts.keys.map(\.label)) + cells.histograms.keys.map(\.label))
    }
  }

  /// Writes what has been counted for these families, in their order. A family that nobody has
  /// counted for yet is left out.
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
