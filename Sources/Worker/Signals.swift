import Provisioning
import Synchronization

/// What the services of one worker tell each other.
struct Signals: Sendable {
  /// A reward may be due to be reconciled.
  let doubt = Signal()
  /// The worker is to stop; never taken.
  let drain = Signal()
  private let dispatch = Signal()
  private let work = Signal()
  private let heartbeat = Signal()
  private let departure = Signal()

  /// There may be work.
  func announceWork() {
    work.notify()
    dispatch.notify()
  }

  /// Something may have changed that a heartbeat tells of: limits, the account, a due listing.
  func requestHeartbeat() {
    heartbeat.notify()
    dispatch.notify()
  }

  /// A lane has ended.
  func announceLaneEnd() {
    dispatch.notify()
  }

  /// A request is leaving.
  func announceDeparture() {
    departure.notify()
  }

  /// Every service is to stop.
  func beginDrain() {
    drain.notify()
    dispatch.notify()
    doubt.notify()
  }

  /// Takes what was announced to the dispatcher.
  func takeDispatch() -> (hasWork: Bool, needsHeartbeat: Bool) {
    dispatch.take()
    return (work.take(), heartbeat.take())
  }

  /// Waits until something is announced to the dispatcher.
  func waitForDispatch(until deadline: Instant, on clock: any WorkerClock) async {
    await dispatch.wait(until: deadline, on: clock)
  }

  /// Forgets requests that have left.
  func forgetDepartures() {
    departure.take()
  }

  /// Waits until a request leaves.
  func waitForDeparture(until deadline: Instant, on clock: any WorkerClock) async {
    await departure.wait(until: deadline, on: clock)
  }
}

/// Something that anybody can announce and any number of tasks can wait for.
///
/// Once set it stays so until somebody takes it, so no notification is lost between two waits.
final class Signal: Sendable {
  private struct State {
    var isSet = false
    var nextWaiter = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  private let state = Mutex(State())

  /// Whether it was set and not taken since.
  var isSet: Bool { state.withLock { $0.isSet } }

  /// Lets every waiter go, and every later one until somebody takes it.
  func notify() {
    let waiters = state.withLock { state in
      state.isSet = true
      defer { state.waiters = [:] }
      return state.waiters
    }
    // In the order in which they came, so that a simulation can be replayed.
    for waiter in waiters.sorted(by: { $0.key < $1.key }) { waiter.value.resume() }
  }

  /// Takes it: from now on it is not set.
  /// - Returns: Whether it was set.
  @discardableResult
  func take() -> Bool {
    state.withLock { state in
      defer { state.isSet = false }
      return state.isSet
    }
  }

  /// Waits until it is set, or until the instant, or until the task is cancelled.
  func wait(until deadline: Instant, on clock: any WorkerClock) async {
    guard !isSet, clock.now < deadline else { return }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait() }
      group.addTask { try? await clock.sleep(until: deadline) }
      await group.next()
      group.cancelAll()
    }
  }

  /// Waits until it is set, or until the task is cancelled.
  func wait() async {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mayProceed = state.withLock { state in
          guard !state.isSet, !Task.isCancelled else { return true }
          state.waiters[number] = continuation
          return false
        }
        if mayProceed { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
    }
  }
}
