import Provisioning

/// Follows codes until other systems have them: looks at one reward after another, each with
/// growing pauses. Which is due is the ledger's to say; one worker of a fleet has a reward at a time.
struct Follower: Sendable {
  private let context: WorkerContext
  private let rules: SyncRules

  init(_ context: WorkerContext, _ rules: SyncRules) {
    self.context = context
    self.rules = rules
  }

  /// Follows until drained or cancelled.
  func run() async {
    while !context.isDraining, !Task.isCancelled {
      let pause = await lookAtNext()
      await context.drain.wait(until: context.clock.now + pause, on: context.clock)
    }
  }

  /// - Returns: How long to wait before the next.
  private func lookAtNext() async -> Duration {
    do throws(StoreError) {
      let configuration = context.configuration
      let answer = try await context.store.takeFollow(
        configuration.id,
        lease: configuration.reconcilerLease,
        first: rules.first
      )
      context.outage.succeeded()
      switch answer {
      case .follow(let follow):
        try await Look(context, rules, follow).perform()
        return .zero
      case .nothing(let wait):
        // Codes may be stored at any moment, which nobody is told of.
        return min(max(wait ?? rules.first, Self.shortestWait), rules.first)
      }
    } catch {
      return context.dice.wait(.database, failures: context.outage.failed(error))
    }
  }

  /// A reward that is due and that somebody has locked is not asked for again at once.
  private static let shortestWait: Duration = .milliseconds(50)
}
