import Logging
import Provisioning

/// Renews the leases of the calls in flight, three times in a lease's length.
///
/// A renewal that fails changes nothing: the lease runs out on the worker's own clock, no later
/// than in the database, since it was counted from before the question.
struct LeaseKeeper: Sendable {
  private let context: WorkerContext

  init(_ context: WorkerContext) {
    self.context = context
  }

  /// Keeps leases until the task is cancelled.
  func run() async {
    let pause = context.configuration.lease / 3
    while !Task.isCancelled {
      do {
        try await context.clock.sleep(until: context.clock.now + pause)
      } catch {
        return
      }
      await renew()
    }
  }

  private func renew() async {
    let asked = context.board.calls
    guard !asked.isEmpty else { return }
    let leaseEnd = context.clock.now + context.configuration.lease
    do {
      let renewed = try await context.store.renew(
        asked,
        worker: context.configuration.id,
        lease: context.configuration.lease
      )
      context.outage.succeeded()
      context.board.renewed(renewed, of: asked, until: leaseEnd)
    } catch {
      if !Task.isCancelled { _ = context.outage.failed(error) }
    }
  }
}
