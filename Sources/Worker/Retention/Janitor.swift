import Logging
import Provisioning

/// Forgets the requests of jobs that ended long ago, in small batches, so that nobody waits for it
/// and no deletion is large.
///
/// Every worker of a fleet has one; the ledger lets one at a time prune.
struct Janitor: Sendable {
  private let context: WorkerContext
  private let age: Duration

  init(_ context: WorkerContext, keeping age: Duration) {
    self.context = context
    self.age = age
  }

  /// Works until drained or cancelled.
  func run() async {
    // A daemon that has just started has better things to do.
    var pause = Self.start
    while true {
      await context.pause(for: pause)
      guard !context.isStopping else { return }
      pause = await prune()
    }
  }

  /// - Returns: How long to wait before the next batch.
  private func prune() async -> Duration {
    do throws(StoreError) {
      let pruned = try await context.store.pruneCalls(olderThan: age, atMost: Self.batch)
      context.outage.succeeded(.pruning)
      if pruned.number > 0 {
        context.logger.debug("old calls forgotten", metadata: ["calls": "\(pruned.number)"])
      }
      return pruned.isLast ? Self.rest : Self.breath
    } catch {
      // Nothing is lost by doing it later, and the others say that the database does not answer.
      _ = context.outage.failed(error, during: .pruning)
      return Self.rest
    }
  }

  private static let start: Duration = .seconds(60)
  /// Between two batches.
  private static let breath: Duration = .seconds(1)
  /// After the last batch.
  private static let rest: Duration = .seconds(3600)
  /// Calls to delete at once: some milliseconds of work.
  private static let batch = 1000
}
