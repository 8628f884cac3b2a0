internal import Synchronization

/// Lets at most so many requests through in any one second, and refuses the others without counting
/// them.
final class RateLimit: Sendable {
  private struct State {
    var admitted: [UInt64] = []
    var oldest = 0
  }

  private let limit: Int
  private let state = Mutex(State())

  init(_ requestsPerSecond: Int) {
    limit = requestsPerSecond
  }

  /// Whether a request that arrived at this moment of the monotonic clock goes through.
  func admits(_ moment: UInt64) -> Bool {
    state.withLock { state in
      if state.admitted.count < limit {
        state.admitted.append(moment)
        return true
      }
      guard moment >= state.admitted[state.oldest] + 1_000_000_000 else { return false }
      state.admitted[state.oldest] = moment
      state.oldest = (state.oldest + 1) % limit
      return true
    }
  }
}
