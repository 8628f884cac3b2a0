/// How long to wait before trying again: exponential, bounded, with full jitter, so that many
/// workers that failed together do not come back together.
///
///     failures   1      2      3      4      5     ...
///     ceiling    base   2x     4x     8x     16x   ... never more than `cap`
///     wait       anywhere from nothing up to the ceiling
public struct Backoff: Hashable, Sendable {
  /// The ceiling after the first failure.
  public let base: Duration
  /// The ceiling that is never passed.
  public let cap: Duration

  /// A backoff from `base` up to `cap`.
  public init(base: Duration, cap: Duration) {
    precondition(base > .zero && cap >= base)
    self.base = base
    self.cap = cap
  }

  /// For a database that cannot be reached.
  public static let database = Backoff(base: .milliseconds(100), cap: .seconds(5))

  /// For what the database refuses until somebody has mended it, such as a trigger.
  public static let refused = Backoff(base: .milliseconds(200), cap: .seconds(15))

  /// The longest wait after this many failures in a row (1 for the first).
  public func ceiling(failures: Int) -> Duration {
    precondition(failures >= 1)
    let doublings = min(failures - 1, 40)
    var ceiling = base
    for _ in 0..<doublings where ceiling < cap { ceiling = ceiling * 2 }
    return min(ceiling, cap)
  }

  /// A wait after this many failures in a row, uniform from nothing up to the ceiling.
  public func wait(failures: Int, random: inout some RandomNumberGenerator) -> Duration {
    .nanoseconds(Int64.random(in: 0...ceiling(failures: failures).nanoseconds, using: &random))
  }
}
