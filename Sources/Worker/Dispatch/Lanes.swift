import Provisioning
import Synchronization

/// How many lanes run, and what those that ended have learnt from their last claim.
final class Lanes: Sendable {
  private struct State {
    var count = 0
    var hints: [Claim] = []
  }

  private let state = Mutex(State())

  /// Lanes that run.
  var count: Int { state.withLock { $0.count } }

  /// Notes that one more runs.
  func opened() {
    state.withLock { $0.count += 1 }
  }

  /// Notes that one has ended, and what its last claim said.
  func closed(_ last: Claim?) {
    state.withLock { state in
      state.count -= 1
      if let last { state.hints.append(last) }
    }
  }

  /// What lanes that ended have learnt since the last time.
  func takeHints() -> [Claim] {
    state.withLock { state in
      defer { state.hints = [] }
      return state.hints
    }
  }
}
