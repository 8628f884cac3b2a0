public import Provisioning

extension MemoryLedger {
  /// A reward is to be listed again: `codemint.watch_reward`. Here nothing fails over, so that there
  /// is no step -2.
  mutating func watch(_ reward: RewardID, because call: CallID, step: Int, now: Int64) {
    guard var row = rewards[reward], let claimed = calls[call] else { return }
    // How long a list has failed is counted anew where calls begin to wait for it.
    if row.watchAt == nil || step < 0 && !row.awaitsListing { row.forgetWatchFailures() }
    row.giveBack()
    row.watchCall = call
    if step < 0 {
      row.watchAt = now
    } else if !row.awaitsListing {
      row.watchAt = now + Self.minute
    }
    row.watchStep = row.awaitsListing ? min(step, row.watchStep) : step
    row.watchEnded = nil
    let since =
      claimed.sendAt == nil ? jobs[claimed.call.job]?.createdAt ?? now : claimed.createdAt
    row.watchedSince = min(row.watchedSince ?? .max, since)
    rewards[reward] = row
  }

  /// Takes a reward whose watch is due: `codemint.take_watch`.
  public mutating func takeWatch(_ worker: WorkerID, lease: Duration, now: Int64) -> WatchCase? {
    guard account.mayList else { return nil }
    let due = rewards.filter { $0.value.isWatchDue(now: now) }
    let first = due.min { ($0.value.watchAt ?? 0, $0.key) < ($1.value.watchAt ?? 0, $1.key) }
    guard let (id, reward) = first else { return nil }
    rewards[id]?.reconciler = worker
    rewards[id]?.reconcilerUntil = now + lease.microseconds
    let since = (reward.watchedSince ?? 0) - Bounds.createdAtResolution.microseconds
    return WatchCase(
      reward: id,
      newestKnown: reward.newestKnown,
      since: offset(now: now).map { Timestamp(microseconds: since + $0.low) },
      dueAt: Timestamp(microseconds: reward.watchAt ?? now),
      now: Timestamp(microseconds: now),
      isAwaited: reward.awaitsListing,
      failures: reward.watchFailures,
      failingSince: reward.watchFailingSince.map(Timestamp.init(microseconds:))
    )
  }

  /// Puts a round of a watch off, lets its calls wait no longer, or gives it up:
  /// `codemint.put_off_watch`.
  public mutating func putOff(
    _ reward: RewardID,
    worker: WorkerID,
    pause: Duration?,
    error: String,
    now: Int64
  ) {
    guard var row = rewards[reward], row.reconciler == worker else { return }
    var pause = pause
    row.giveBack()
    if pause == nil, row.awaitsListing {
      hold(
        reward,
        code: HoldReason.unlistable.rawValue,
        message: "its reward has to be listed before anything more is asked of it, and could "
          + "not be: codes may be missing here; see codemint.watches"
      )
      row.watchStep = 0
      pause = .microseconds(Self.minute)
    }
    row.watchAt = pause.map { now + $0.microseconds }
    row.watchEnded = pause == nil ? "unlistable" : nil
    row.watchFailures += 1
    row.watchFailingSince = row.watchFailingSince ?? now
    row.watchError = error
    rewards[reward] = row
  }

  /// Concludes one round of a watch: `codemint.conclude_watch`.
  public mutating func conclude(_ watch: WatchFinding, worker: WorkerID, now: Int64)
    -> WatchAnswer
  {
    guard isHeld(watch.reward, by: worker, now: now), let reward = rewards[watch.reward] else {
      return .lost
    }
    let found = watch.codes.filter { !ContentRule.refuses($0) }
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
    if !found.isEmpty, let call = reward.watchCall.flatMap({ calls[$0] })?.call {
      let rest = takeKeptBack(found, of: watch.reward, issued: &issued, now: now)
      surplus = keepRest(rest, foundFor: call, now: now)
    }
    if let call = reward.watchCall { keepRaw(watch.codes, of: call) }
    endRound(of: watch.reward, now: now)
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
      issued += credit(call, held: 0, room: room, own, now: now).issued
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
    guard let held else { return credit(call, held: 0, room: 0, rest, now: now).surplus }
    keep(rest, of: held.call)
    return 0
  }

  /// One listing of a watch is done: `codemint.end_round`.
  private mutating func endRound(of id: RewardID, now: Int64) {
    guard var reward = rewards[id] else { return }
    let step = max(reward.watchStep + 1, 0)
    reward.giveBack()
    reward.watchStep = step
    reward.watchAt =
      Self.watchPauses.indices.contains(step) ? now + Self.watchPauses[step] : nil
    reward.forgetWatchFailures()
    reward.watchEnded = step > 3 ? "listed" : nil
    if step > 3 { reward.watchedSince = nil }
    rewards[id] = reward
    for (call, row) in calls where row.isShort && row.call.reward == id {
      calls[call]?.isShort = false
    }
  }

  /// Whether a reward is due to be reconciled, or a watched one to be listed again.
  func isReconcilingDue(now: Int64) -> Bool {
    account.mayList
      && rewards.values.contains { $0.isDoubtDue(now: now) || $0.isWatchDue(now: now) }
  }

  private static let minute: Int64 = 60_000_000
  /// From each listing of a watch to the next: 1 minute, 10 minutes, 1 hour and 24 hours in all.
  private static let watchPauses = [1, 9, 50, 23 * 60].map { $0 * minute }
}

extension RewardRow {
  fileprivate mutating func forgetWatchFailures() {
    watchFailures = 0
    watchFailingSince = nil
    watchError = nil
  }

  fileprivate func isWatchDue(now: Int64) -> Bool {
    guard let watchAt, watchAt <= now else { return false }
    return closedAt == nil && isFree(now: now)
  }
}
