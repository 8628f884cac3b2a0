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
