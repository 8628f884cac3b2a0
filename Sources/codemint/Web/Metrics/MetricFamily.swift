/// One kind of measurement, as Prometheus knows it: its name, what it says and how it behaves.
struct MetricFamily: Hashable, Sendable {
  /// How its values behave (Prometheus exposition formats, text format 0.0.4).
  enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  /// With its unit at the end, and `_total` for a counter.
  let name: String
  let kind: Kind
  /// One sentence for people.
  let help: String
}
