internal import Synchronization

/// An answer that one task waits for and that the first of several parties gives.
final class Answer<Value: Sendable>: Sendable {
  typealias Outcome = Result<Value, PostgresError>

  private enum State {
    /// Nobody waits and nothing is there. Goes to: awaited, given.
    case open
    /// The task waits. Goes to: given.
    case awaited(CheckedContinuation<Outcome, Never>)
    /// The answer is there, and later ones are refused.
    case given(Outcome)
  }

  private let state = Mutex(State.open)

  /// Gives the answer, unless there is one.
  /// - Returns: Whether this was the first. If not, the value is still the caller's to look after.
  @discardableResult
  func give(_ outcome: Outcome) -> Bool {
    let (isFirst, waiting) = state.withLock {
      state -> (Bool, CheckedContinuation<Outcome, Never>?) in
      switch state {
      case .open:
        state = .given(outcome)
        return (true, nil)
      case .awaited(let continuation):
        state = .given(outcome)
        return (true, continuation)
      case .given:
        return (false, nil)
      }
    }
    waiting?.resume(returning: outcome)
    return isFirst
  }

  /// Waits for the answer, which is an error if the task is cancelled or the deadline passes first.
  /// To be called once.
  func outcome(by deadline: Moment, activity: String) async -> Outcome {
    let alarm = Alarm.shared.schedule(at: deadline) { [self] in
      give(.failure(PostgresError(.deadlineExceeded, activity)))
    }
    defer { Alarm.shared.cancel(alarm) }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let given = state.withLock { state -> Outcome? in
          switch state {
          case .open:
            state = .awaited(continuation)
            return nil
          case .awaited:
            preconditionFailure("an answer is waited for once")
          case .given(let outcome):
            return outcome
          }
        }
        if let given { continuation.resume(returning: given) }
      }
    } onCancel: {
      give(.failure(PostgresError(.cancelled, activity)))
    }
  }
}

/// Lets one of several parties through: the first.
final class Once: Sendable {
  private let isTaken = Mutex(false)

  /// Whether the caller is the first.
  func take() -> Bool {
    isTaken.withLock { isTaken in
      defer { isTaken = true }
      return !isTaken
    }
  }
}
