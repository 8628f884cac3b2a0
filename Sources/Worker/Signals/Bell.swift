import Provisioning
import Synchronization

/// Something that can be rung from anywhere and waited for by any number of tasks.
///
/// Once rung it stays so until somebody takes the ring with `silence()`, so no ring is lost
/// between two waits.
final class Bell: Sendable {
  private struct State {
    var isRung = false
    var nextWaiter = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  private let state = Mutex(State())

  /// Whether it was rung and not silenced since.
  var isRung: Bool { state.withLock { $0.isRung } }

  /// Lets every waiter go, and every later one until it is silenced.
  func ring() {
    let waiters = state.withLock { state in
      state.isRung = true
      defer { state.waiters = [:] }
      return state.waiters
    }
    // In the order in which they came, so that a simulation can be replayed.
    for waiter in waiters.sorted(by: { $0.key < $1.key }) { waiter.value.resume() }
  }

  /// Takes the ring.
  /// - Returns: Whether there was one.
  @discardableResult
  func silence() -> Bool {
    state.withLock { state in
      defer { state.isRung = false }
      return state.isRung
    }
  }

  /// Waits for a ring, or until the instant, or until the task is cancelled.
  func wait(until deadline: Instant, on clock: any WorkerClock) async {
    guard !isRung, clock.now < deadline else { return }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait() }
      group.addTask { try? await clock.sleep(until: deadline) }
      await group.next()
      group.cancelAll()
    }
  }

  private func wait() async {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let goesOn = state.withLock { state in
          guard !state.isRung, !Task.isCancelled else { return true }
          state.waiters[number] = continuation
          return false
        }
        if goesOn { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
    }
  }
}
