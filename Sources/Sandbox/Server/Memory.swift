internal import NIOCore
internal import Synchronization

/// Earlier answers, for faults that give them again.
final class Memory: Sendable {
  /// The answer to a query, kept.
  struct Kept: Sendable {
    let body: ByteBuffer
    /// When it was made, on the monotonic clock.
    let moment: UInt64
  }

  private struct State {
    /// By path and query.
    var listed: [String: Kept] = [:]
    /// The codes of each reward's latest generate request that was answered.
    var generated: [UUIDBits: Page] = [:]
  }

  /// How many listings are kept; a sandbox may be polled for days.
  private static let capacity = 1024

  private let state = Mutex(State())

  /// The codes of the reward's previous answer.
  func previous(of reward: UUIDBits) -> Page? {
    state.withLock { $0.generated[reward] }
  }

  func remember(_ page: Page, of reward: UUIDBits) {
    state.withLock { $0.generated[reward] = page }
  }

  /// The kept answer to a query, if it is not older than that.
  func listing(_ path: String, at moment: UInt64, youngerThan age: UInt64) -> Kept? {
    state.withLock { state in
      guard let kept = state.listed[path], moment < kept.moment + age else { return nil }
      return kept
    }
  }

  func keep(_ body: ByteBuffer, for path: String, at moment: UInt64) {
    state.withLock { state in
      if state.listed.count >= Self.capacity { state.listed = [:] }
      state.listed[path] = Kept(body: body, moment: moment)
    }
  }

  /// Forgets the listings, which belong to one plan.
  func forgetListings() {
    state.withLock { $0.listed = [:] }
  }
}
