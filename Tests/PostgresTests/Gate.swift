import Synchronization

/// Holds one task until it is opened.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var held: CheckedContinuation<Void, Never>?
    var isReached = false
    var watcher: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  func wait() async {
    await withCheckedContinuation { continuation in
      let (isOpen, watcher) = state.withLock { state in
        state.isReached = true
        if !state.isOpen { state.held = continuation }
        defer { state.watcher = nil }
        return (state.isOpen, state.watcher)
      }
      watcher?.resume()
      if isOpen { continuation.resume() }
    }
  }

  /// Waits until a task has come to the gate.
  func awaitWaiter() async {
    await withCheckedContinuation { continuation in
      let isReached = state.withLock { state in
        if !state.isReached { state.watcher = continuation }
        return state.isReached
      }
      if isReached { continuation.resume() }
    }
  }

  func open() {
    let held = state.withLock { state in
      state.isOpen = true
      defer { state.held = nil }
      return state.held
    }
    held?.resume()
  }
}

/// Notes in which order things happened.
final class Recorder: Sendable {
  private let state = Mutex<[Int]>([])

  var notes: [Int] { state.withLock { $0 } }

  func note(_ number: Int) { state.withLock { $0.append(number) } }
}
