public import Provisioning

extension MemoryLedger {
  /// A reward is to be listed again: `codemint.watch_reward`.
  mutating func watch(_ reward: RewardID, because call: CallID, step: Int, now: Int64) {
    guard var row = rewards[reward], let claimed = calls[call] else { return }
    row.watchCall = call
    row.watchStep = step
    row.watchAt = now + (step < 0 ? 0 : Self.minute)
    if step < 0 { row.pausedUntil = max(row.pausedUntil ?? .min, now + Self.minute / 2) }
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
      now: Timestamp(microseconds: now)
    )
  }

  /// Concludes one round of a watch: `codemint.conclude_watch`.
  public mutating func conclude(_ watch: WatchFinding, worker: WorkerID, now: Int64)
    -> WatchAnswer
  {
    guard isHeld(watch.reward, by: worker, now: now), var reward = rewards[watch.reward] else {
      return .lost
    }
    if !watch.codes.isEmpty, reward.closedAt != nil {
      rewards[watch.reward]?.giveBack()
      return .lost
    }
    let isInFlight = calls.values.contains {
      $0.call.reward == watch.reward && $0.state == .sending
        && $0.createdAt <= watch.listedUntil.microseconds
    }
    if !watch.codes.isEmpty, isInFlight { return .wait }
    let stored = take(watch.codes, for: reward, now: now)
    let step = reward.watchStep ?? 0
    reward.giveBack()
    if step < 0 { reward.pausedUntil = nil }
    reward.watchStep = step + 1
    reward.watchAt =
      Self.watchPauses.indices.contains(step + 1)
      ? now + Self.watchPauses[step + 1] : nil
    if step >= 3 { reward.watchedSince = nil }
    rewards[watch.reward] = reward
    signals.append(.jobs)
    return .done(issued: stored.issued, surplus: stored.surplus)
  }

  /// Codes that an answer has kept back count for its job as long as nothing has been asked again;
  /// whatever comes to light later is surplus.
  private mutating func take(_ shown: [IssuedCode], for reward: RewardRow, now: Int64) -> Stored {
    guard let call = reward.watchCall.flatMap({ calls[$0] })?.call, var job = jobs[call.job] else {
      return Stored()
    }
    var room = 0
    if reward.watchStep ?? 0 < 0, job.state.takesCalls {
      let counted = codes.values.filter { $0.call == call.id && !$0.isSurplus }.count
      room = max(0, min(job.room, call.size - counted))
    }
    var stored = store(shown, of: call, room: room, job: &job)
    for code in shown { strays[code.id] = nil }
    stored.issued += stored.returned
    job.issued += stored.issued
    job.surplus += stored.surplus
    conclude(&job, failure: nil, now: now)
    place(&job, pause: 0, now: now)
    jobs[job.id] = job
    return stored
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
  fileprivate func isWatchDue(now: Int64) -> Bool {
    guard let watchAt, watchAt <= now else { return false }
    return closedAt == nil && isFree(now: now)
  }
}
