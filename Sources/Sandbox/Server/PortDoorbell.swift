internal import Synchronization

/// Lets any number of tasks wait until the server knows its port, or has failed to get one.
final class PortDoorbell: Sendable {
  private enum State {
    /// Nobody knows yet. Goes to: settled.
    case waiting([Int: CheckedContinuation<Int, any Error>], next: Int)
    /// Known for good; the port stays readable after the server ended.
    case settled(Result<Int, any Error>)
  }

  private let state = Mutex(State.waiting([:], next: 0))

  func ring(_ port: Int) {
    settle(.success(port))
  }

  func fail(_ error: any Error) {
    settle(.failure(error))
  }

  func wait() async throws -> Int {
    let ticket = state.withLock { state -> Int in
      guard case .waiting(let waiters, let next) = state else { return -1 }
      state = .waiting(waiters, next: next + 1)
      return next
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let known = state.withLock { state -> Result<Int, any Error>? in
          switch state {
          case .settled(let result):
            return result
          case .waiting(var waiters, let next):
            if Task.isCancelled { return .failure(CancellationError()) }
            waiters[ticket] = continuation
            state = .waiting(waiters, next: next)
            return nil
          }
        }
        if let known { continuation.resume(with: known) }
      }
    } onCancel: {
      let waiter = state.withLock { state -> CheckedContinuation<Int, any Error>? in
        guard case .waiting(var waiters, let next) = state else { return nil }
        let waiter = waiters.removeValue(forKey: ticket)
        state = .waiting(waiters, next: next)
        return waiter
      }
      waiter?.resume(throwing: CancellationError())
    }
  }

  private func settle(_ result: Result<Int, any Error>) {
    let waiters = state.withLock { state -> [CheckedContinuation<Int, any Error>] in
      guard case .waiting(let waiters, _) = state else { return [] }
      state = .settled(result)
      return Array(waiters.values)
    }
    for waiter in waiters { waiter.resume(with: result) }
  }
}
