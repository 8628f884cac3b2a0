import MemoryStore
import Provisioning

/// Everything goes on, or is shown.
extension Stage {
  /// Checks, while nothing goes wrong any more, that no doubt stays undecided for longer than stated.
  func checkPace() {
    let ledger = store.ledger
    let ledgerTime = databaseClock.now.nanoseconds / 1000
    let isPaused =
      ledger.account.pausedUntil ?? .min > ledgerTime || ledger.account.blockedAt != nil
    let doubts = ledger.calls.values.filter { $0.state == .inDoubt && $0.heldAt == nil }
    undecided = undecided.filter { id, _ in doubts.contains { $0.call.id == id } }
    for id in doubts.map(\.call.id).sorted() {
      // While the account pauses or the API cannot be reached, nobody can ask.
      let since = isPaused ? world.now : max(undecided[id] ?? world.now, api?.isDownUntil ?? 0)
      undecided[id] = since
      guard chaos.bounds.isSteady, let reward = ledger.calls[id]?.call.reward else { continue }
      if world.now - since > longestDoubt(of: reward).nanoseconds {
        world.fail(
          "call \(id.short) is neither decided nor held after \((world.now - since) / 1_000_000_000) s"
        )
      }
    }
  }

  /// A quarter of an hour and what pauses add to it, and forty times as long as a listing takes where
  /// pages are small and requests few.
  private func longestDoubt(of reward: RewardID) -> Duration {
    let lists = api?.codes.filter { $0.key == reward || nature.unfiltered.contains(reward) } ?? [:]
    let pages = lists.values.reduce(0) { $0 + $1.count } / nature.pageSize
    return .seconds(45 * 60) + .seconds(40 * pages * 4)
  }

  /// Jobs that are neither finished nor held with a reason, doubts that nobody has decided, and counters
  /// that nobody has mended.
  var unfinished: [String] {
    let ledger = store.ledger
    let reasons = ledger.calls.values.filter { $0.heldAt != nil && $0.holdReason != nil }
    let explained = Set(reasons.map(\.call.job))
    let jobs = ledger.jobs.values.filter {
      !$0.state.isTerminal && !explained.contains($0.id) && !($0.held && $0.errorCode != nil)
    }
    let doubts = ledger.calls.values.filter {
      $0.state == .sending || $0.state == .inDoubt && $0.heldAt == nil
    }
    return jobs.map { job in
      let reward = ledger.rewards[job.reward]
      return "job \(job.id) of \(job.reward.short) is \(job.state.rawValue), \(job.issued) of "
        + "\(job.count), \(job.outstanding) asked for, \(job.surplus) surplus, "
        + "held \(job.held), in the queue \(job.isQueued), "
        + "closed \(reward?.closedAt != nil), awaits \(reward?.awaitsListing ?? false)"
    } + doubts.map { "call \($0.call.id.short) is \($0.state.rawValue)" }
      + (ledger.isMeddled ? ["counters that somebody set wrong"] : [])
  }
}
