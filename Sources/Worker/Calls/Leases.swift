import Provisioning
import Synchronization

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
    let asked = context.leases.calls
    guard !asked.isEmpty else { return }
    let leaseEnd = context.clock.now + context.configuration.lease
    do {
      let renewed = try await context.store.renew(
        asked,
        worker: context.configuration.id,
        lease: context.configuration.lease
      )
      context.outage.succeeded(.renewal)
      context.leases.renewed(renewed, of: asked, until: leaseEnd)
    } catch {
      if !Task.isCancelled { _ = context.outage.failed(error, during: .renewal) }
    }
  }
}

/// The calls that this worker has claimed and not settled, and until when it may act on each.
final class LeaseBoard: Sendable {
  private let leases = Mutex<[CallID: Instant]>([:])

  /// Notes a claimed call.
  func add(_ call: CallID, until leaseEnd: Instant) {
    leases.withLock { $0[call] = leaseEnd }
  }

  /// Forgets a settled call.
  func remove(_ call: CallID) {
    _ = leases.withLock { $0.removeValue(forKey: call) }
  }

  /// Every call in flight, in an order that does not depend on the run.
  var calls: [CallID] { leases.withLock { $0.keys.sorted() } }

  /// Whether a request may still leave for this call. Asked where the request's body is produced, with
  /// nothing in between (protocol, rule 3).
  func mayStillSend(_ call: CallID, at now: Instant) -> Bool {
    leases.withLock { leases in
      guard let leaseEnd = leases[call] else { return false }
      return now < leaseEnd
    }
  }

  /// Takes in what a renewal showed: the `renewed` leases last until `leaseEnd`, the others that were
  /// asked for are lost.
  func renewed(_ renewed: Set<CallID>, of asked: [CallID], until leaseEnd: Instant) {
    leases.withLock { leases in
      for call in asked where leases[call] != nil {
        leases[call] = renewed.contains(call) ? leaseEnd : Instant(nanoseconds: .min)
      }
    }
  }
}
