public import Provisioning

extension MemoryLedger {
  /// A reward is to be listed again: `codemint.watch_reward`. A listing that calls wait for is due at
  /// once, and stays awaited when another reason comes. Any other is due in a minute.
  mutating func watch(
    _ reward: RewardID,
    because call: CallID,
    reason: WatchRow.Reason,
    now: Int64
  ) {
    guard var row = rewards[reward], let claimed = calls[call] else { return }
    var watch = watches[reward] ?? WatchRow(reason: reason, call: call)
    // How long a list has failed is counted anew where calls begin to wait for it.
    if watch.nextListingAt == nil || reason.awaitsListing && !row.awaitsListing {
      watch.forgetFailures()
    }
    row.giveBack()
    if !(row.awaitsListing && watch.reason == .failover) {
      watch.reason = reason
      watch.call = call
    }
    if reason.awaitsListing {
      row.awaitsListing = true
      watch.nextListingAt = now
    } else if !row.awaitsListing {
      watch.nextListingAt = now + Self.minute
    }
    watch.listingsLeft = !row.awaitsListing && reason == .lateCodes ? 1 : Self.listings.count
    watch.ended = nil
    watch.since = min(watch.since ?? .max, sentSince(claimed) ?? now)
    rewards[reward] = row
    watches[reward] = watch
  }

  /// The reward was listed for these calls: calls that wait for a listing wait for one that cannot be
  /// older, and that takes all that these can have made: `codemint.await_anew`.
  mutating func awaitAnew(_ reward: RewardID, sentSince decided: [CallID], now: Int64) {
    guard rewards[reward]?.awaitsListing ?? false, var watch = watches[reward] else { return }
    watch.nextListingAt = now
    watch.forgetFailures()
    watch.since =
      (decided.compactMap { calls[$0].flatMap { sentSince($0) } } + [watch.since ?? .max]).min()
    watches[reward] = watch
  }

  /// From when on a call can have made codes. One that a failover lost and its settlement brought back
  /// has no slot: it was sent at any time since its job was inserted.
  private func sentSince(_ row: CallRow) -> Int64? {
    row.sendAt == nil ? jobs[row.call.job]?.createdAt : row.createdAt
  }

