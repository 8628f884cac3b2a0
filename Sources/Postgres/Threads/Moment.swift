import Glibc

/// A point on the monotonic clock, the one on which condition variables can wait.
struct Moment: Comparable, Sendable {
  /// Nanoseconds since an arbitrary start.
  let nanoseconds: Int64

  static var now: Moment {
    var time = Glibc.timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// The far end of the clock: a wait until then is a wait for ever.
  static let never = Moment(nanoseconds: .max)

  static func < (left: Moment, right: Moment) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// Now plus `duration`; a negative duration is now, an enormous one is never.
  static func after(_ duration: Duration) -> Moment {
    let start = Moment.now
    let (sum, overflow) = start.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
    return overflow ? .never : Moment(nanoseconds: max(sum, start.nanoseconds))
  }

  /// How long it is until then; zero once it has passed.
  var remaining: Duration {
    .nanoseconds(max(0, nanoseconds - Moment.now.nanoseconds))
  }

  /// How long ago it was; zero if it is still to come.
  var elapsed: Duration {
    .nanoseconds(max(0, Moment.now.nanoseconds - nanoseconds))
  }

  var timespec: Glibc.timespec {
    Glibc.timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000),
      tv_nsec: Int(nanoseconds % 1_000_000_000)
    )
  }
}

extension Duration {
  /// The duration in nanoseconds, clamped to what 64 bits can hold.
  var wholeNanoseconds: Int64 { scaled(perSecond: 1_000_000_000) }

  /// The duration in microseconds, clamped to what 64 bits can hold.
  var wholeMicroseconds: Int64 { scaled(perSecond: 1_000_000) }

  /// The duration in milliseconds, clamped to what 64 bits can hold.
  var wholeMilliseconds: Int64 { scaled(perSecond: 1_000) }

  private func scaled(perSecond units: Int64) -> Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: units)
    let fraction = attoseconds / (1_000_000_000_000_000_000 / units)
    let (sum, carried) = whole.addingReportingOverflow(fraction)
    return overflow || carried ? (seconds < 0 ? .min : .max) : sum
  }
}
