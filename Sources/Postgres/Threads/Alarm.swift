import Glibc

/// The one thread that watches the clock for all connections: deadlines of statements, of
/// connecting, and of waiting for a connection.
///
/// It is outside every connection's thread, since those are exactly the threads that hang when a
/// deadline matters.
final class Alarm: Sendable {
  /// Names a scheduled action, to cancel it by.
  struct Ticket: Hashable, Sendable {
    fileprivate let number: UInt64
  }

  static let shared = Alarm()

  private struct Entry {
    let ticket: Ticket
    let moment: Moment
    let action: @Sendable () -> Void
  }

  private struct State {
    var entries: [Entry] = []
    var lastNumber: UInt64 = 0
    var isServed = false
    /// When the thread looks again by itself: an entry that is due later need not wake it.
    var nextLook = Moment.never
  }

  private let state = Monitor(State())

  /// Has `action` run at `moment` on the alarm's thread. It must not block.
  ///
  /// If the system has no thread for the clock, the next call tries again, so that an overloaded
  /// moment does not cost the process its deadlines for good.
  func schedule(at moment: Moment, _ action: @escaping @Sendable () -> Void) -> Ticket {
    let (ticket, mustStart) = state.update { state, wakes in
      wakes = moment < state.nextLook
      state.nextLook = min(moment, state.nextLook)
      state.lastNumber += 1
      let ticket = Ticket(number: state.lastNumber)
      state.entries.append(Entry(ticket: ticket, moment: moment, action: action))
      defer { state.isServed = true }
      return (ticket, !state.isServed)
    }
    if mustStart, !Threads.start({ [self] in serve() }) {
      state.update { state, _ in state.isServed = false }
    }
    return ticket
  }

  /// Forgets an action. One that is already running is not waited for.
  /// - Returns: Whether it was in time.
  @discardableResult
  func cancel(_ ticket: Ticket) -> Bool {
    state.update { state, wakes in
      wakes = false
      guard let index = state.entries.firstIndex(where: { $0.ticket == ticket }) else {
        return false
      }
      state.entries.swapAt(index, state.entries.count - 1)
      state.entries.removeLast()
      return true
    }
  }

  private func serve() {
    while true {
      let due: [Entry] = state.wait { state in
        let now = Moment.now
        var due: [Entry] = []
        var next = Moment.never
        for entry in state.entries {
          if entry.moment <= now {
            due.append(entry)
          } else {
            next = min(next, entry.moment)
          }
        }
        guard !due.isEmpty else {
          state.nextLook = next
          return .wait(until: next)
        }
        state.entries.removeAll { $0.moment <= now }
        return .ready(due.sorted { $0.moment < $1.moment })
      }
      for entry in due { entry.action() }
    }
  }
}

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
