import Provisioning

extension MemoryLedger {
  /// Sentences about every invariant of the protocol that does not hold; none if all is well.
  public func brokenInvariants() -> [String] {
    brokenJobs() + brokenCounters() + brokenCodes()
  }

  /// The same about those that depend on a table that has changed since the last time of asking.
  mutating func newlyBrokenInvariants() -> [String] {
    defer { touched = [] }
    // Somebody has set counters wrong, and nobody has compared them yet.
    if isMeddled { return brokenCodes() }
    let jobs = touched.isDisjoint(with: [.jobs, .calls]) ? [] : brokenJobs()
    let counters =
      touched.isDisjoint(with: [.calls, .rewards, .account]) ? [] : brokenCounters()
    let codes = touched.isDisjoint(with: [.jobs, .calls, .codes]) ? [] : brokenCodes()
    return jobs + counters + codes
  }

  private func brokenJobs() -> [String] {
    var broken: [String] = []
    let reserving = calls.values.filter(\.state.holdsRoom)
    let reserved = Dictionary(grouping: reserving, by: \.call.job)
      .mapValues { $0.reduce(0) { $0 + $1.outstanding } }
    for job in jobs.values {
      func expect(_ holds: Bool, _ sentence: String) {
        if !holds { broken.append("job \(job.id): \(sentence)") }
      }
      expect(job.issued >= 0 && job.outstanding >= 0 && job.surplus >= 0, "a counter is negative")
      expect(job.issued + job.outstanding <= job.count, "holds more than it asked for")
      expect(job.outstanding == reserved[job.id] ?? 0, "outstanding is not what its calls reserve")
      expect(job.state != .completed || job.issued == job.count, "completed and not full")
      expect(
        job.state.isTerminal == (job.finishedAt != nil)
          && !(job.state.isTerminal && reserved[job.id] != nil),
        "terminal with something outstanding, or without its end"
      )
      expect((job.state == .ending) == (job.endsAs != nil), "ending without knowing how")
      expect(
        !job.isQueued || job.state.takesCalls && !job.paused && !job.held && job.room > 0,
        "is in the queue and can take no call"
      )
      expect(
        job.room == 0 || !job.state.takesCalls || job.paused || job.held || job.nextCallAt != nil,
        "needs a call and stands nowhere"
      )
    }
    return broken
  }

  private func brokenCounters() -> [String] {
    var broken: [String] = []
    let sending = calls.values.filter { $0.state == .sending }
    if account.inFlight != sending.count {
      broken.append("account: \(account.inFlight) in flight, \(sending.count) sending")
    }
    let inFlight = Dictionary(grouping: sending, by: \.call.reward).mapValues(\.count)
    let doubts = calls.values.filter(\.isInDoubt)
    let doubted = Set(doubts.map(\.call.reward))
    let openlyDoubted = Set(doubts.filter { $0.heldAt == nil }.map(\.call.reward))
    for (id, reward) in rewards {
      if reward.inFlight != inFlight[id] ?? 0 {
        broken.append("reward \(id): \(reward.inFlight) in flight, \(inFlight[id] ?? 0) sending")
      }
      // It may also be closed to judge a held call anew.
      if reward.closedAt != nil ? !doubted.contains(id) : openlyDoubted.contains(id) {
        broken.append("reward \(id): closed without a doubt, or open with one")
      }
      if reward.awaitsListing, watches[id]?.nextListingAt == nil {
        broken.append("reward \(id): awaits a listing that is not due")
      }
    }
    for (id, watch) in watches {
      if (watch.nextListingAt == nil) != (watch.ended != nil) {
        broken.append("reward \(id): watched without a next listing, or with one after its end")
      }
      if watch.nextListingAt != nil, watch.since == nil {
        broken.append("reward \(id): watched without a time")
      }
    }
    for row in calls.values where row.heldAt != nil && row.state != .inDoubt {
      broken.append("call \(row.call.id): held and not in doubt")
    }
    for row in calls.values where row.state.holdsRoom != (row.outstanding > 0) {
      broken.append("call \(row.call.id): \(row.state) and holds room for \(row.outstanding)")
    }
    for row in calls.values where row.state == .sending && row.leaseExpiresAt == nil {
      broken.append("call \(row.call.id): sending without a lease")
    }
    return broken
  }

  private func brokenCodes() -> [String] {
    var broken: [String] = []
    var issued: [JobID: Int] = [:]
    var surplus: [JobID: Int] = [:]
    for (id, row) in codes {
      if row.isSurplus, let job = row.job { surplus[job, default: 0] += 1 }
      guard let job = row.job, let call = row.call else {
        if !row.isSurplus, !row.isPurged { broken.append("code \(id): counts for nobody") }
        continue
      }
      if !row.isSurplus { issued[job, default: 0] += 1 }
      let owner = calls[call]?.call.job
      if owner != job, owner != nil || !hasForgotten {
        broken.append("code \(id): of another job's call")
      }
      if jobs[job]?.reward != row.code.reward { broken.append("code \(id): of another reward") }
      if unattributed[id] != nil, unattributed[id]?.call == call {
        broken.append("code \(id): counted and unattributed of one call")
      }
    }
    for job in jobs.values {
      if job.issued != issued[job.id] ?? 0 {
        broken.append("job \(job.id): \(job.issued) issued, \(issued[job.id] ?? 0) codes")
      }
      if job.surplus != surplus[job.id] ?? 0 {
        broken.append("job \(job.id): \(job.surplus) surplus, \(surplus[job.id] ?? 0) codes")
      }
    }
    return broken
  }
}

/// Tables of a ledger, for telling which of the invariants a request can have broken.
struct Touched: OptionSet, Hashable, Sendable {
  let rawValue: UInt8

  static let jobs = Touched(rawValue: 1)
  static let calls = Touched(rawValue: 2)
  /// Those that hold codes.
  static let codes = Touched(rawValue: 4)
  static let rewards = Touched(rawValue: 8)
  static let account = Touched(rawValue: 16)
  static let all: Touched = [.jobs, .calls, .codes, .rewards, .account]
}
