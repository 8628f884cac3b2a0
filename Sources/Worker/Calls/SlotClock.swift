import Provisioning
import Synchronization

/// Where the database's moments lie on this worker's clock.
///
/// An answer of the database is never seen before it was given, so of many the one that was seen
/// soonest after its own time tells best how the two clocks lie to each other; what another one took
/// longer is the way, the disk or a busy machine, and would otherwise shift its slot. The best one
/// counts for up to a minute, since clocks drift and are set.
final class SlotClock: Sendable {
  private struct State {
    var since: Instant?
    var least = Int64.max
    var leastBefore = Int64.max
  }

  private let state = Mutex(State())
  private static let span: Duration = .seconds(30)

  /// When a call's slot is on this worker's clock.
  ///
  /// Never outside of what its own question and answer leave room for, whatever the database's
  /// clock does.
  func slot(of claimed: ClaimedCall, askedAt: Instant, answeredAt: Instant) -> Instant {
    let answered = claimed.answered.microseconds * 1000
    let least = state.withLock { state in
      if state.since.map({ answeredAt - $0 >= Self.span }) ?? true {
        state.leastBefore = state.least
        state.least = .max
        state.since = answeredAt
      }
      state.least = min(state.least, answeredAt.nanoseconds - answered)
      return min(state.least, state.leastBefore)
    }
    let answeredHere = Instant(nanoseconds: answered + least)
    return min(max(answeredHere, askedAt), answeredAt) + claimed.slotDelay
  }
}
