import Synchronization

/// A value that changes, and whose changes can be waited for.
package final class Watched<Value: Sendable>: Sendable {
  private struct State {
    var value: Value
    /// Counts the changes, so that none is missed between a look and a wait.
    var version = 0
    var nextWaiter = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  private let state: Mutex<State>

  package init(_ value: Value) {
    state = Mutex(State(value: value))
  }

  /// The value now.
  package var now: Value { state.withLock { $0.value } }

  /// Changes the value and lets everybody who waits look again.
  package func change(_ body: @Sendable (inout Value) -> Void) {
    let waiters = state.withLock { state in
      body(&state.value)
      state.version += 1
      defer { state.waiters = [:] }
      return state.waiters.values
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Waits until `look` finds what it looks for.
  /// - Throws: What `look` throws, or `CancellationError`.
  package func first<Found: Sendable>(_ look: @Sendable (Value) throws -> Found?) async throws
    -> Found
  {
    while true {
      let (found, version) = try state.withLock { (try look($0.value), $0.version) }
      if let found { return found }
      try Task.checkCancellation()
      await change(after: version)
    }
  }

  private func change(after version: Int) async {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let goesOn = state.withLock { state in
          guard state.version == version, !Task.isCancelled else { return true }
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
