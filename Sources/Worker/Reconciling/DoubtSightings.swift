import Provisioning
import Synchronization

/// When this worker first saw each call in doubt, on its own clock.
///
/// A database that was promoted may have a clock that is ahead. What it thinks past may still be about to
/// take effect, so the lengths of the call's sender also have to pass here (protocol, rule 4).
final class DoubtSightings: Sendable {
  private let firstSeen = Mutex<[RewardID: [CallID: Instant]]>([:])

  /// How much longer each call of a case that was taken at this instant can take effect, by the later of
  /// the two clocks. Calls of the reward that are not in doubt any more are forgotten.
  func remaining(_ doubt: DoubtCase, at instant: Instant) -> [CallID: Duration] {
    let seen = firstSeen.withLock { firstSeen in
      let before = firstSeen[doubt.reward] ?? [:]
      let seen = Dictionary(
        uniqueKeysWithValues: doubt.calls.map(\.call.id).map { ($0, before[$0] ?? instant) }
      )
      firstSeen[doubt.reward] = seen
      return seen
    }
    return Dictionary(
      uniqueKeysWithValues: doubt.calls.map { call in
        let here = (seen[call.call.id] ?? instant) + call.effectiveFor - instant
        let there = call.effectiveUntil.microseconds - doubt.now.microseconds
        return (call.call.id, max(here, .microseconds(there)))
      }
    )
  }
}
