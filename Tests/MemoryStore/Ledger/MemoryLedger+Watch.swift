public import Provisioning

extension MemoryLedger {
  /// A reward is to be listed again: `codemint.watch_reward`. A listing that calls wait for is due at
  /// once, and stays awaited when another reason comes. Any other is due in a minute.
  mutating func watch(
    _ reward: RewardID,
    because call: CallID?,
    reason: WatchRow.Reason,
    since: Int64? = nil,
    now: Int64
  ) {
    guard var row = rewards[reward] else { return }
    var watch = watches[reward] ?? WatchRow(reason: reason, call: call)
    let wasAwaited = row.awaitsListing
    // How long a list has failed is counted anew where calls begin to wait for it.
    if watch.nextListingAt == nil || reason.awaitsListing && !wasAwaited { watch.forgetFailures() }
    if !wasAwaited || reason.awaitsListing { watch.reason = reason }
    watch.call = call ?? watch.call
    if reason.awaitsListing {
      row.awaitsListing = true
      watch.nextListingAt = now
    } else if !wasAwaited {
      watch.nextListingAt = now + Self.minute
    }
    watch.listingsLeft = !wasAwaited && reason == .lateCodes ? 1 : Self.listings.count
    watch.ended = nil
    let since = since ?? call.flatMap { calls[$0] }.flatMap(sentSince)
    watch.since = min(watch.since ?? .max, since ?? now)
    rewards[reward] = row
    watches[reward] = watch
    giveBack(reward)
  }

  /// From when on a call can have made codes: `codemint.sent_since`. One that a failover lost and its
  /// settlement brought back has no slot: it was sent at any time since its job was inserted.
  /// The clock of another server gave the time of a call from before a failover or a restore.
  func sentSince(_ row: CallRow) -> Int64? {
    let since = row.sendAt == nil ? jobs[row.call.job]?.createdAt : row.createdAt
    return since.map { $0 - (row.createdAt <= aliveBefore ?? .min ? Self.otherClock : 0) }
  }

  /// Takes a reward whose watch is due: `codemint.take_watch`.
  public mutating func takeWatch(_ worker: WorkerID, lease: Duration, now: Int64) -> WatchCase? {
    guard account.mayList else { return nil }
    let due = watches.filter { id, watch in
      isDue(watch, of: id, now: now) && !judgesAnew(id, dueAt: watch.nextListingAt)
        && !locked.rewards.contains(id)
    }
    let first = due.min {
      ($0.value.nextListingAt ?? 0, $0.key) < ($1.value.nextListingAt ?? 0, $1.key)
    }
    guard let (id, watch) = first, let reward = rewards[id] else { return nil }
    lend(id, to: worker, lease: lease, now: now)
    let since = watch.since == .min ? nil : watch.since
    return WatchCase(
      reward: id,
      mustShow: mustShow(of: reward),
      reference: reference(for: id),
      lacking: lacking(of: id, since: since),
      since: since.map(Timestamp.init(microseconds:)),
      offset: offset(now: now),
      isClockDistrusted: isClockDistrusted(now: now),
      dueAt: Timestamp(microseconds: watch.nextListingAt ?? now),
      now: Timestamp(microseconds: now),
      isAwaited: reward.awaitsListing,
      failures: watch.failures,
      failingSince: watch.failingSince.map(Timestamp.init(microseconds:))
    )
  }

  /// Decided calls of a watched reward of which codes are lacking: `codemint.lacking_calls`.
  private func lacking(of reward: RewardID, since: Int64?) -> [DoubtfulCall] {
    calls.values
      .filter { row in
        guard row.call.reward == reward else { return false }
        return row.state == .absent && row.createdAt >= since ?? .min
          || row.isShort && (row.state == .issued || row.state == .adopted)
      }
      .sorted { ($0.createdAt, $0.call.id) < ($1.createdAt, $1.call.id) }
      .filter { lacks($0.call) > 0 }
      .map { describe($0, lacks: lacks($0.call), isAnswered: true) }
  }

  /// How many codes of a call are not known: its size without `codemint.count_known`.
  private func lacks(_ call: Call) -> Int {
    call.size - codes.values.count { $0.call == call.id } - rawCodes.values.count { $0 == call.id }
  }

  /// Puts a listing off, lets calls wait for it no longer, or gives the watch up:
  /// `codemint.put_off_watch`.
  public mutating func putOff(
    _ reward: RewardID,
    worker: WorkerID,
    pause: Duration?,
    error: String,
    now: Int64
  ) {
    guard rewards[reward]?.reconciler == worker else { return }
    giveBack(reward)
    guard var row = rewards[reward], var watch = watches[reward] else { return }
    var pause = pause
    if pause == nil, row.awaitsListing {
      hold(
        reward,
        code: HoldReason.unlistable.rawValue,
        message: "the reward has to be listed before anything more is asked, and could not be: "
          + "codes may be missing here; see codemint.watches"
      )
      row.awaitsListing = false
      pause = .microseconds(Self.minute)
    }
    watch.nextListingAt = pause.map { now + $0.microseconds }
    watch.ended = pause == nil ? "unlistable" : nil
    watch.failures += 1
    watch.failingSince = watch.failingSince ?? now
    watch.errorMessage = error
    rewards[reward] = row
    watches[reward] = watch
  }

