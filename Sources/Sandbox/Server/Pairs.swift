internal import Synchronization

/// Brings requests together that are under way at the same time.
final class Pairs: Sendable {
  /// A request that holds its answer back.
  private struct Waiter {
    let ticket: Int
    let page: Page
    /// Whether it may be paired with a request of another reward.
    let across: Bool
    let reply: AsyncStream<Page>.Continuation
  }

  private struct State {
    var waiters: [Waiter] = []
    var next = 0
  }

  private let state = Mutex(State())

  /// The answer of a request of this reward that is being held back, and stays so.
  func waiting(for reward: UUIDBits) -> Page? {
    state.withLock { state in state.waiters.first { $0.page.reward == reward }?.page }
  }

  /// Holds an answer back.
  /// - Throws: `CancellationError` when the sandbox is stopping.
  func hold(_ page: Page, _ duration: Duration, _ connection: Connection) async throws {
    let ticket = state.withLock { Self.enter(&$0, page, across: false).ticket }
    defer { leave(ticket) }
    try await connection.pause(duration)
  }

  /// Exchanges an answer with another one that is held back, of the same reward unless one of the two
  /// goes across, or else waits so long for one.
  /// - Parameter limit: nil to wait for nobody.
  /// - Returns: the other one's answer, or the same if nobody came.
  /// - Throws: `CancellationError` when the sandbox is stopping.
  func exchange(
    _ page: Page,
    within limit: Duration?,
    across: Bool,
    _ connection: Connection
  ) async throws -> Page {
    let other = state.withLock { state -> Waiter? in
      let index = state.waiters.firstIndex {
        $0.page.reward == page.reward || across || $0.across
      }
      guard let index else { return nil }
      return state.waiters.remove(at: index)
    }
    if let other {
      other.reply.yield(page)
      other.reply.finish()
      return other.page
    }
    guard let limit else { return page }
    let (ticket, pages) = state.withLock { Self.enter(&$0, page, across: across) }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { self.leave(ticket) }
        try await connection.pause(limit)
      }
      var given: Page?
      for await page in pages { given = page }
      group.cancelAll()
      if given == nil { try await group.next() }
      return given ?? page
    }
  }

  private static func enter(
    _ state: inout State,
    _ page: Page,
    across: Bool
  ) -> (ticket: Int, pages: AsyncStream<Page>) {
    let (pages, reply) = AsyncStream<Page>.makeStream()
    state.next += 1
    state.waiters.append(Waiter(ticket: state.next, page: page, across: across, reply: reply))
    return (state.next, pages)
  }

  /// Takes a request out that nobody came for; its stream ends without an answer.
  private func leave(_ ticket: Int) {
    let gone = state.withLock { state -> Waiter? in
      guard let index = state.waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
      return state.waiters.remove(at: index)
    }
    gone?.reply.finish()
  }
}