  /// Takes a reward whose watch is due: `codemint.take_watch`.
  public mutating func takeWatch(_ worker: WorkerID, lease: Duration, now: Int64) -> WatchCase? {
    guard account.mayList else { return nil }
    let due = watches.filter { isDue($0.value, of: $0.key, now: now) }
    let first = due.min {
      ($0.value.nextListingAt ?? 0, $0.key) < ($1.value.nextListingAt ?? 0, $1.key)
    }
    guard let (id, watch) = first, let reward = rewards[id] else { return nil }
    rewards[id]?.reconciler = worker
    rewards[id]?.reconcilerUntil = now + lease.microseconds
    let since = (watch.since ?? 0) - Bounds.createdAtResolution.microseconds
    return WatchCase(
      reward: id,
      newestKnown: reward.newestKnown,
      since: offset(now: now).map { Timestamp(microseconds: since + $0.low) },
      dueAt: Timestamp(microseconds: watch.nextListingAt ?? now),
      now: Timestamp(microseconds: now),
      isAwaited: reward.awaitsListing,
      failures: watch.failures,
      failingSince: watch.failingSince.map(Timestamp.init(microseconds:))
    )
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
    guard var row = rewards[reward], row.reconciler == worker, var watch = watches[reward] else {
      return
    }
    var pause = pause
    row.giveBack()
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

  /// Records what a listing found: `codemint.conclude_watch`.
  public mutating func conclude(_ watch: WatchFinding, worker: WorkerID, now: Int64)
    -> WatchAnswer
  {
    guard isLeased(watch.reward, by: worker, now: now), let reward = rewards[watch.reward] else {
      return .lost
    }
    // An answer may have shown some of them since they were listed. They are no short answer's.
    let found = watch.codes.filter { !ContentRule.refuses($0) && codes[$0.id] == nil }
    if !watch.codes.isEmpty, reward.closedAt != nil {
      rewards[watch.reward]?.giveBack()
      return .lost
    }
    let isInFlight = calls.values.contains {
      $0.call.reward == watch.reward && $0.state == .sending
        && $0.createdAt <= watch.listedUntil.microseconds
    }
    if !watch.codes.isEmpty, isInFlight { return .wait }
    var (issued, surplus) = (0, 0)
    let told = signals.count
    let because = watches[watch.reward]?.call
    if !found.isEmpty, let call = because.flatMap({ calls[$0] })?.call {
      let rest = takeKeptBack(found, of: watch.reward, issued: &issued, now: now)
      surplus = keepRest(rest, foundFor: call, now: now)
    }
    if let because { keepRaw(watch.codes, of: because) }
    endListing(of: watch.reward, now: now)
    signals.append(.jobs)
    return .done(issued: issued, surplus: surplus, ended: ended(since: told))
  }

  /// Gives codes to the calls whose answers kept them back: `codemint.take_kept_back`.
  private mutating func takeKeptBack(
    _ found: [IssuedCode],
    of reward: RewardID,
    issued: inout Int,
    now: Int64
  ) -> [IssuedCode] {
    let short = calls.values.filter { $0.isShort && $0.call.reward == reward }
    let choosing = short.sorted { one, other in
      (-(one.call.prefix?.utf8.count ?? 0), one.createdAt, one.call.id)
        < (-(other.call.prefix?.utf8.count ?? 0), other.createdAt, other.call.id)
    }
    var rest = found
    for call in choosing.map(\.call) {
      guard let job = jobs[call.job], job.state.takesCalls else { continue }
      let counted = codes.values.filter { $0.call == call.id && !$0.isSurplus }.count
      let room = min(job.room, call.size - counted)
      guard room > 0 else { continue }
      let own = Array(rest.filter { $0.hasPrefix(call.prefix ?? "") }.prefix(room))
      let taken = Set(own.map(\.id))
      rest.removeAll { taken.contains($0.id) }
      issued += credit(call, reserved: 0, room: room, own, now: now).issued
    }
    return rest
  }

  /// What may be a held call's is set aside for it, since it has no outcome yet; everything else is
  /// surplus: `codemint.keep_rest`.
  private mutating func keepRest(_ rest: [IssuedCode], foundFor call: Call, now: Int64) -> Int {
    let held = calls.values.filter { $0.call.reward == call.reward && $0.heldAt != nil }
      .min {
        ($0.hasSeenAll ? 1 : 0, $0.createdAt, $0.call.id)
          < ($1.hasSeenAll ? 1 : 0, $1.createdAt, $1.call.id)
      }
    guard let held else { return credit(call, reserved: 0, room: 0, rest, now: now).surplus }
    keep(rest, of: held.call)
    return 0
  }

  /// One listing of a watch is done: `codemint.end_listing`. The one that calls waited for comes before
  /// the four others.
  private mutating func endListing(of id: RewardID, now: Int64) {
    guard var reward = rewards[id], var watch = watches[id] else { return }
    reward.giveBack()
    if reward.awaitsListing {
      reward.awaitsListing = false
      watch.listingsLeft = Self.listings.count
    } else {
      watch.listingsLeft -= 1
    }
    let isLast = watch.listingsLeft == 0
    watch.nextListingAt = Self.listings.suffix(watch.listingsLeft).first.map { now + $0 }
    watch.forgetFailures()
    watch.ended = isLast ? "listed" : nil
    if isLast { watch.since = nil }
    rewards[id] = reward
    watches[id] = watch
    for (call, row) in calls where row.isShort && row.call.reward == id {
      calls[call]?.isShort = false
    }
  }

  /// Whether a reward is due to be reconciled, or a watched one to be listed again.
  func isReconcilingDue(now: Int64) -> Bool {
    account.mayList
      && (rewards.values.contains { $0.isDoubtDue(now: now) }
        || watches.contains { isDue($0.value, of: $0.key, now: now) })
  }

  private func isDue(_ watch: WatchRow, of reward: RewardID, now: Int64) -> Bool {
    guard let next = watch.nextListingAt, next <= now, let row = rewards[reward] else {
      return false
    }
    return row.closedAt == nil && row.isFree(now: now)
  }

  private static let minute: Int64 = 60_000_000
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
