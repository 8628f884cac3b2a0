/// The middle and the ends of some figures.
struct Shares: Encodable, Sendable {
  let p50: Double
  let p95: Double
  let p99: Double
  let most: Double
  let count: Int

  /// Nil if there are none.
  init?(_ values: [Double]) {
    let sorted = values.sorted()
    guard let last = sorted.last else { return nil }
    func share(_ part: Double) -> Double {
      sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    }
    (p50, p95, p99, most, count) = (share(0.5), share(0.95), share(0.99), last, sorted.count)
  }
}
