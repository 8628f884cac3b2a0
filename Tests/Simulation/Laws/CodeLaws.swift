import MemoryStore
import Provisioning

/// What may be said of a code that counts for a job.
extension Stage {
  /// Checks every code that counts and that has not been looked at since it does.
  func checkCounted() {
    let ledger = store.ledger
    for (id, row) in ledger.codes
    where !row.isSurplus && !row.isPurged && counted[id] != row {
      counted[id] = row
      guard let made = api?.all[id] else {
        world.fail("code \(id) counts and does not exist")
        continue
      }
      check(made, row, ledger)
    }
  }

  private func check(_ made: SimulatedAPI.Made, _ row: CodeRow, _ ledger: MemoryLedger) {
    let id = made.code.id
    if row.code.code != made.code.code,
      row.isFromAnswer
        || isWitnessed(row.code.reward, ledger) && !restored.contains(row.code.reward)
    {
      world.fail("code \(id) counts with another text than the API's answers have")
    }
    guard let call = row.call.flatMap({ ledger.calls[$0] }) else { return }
    let reward = call.call.reward
    let time = (made.at + databaseClock.ahead) / 1000
    let isEarly = time < call.createdAt - tolerance
    if isEarly, !restored.contains(reward), chaos.bounds.isSteady, row.isFromAnswer == false {
      world.fail("code \(id) was made before call \(call.call.id.short), for which it counts")
    }
    if made.call == nil {
      tally.foreignAdopted += 1
      // What was made while the ledger lost its memory may be anybody's, and nothing older.
      let begin = restored.contains(reward) ? lostSince / 1000 - 27 * 3_600_000_000 : call.createdAt
      let isLate = time > call.effectiveUntil + tolerance && !restored.contains(reward)
      if time < begin - tolerance || isLate, chaos.bounds.isSteady {
        world.fail("code \(id) is somebody else's and counts for call \(call.call.id.short)")
      }
    }
    if let prefix = call.call.prefix, literal.contains(PrefixOf(reward: reward, prefix: prefix)),
      !made.code.hasPrefix(prefix)
    {
      world.fail("code \(id) counts for call \(call.call.id.short) and lacks its prefix")
    }
  }

  /// Whether a code of the reward itself tells how its list shows texts. Where none does, evidence is
  /// borrowed from another reward, whose list may be another kind.
  private func isWitnessed(_ reward: RewardID, _ ledger: MemoryLedger) -> Bool {
    ledger.codes.values.contains { $0.isFromAnswer && $0.code.reward == reward }
  }

  /// How far from a call's time a code can have been made that is taken for the call's, in microseconds:
  /// two minutes if answers have shown the API's clock, a day and a bit before.
  private var tolerance: Int64 {
    guard nature.areTimesTrue else { return .max / 4 }
    guard store.ledger.apiClock.aheadAtLeast != nil else { return 27 * 3_600_000_000 }
    return 130_000_000
  }

  /// A clean answer has shown that codes begin with a prefix, or not.
  func sawAnswer(_ settlement: Settlement) {
    guard settlement.result == .issued, settlement.reward == .proven,
      let prefix = settlement.call.prefix, !settlement.codes.isEmpty
    else { return }
    let key = PrefixOf(reward: settlement.call.reward, prefix: prefix)
    if settlement.codes.allSatisfy({ $0.hasPrefix(prefix) }) {
      literal.insert(key)
    } else {
      literal.remove(key)
    }
  }
}

/// A prefix that is asked for on a reward.
struct PrefixOf: Hashable {
  let reward: RewardID
  let prefix: String
}
