internal import Synchronization

/// Decides, exactly once, whether a request's body leaves, and remembers it.
///
/// This is what makes "not sent" provable: the client's errors are the same before and after the
/// body went out, but nothing that the gate did not hand over can have been sent (protocol, rules 3
/// and 5). Everything happens under one lock, so that a body is either handed over before the
/// gate closes or never.
final class BodyGate: Sendable {
  /// What became of the body.
  enum Passage: Hashable, Sendable, CaseIterable {
    /// It was handed over: from here on nothing proves that it did not arrive.
    case handedOver
    /// It was not handed over, for the lease had run out.
    case leaseLost
    /// It was not handed over, for the caller withdrew the call before.
    case withdrawn
    /// It was never asked for.
    case neverAsked
  }

  private enum State { case waiting, passed(Passage) }

  private let state = Mutex(State.waiting)
  private let mayStillSend: @Sendable () -> Bool

  init(mayStillSend: @escaping @Sendable () -> Bool) {
    self.mayStillSend = mayStillSend
  }

  /// Whether the body may leave now. True at most once, and only if the lease still holds.
  func open() -> Bool {
    state.withLock { state in
      guard case .waiting = state else { return false }
      let passage = mayStillSend() ? Passage.handedOver : .leaseLost
      state = .passed(passage)
      return passage == .handedOver
    }
  }

  /// Takes the call back if its body has not been handed over yet; says whether it has not.
  func withdraw() -> Bool {
    end(as: .withdrawn) != .handedOver
  }

  /// Closes the gate for good, before anything is concluded, and says what became of the body.
  func close() -> Passage {
    end(as: .neverAsked)
  }

  private func end(as passage: Passage) -> Passage {
    state.withLock { state in
      if case .passed(let earlier) = state { return earlier }
      state = .passed(passage)
      return passage
    }
  }
}
