import MemoryStore
import Provisioning

/// What happened on a reward that is a true reason for a person to be asked: a call may be held for
/// nothing else.
struct Troubles {
  /// When a list last failed, or did not show all that there was.
  private var listFailedAt: [RewardID: Int64] = [:]
  /// When it was last refused.
  private var listRefusedAt: [RewardID: Int64] = [:]
  /// Since when a reward is in doubt, and for how long nobody could ask until then.
  private var doubtSince: [RewardID: (time: Int64, still: Int64)] = [:]
  /// How long nobody could ask for a list so far, because of the account.
  private var stillFor: Int64 = 0
  private var seenAt: Int64?
  private var mayAsk = true

  /// A page could not be had, or lacked something.
  mutating func listFailed(_ reward: RewardID, at time: Int64, isRefused: Bool = false) {
    listFailedAt[reward] = time
    if isRefused { listRefusedAt[reward] = time }
  }

  /// Looks at the ledger after a commit.
  mutating func look(_ ledger: MemoryLedger, at time: Int64, ledgerTime: Int64) {
    if let seenAt, !mayAsk { stillFor += time - seenAt }
    seenAt = time
    mayAsk =
      ledger.account.blockedAt == nil && ledger.account.breaker != .open
      && ledger.account.pausedUntil ?? .min <= ledgerTime
    for (id, reward) in ledger.rewards {
      if reward.closedAt == nil {
        doubtSince[id] = nil
      } else if doubtSince[id] == nil {
        doubtSince[id] = (time, stillFor)
      }
    }
  }

  /// How long a reward has been in doubt, without the time in which nobody could ask.
  func inDoubtFor(_ reward: RewardID, at time: Int64) -> Int64? {
    doubtSince[reward].map { time - $0.time - (stillFor - $0.still) }
  }

  /// Whether its list has failed lately.
  func listFailedLately(_ reward: RewardID, at time: Int64) -> Bool {
    isLate(listFailedAt[reward], time)
  }

  /// Whether any list has: a reference is borrowed from another reward's.
  func listFailedLately(at time: Int64) -> Bool {
    listFailedAt.values.contains { isLate($0, time) }
  }

  /// Whether its list was refused lately.
  func listRefusedLately(_ reward: RewardID, at time: Int64) -> Bool {
    isLate(listRefusedAt[reward], time)
  }

  private func isLate(_ then: Int64?, _ time: Int64) -> Bool {
    then.map { time - $0 <= Duration.seconds(1200).nanoseconds } ?? false
  }
}

extension Stage {
  /// A decision has held calls: for a true reason, and not before it was time.
  func checkHeld(_ decision: DoubtDecision) {
    guard !decision.held.isEmpty else { return }
    let reward = decision.reward
    guard let reason = decision.holdReason else {
      return world.fail("a call is held without a reason")
    }
    tally.hold(reason)
    defer { wasHeld.formUnion(decision.held) }
    if !isTrue(reason, of: reward) {
      world.fail("\(reason.rawValue) is not true of \(reward.short), of which calls are held")
    }
    let isPatient = reason == .unlistable || reason == .disagreeing
    guard isPatient, chaos.bounds.isSteady, chaos.bounds.isDurable,
      !troubles.listRefusedLately(reward, at: world.now),
      !decision.held.allSatisfy(wasHeld.contains),
      let time = troubles.inDoubtFor(reward, at: world.now)
    else { return }
    if time < (Bounds.listingPatience - .seconds(120)).nanoseconds {
      world.fail("\(reward.short) is held for \(reason.rawValue) after \(time / 1_000_000_000) s")
    }
  }

  /// Checks what a listing of a watched reward leaves of its held calls: one that is held for lack of
  /// evidence would have been judged by it, and what one has made is set aside for it.
  func checkHeldAfter(_ reward: RewardID) {
    guard chaos.bounds.isSteady, !restored.contains(reward) else { return }
    let ledger = store.ledger
    let minuteAgo = databaseClock.now.nanoseconds / 1000 - 60_000_000
    for row in ledger.calls.values where row.call.reward == reward && row.state == .inDoubt {
      guard let judged = row.judgedAt, row.heldAt != nil,
        let reason = row.holdReason.flatMap(HoldReason.init)
      else {
        continue
      }
      if !reason.hasSeenAll, judged < minuteAgo {
        world.fail("call \(row.call.id.short) is held and was not judged by a whole listing")
      }
      // An answer that went to another call took its codes there.
      guard !swapped.contains(reward) else { continue }
      let own = (api?.codes[reward] ?? []).filter { $0.call == row.call.id }
      if own.contains(where: { ledger.codes[$0.code.id]?.isSurplus ?? false }) {
        world.fail("a code of call \(row.call.id.short), which is held, is surplus")
      }
    }
  }

  private func isTrue(_ reason: HoldReason, of reward: RewardID) -> Bool {
    let bounds = chaos.bounds
    // Where these bounds are left, anything can look like anything.
    guard bounds.isSteady, bounds.isListed else { return true }
    guard bounds.isDurable else {
      // A ledger that has lost calls holds none for a number that does not fit (protocol, rule 18).
      let isAwaited = store.ledger.rewards[reward]?.awaitsListing ?? false
      return reason != .unexplained || !isAwaited
    }
    let isForeign =
      foreigners.contains(reward) || !bounds.isTimely
      || oldOnly.contains(reward) && (!nature.areTimesTrue || !swapped.isEmpty)
    return switch reason {
    case .unexplained:
      // Swapped answers leave a call with codes that were made before its own time.
      miscounted.contains(reward) || isForeign || veiled.contains(reward) && !nature.isAsDocumented
    case .indistinct:
      miscounted.contains(reward) || veiled.contains(reward) || isForeign
        || nature.prefixForm(of: reward) != .literal
    case .outOfTime: isForeign || !nature.isClockOne
    case .nulls: unseen.contains(reward)
    case .differs: textsDiffer(in: reward) || referenceDiffers
    case .unwitnessed:
      store.ledger.account.provenReward == nil || troubles.listFailedLately(at: world.now)
        || isAnythingPurged || nature.prefixForm(of: reward) != .literal || textsDiffer(in: reward)
        || hasLookalikes(reward)
    // A list to which somebody adds without a pause never comes to its end while it is read.
    case .unlistable: troubles.listFailedLately(at: world.now) || foreigners.contains(reward)
    case .disagreeing: troubles.listFailedLately(reward, at: world.now) || isForeign
    }
  }

  /// Whether prefixes that were asked for are the same but for their case and hyphens: a list might show one as
  /// the other.
  private func hasLookalikes(_ reward: RewardID) -> Bool {
    let prefixes = Set(store.ledger.jobs.values.filter { $0.reward == reward }.compactMap(\.prefix))
    let plain = prefixes.map { $0.lowercased().filter { $0 != "-" } }
    return plain.indices.contains { one in
      plain.indices.contains { $0 != one && plain[$0].hasPrefix(plain[one]) }
    }
  }

  private func textsDiffer(in reward: RewardID) -> Bool { nature.textForm(of: reward) != .same }

  private var referenceDiffers: Bool {
    (api?.codes.keys).map { $0.contains(where: textsDiffer) } ?? false
  }
}
