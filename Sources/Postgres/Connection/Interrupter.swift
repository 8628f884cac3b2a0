internal import CLibPQ
import Glibc
internal import Synchronization

/// Brings a blocked statement back, from outside the connection's thread.
///
/// First the server is asked to cancel. If the statement has not come back a little later, because
/// the server or the network is dead, the socket is shut down, which wakes the blocked call at once.
/// The shutdown goes through a duplicate of the descriptor: libpq may close its own at any moment,
/// and the number could then be somebody else's.
final class Interrupter: Sendable {
  /// Why a statement is brought back.
  enum Cause: Sendable {
    case deadline
    case cancelled
  }

  /// How long a cancelled statement may take to come back by itself.
  static let grace: Duration = .milliseconds(300)

  private enum State {
    /// No statement is under way. Goes to: running.
    case idle
    /// A statement is under way until its deadline. Goes to: idle, interrupted.
    case running(Alarm.Ticket)
    /// The statement is being brought back. There is no way back: the cancel request may reach the
    /// server late and would then hit the next statement.
    case interrupted(Cause, Alarm.Ticket)
  }

  private let state = Mutex(State.idle)
  private let descriptor: Int32
  private let cancelTicket: CancelTicket

  /// - Throws: `outOfResources` if the descriptor cannot be duplicated.
  init(descriptor: Int32, cancelTicket: CancelTicket?) throws(PostgresError) {
    let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard duplicate >= 0 else {
      throw PostgresError(.outOfResources, "the system refused to duplicate a descriptor")
    }
    guard let cancelTicket else {
      Glibc.close(duplicate)
      throw PostgresError(.outOfResources, "no memory for a cancel request")
    }
    self.descriptor = duplicate
    self.cancelTicket = cancelTicket
  }

  deinit {
    Glibc.close(descriptor)
  }

  /// Starts to watch a statement.
  func begin(until moment: Moment) {
    state.withLock { state in
      guard case .idle = state else { return }
      let ticket = Alarm.shared.schedule(at: moment) { [weak self] in self?.interrupt(.deadline) }
      state = .running(ticket)
    }
  }

  /// Brings the statement under way back, if there is one.
  func interrupt(_ cause: Cause) {
    let isFirst = state.withLock { state -> Bool in
      guard case .running(let deadline) = state else { return false }
      Alarm.shared.cancel(deadline)
      let ticket = Alarm.shared.schedule(at: .after(Self.grace)) { [weak self] in
        self?.shutdown()
      }
      state = .interrupted(cause, ticket)
      return true
    }
    if isFirst { cancelTicket.requestInBackground() }
  }

  /// The statement came back. Returns why it was brought back, or nil if it came by itself.
  func end() -> Cause? {
    state.withLock { state in
      switch state {
      case .idle:
        return nil
      case .running(let ticket):
        Alarm.shared.cancel(ticket)
        state = .idle
        return nil
      case .interrupted(let cause, let ticket):
        Alarm.shared.cancel(ticket)
        return cause
      }
    }
  }

  /// Whether a statement had to be brought back: the connection is of no more use.
  var hasFired: Bool {
    state.withLock { state in
      switch state {
      case .idle, .running: false
      case .interrupted: true
      }
    }
  }

  /// Ends the connection under libpq's feet: whatever call waits for the socket returns.
  func shutdown() {
    Glibc.shutdown(descriptor, Int32(SHUT_RDWR))
  }

  /// Whether something has arrived that nobody asked for. On an idle connection that is a farewell.
  var hasUnreadInput: Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe Glibc.poll(&poll, 1, 0) > 0
  }
}

/// Owns one `PGcancel`: what it takes to ask the server to stop the connection's statement.
///
/// Unchecked: a `PGcancel` is never changed, and `PQcancel` may be called by any thread.
@safe
final class CancelTicket: @unchecked Sendable {
  private let pointer: OpaquePointer

  init(owning pointer: OpaquePointer) {
    unsafe self.pointer = unsafe pointer
  }

  deinit {
    unsafe PQfreeCancel(pointer)
  }

  /// Asks on a thread of its own. `PQcancel` opens a connection and waits for the server to close
  /// it, which a stopped server never does, so nobody may wait for this.
  func requestInBackground() {
    // Without a thread the request is not made; the shutdown that follows frees the caller anyway.
    _ = Threads.start { [self] in
      // What PQcancel says on failure changes nothing here either.
      unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        _ = unsafe PQcancel(pointer, buffer.baseAddress, Int32(buffer.count))
      }
    }
  }
}