  /// Records what a listing found: `codemint.conclude_watch`. Nothing waits for a piece here, so there
  /// is only one.
  public mutating func conclude(_ watch: WatchFinding, worker: WorkerID, now: Int64)
    -> WatchAnswer
  {
    let id = watch.reward
    guard isLeased(id, by: worker, now: now), let reward = rewards[id] else { return .lost }
    let hasFound = !oldest(watch).isEmpty || !watch.raw.isEmpty
    if hasFound, reward.closedAt != nil {
      giveBack(id)
      return .lost
    }
    let isInFlight = calls.values.contains {
      $0.call.reward == id && $0.state == .sending
        && $0.createdAt <= watch.listedUntil.microseconds
    }
    if hasFound, isInFlight { return .wait }
    let told = signals.count
    var found = creditLacking(watch, now: now)
    if watch.isBelieved, reward.awaitsListing {
      found.issued += creditJobs(oldest(watch), of: id, worker: worker, now: now)
    } else if reward.awaitsListing, !oldest(watch).isEmpty {
      hold(id, code: "codes_unproven", message: Self.unproven)
    }
    found.surplus += keepRest(oldest(watch).map(\.id), of: id, now: now)
    for code in watch.raw { keepRaw(code.id, of: watches[id]?.call) }
    endListing(of: id, failed: false, now: now)
    signals.append(.jobs)
    return .done(issued: found.issued, surplus: found.surplus, ended: ended(since: told))
  }

  /// What a finding has staged and is not certainly older than the watch, oldest first.
  private func oldest(_ watch: WatchFinding) -> [IssuedCode] {
    staged(watch.listing, of: watch.reward).values
      .filter { code in
        guard let since = watch.since, let created = code.createdAt else { return true }
        return created >= since
      }
      .sorted(by: Self.isOlder)
  }

  /// Gives codes to the calls that lack them: `codemint.credit_lacking`.
  private mutating func creditLacking(_ watch: WatchFinding, now: Int64) -> Stored {
    var found = Stored()
    guard staging[watch.reward]?.listing == watch.listing else { return found }
    for adoption in watch.adopted {
      guard var row = calls[adoption.call.id] else { continue }
      let lacks = lacks(row.call)
      guard lacks > 0 else { continue }
      let job = jobs[row.call.job]
      let room = job?.state.takesCalls ?? false ? job?.room ?? 0 : 0
      let own = Array(adoption.codes.prefix(lacks))
      let stored = credit(row.call, reserved: 0, room: room, own, now: now)
      let number = stored.issued + stored.surplus
      guard number > 0 else { continue }
      if row.state == .absent {
        row.state = .adopted
        row.received = number
      }
      row.isShort = lacks > number
      calls[row.call.id] = row
      found.issued += stored.issued
      found.surplus += stored.surplus
    }
    return found
  }

  /// What may be a held call's is set aside for it, since it has no outcome yet; everything else is
  /// surplus of no call: `codemint.keep_rest`.
  private mutating func keepRest(_ rest: [CodeID], of reward: RewardID, now: Int64) -> Int {
    let held = calls.values.filter { $0.call.reward == reward && $0.heldAt != nil }
      .min {
        ($0.hasSeenAll ? 1 : 0, $0.createdAt, $0.call.id)
          < ($1.hasSeenAll ? 1 : 0, $1.createdAt, $1.call.id)
      }
    if let held {
      keepForHeld(rest, of: reward, call: held.call.id)
      return 0
    }
    let job = watches[reward]?.call.flatMap { calls[$0]?.call.job }
    let stored = storeListed(rest, of: reward, job: job, call: nil, room: 0, now: now)
    if let job { jobs[job]?.surplus += stored.surplus }
    return stored.surplus
  }

  /// One listing of a watch is done: `codemint.end_listing`. The one that calls waited for comes before
  /// the four others.
  mutating func endListing(of id: RewardID, failed: Bool, now: Int64) {
    giveBack(id)
    let wasAwaited = rewards[id]?.awaitsListing ?? false
    rewards[id]?.awaitsListing = false
    guard var watch = watches[id] else { return }
    if watch.nextListingAt != nil {
      watch.listingsLeft = wasAwaited ? Self.listings.count : watch.listingsLeft - 1
      let isLast = watch.listingsLeft == 0
      watch.nextListingAt = Self.listings.suffix(watch.listingsLeft).first.map { now + $0 }
      watch.forgetFailures()
      watch.ended = isLast ? failed ? "unlistable" : "listed" : nil
      if isLast { watch.since = nil }
      watches[id] = watch
    }
    guard watch.ended == "listed" else { return }
    for (call, row) in calls where row.isShort && row.call.reward == id {
      if row.state == .issued || row.state == .adopted { calls[call]?.isShort = false }
    }
  }

  /// Whether a reward is due to be reconciled, or a watched one to be listed again.
  func isReconcilingDue(now: Int64) -> Bool {
    account.mayList
      && (rewards.keys.contains { isDoubtDue($0, now: now) }
        || watches.contains { isDue($0.value, of: $0.key, now: now) })
  }

  func isDue(_ watch: WatchRow, of reward: RewardID, now: Int64) -> Bool {
    guard let next = watch.nextListingAt, next <= now, let row = rewards[reward] else {
      return false
    }
    return row.closedAt == nil && row.isFree(now: now)
  }

  private static let unproven =
    "the list shows codes that may have been made in the time that the ledger has lost, and no code that "
    + "is known here shows that the list has the texts and times of answers: they are surplus, see "
    + "codemint.watches; codemint.retry_job asks for more beside them"
  static let minute: Int64 = 60_000_000
  /// How long each listing of a watch waits for the one before: 1 minute, 10 minutes, 1 hour and 24
  /// hours in all.
  private static let listings = [1, 9, 50, 23 * 60].map { $0 * minute }
}

extension WatchRow {
  fileprivate mutating func forgetFailures() {
    failures = 0
    failingSince = nil
    errorMessage = nil
  }
}
