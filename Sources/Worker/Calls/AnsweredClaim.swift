import Provisioning
import Synchronization

/// A claim that was asked for and perhaps not answered.
///
/// Until it is answered it must be asked again with the same call, never dropped: the database may
/// have committed it. The lease counts from the first time of asking (protocol, rule 3).
struct PendingClaim: Sendable {
  let request: ClaimRequest
  let askedAt: Instant
  /// Whether the call may have been made although no answer came. Only a claim that was refused each time
  /// it was asked was surely not made.
  private(set) var mayBeMade = false

  /// A wish for a call that has not been claimed before.
  init(_ context: WorkerContext) {
    request = ClaimRequest(
      call: CallID(context.dice.uniqueID()),
      worker: context.configuration.id,
      lengths: context.configuration.lengths
    )
    askedAt = context.clock.now
  }

  /// It was asked for alone, and failed. A unique_violation means that an earlier attempt has made the call.
  mutating func failed(_ error: StoreError) {
    if error.sqlState == nil || error.sqlState == "23505" { mayBeMade = true }
  }

  /// It was asked for behind a settlement, and no answer came, for whichever of the two.
  mutating func wasLost() {
    mayBeMade = true
  }

  /// When the lease runs out, should the claim succeed.
  var leaseEnd: Instant { askedAt + request.lengths.lease }
}

/// What a claim gave, and when it was asked for and answered.
struct AnsweredClaim: Sendable {
  let claim: Claim
  let asked: PendingClaim
  let answeredAt: Instant
}

/// Where the database's moments lie on this worker's clock.
///
/// An answer of the database is never seen before it was given. So of many answers the one that was
/// seen soonest after its own time tells best how far the two clocks are apart. What another answer
/// took longer is the network, the disk or a busy machine, and would otherwise shift its slot. The
/// best answer counts for up to a minute, since clocks drift and are set.
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
  /// Never outside the time between its own question and answer, whatever the database's
  /// clock does.
  func slot(of call: ClaimedCall, _ claim: AnsweredClaim) -> Instant {
    let answered = call.answered.microseconds * 1000
    let least = state.withLock { state in
      if state.since.map({ claim.answeredAt - $0 >= Self.span }) ?? true {
        state.leastBefore = state.least
        state.least = .max
        state.since = claim.answeredAt
      }
      state.least = min(state.least, claim.answeredAt.nanoseconds - answered)
      return min(state.least, state.leastBefore)
    }
    let answeredHere = Instant(nanoseconds: answered + least)
    return min(max(answeredHere, claim.asked.askedAt), claim.answeredAt) + call.slotDelay
  }
}
