/// A worker's own clock. Monotonic, and it counts the time that the machine is suspended, since a
/// lease runs out during a suspension too (protocol, rule 3).
public protocol WorkerClock: Sendable {
  /// The present instant.
  var now: Instant { get }

  /// Returns at the instant or soon after it.
  ///
  /// - Throws: `CancellationError` if the task is cancelled first.
  func sleep(until instant: Instant) async throws(CancellationError)
}

/// A point on a worker's own monotonic clock, in nanoseconds since some unstated start.
///
/// Instants of two processes cannot be compared; what crosses processes is always a duration
/// counted by the database's clock.
public struct Instant: Hashable, Comparable, Sendable {
  /// Nanoseconds since the clock's start.
  public let nanoseconds: Int64

  /// The instant this many nanoseconds after the clock's start.
  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// Orders from earlier to later.
  public static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// The instant `duration` later (earlier if negative).
  public static func + (instant: Instant, duration: Duration) -> Instant {
    Instant(nanoseconds: instant.nanoseconds + duration.nanoseconds)
  }

  /// The time from `earlier` to `later`.
  public static func - (later: Instant, earlier: Instant) -> Duration {
    .nanoseconds(later.nanoseconds - earlier.nanoseconds)
  }
}

extension Duration {
  /// Whole nanoseconds, rounded toward zero. Holds about 292 years.
  public var nanoseconds: Int64 {
    components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
  }

  /// Whole microseconds, the database's resolution, rounded toward zero.
  public var microseconds: Int64 {
    nanoseconds / 1000
  }

  /// Whole milliseconds, rounded toward zero.
  public var milliseconds: Int64 {
    nanoseconds / 1_000_000
  }

  /// Seconds with their fraction, for arithmetic and display.
  public var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
