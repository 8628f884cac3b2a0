public import Provisioning

extension MemoryLedger {
  /// Codes of a reward were stored: `codemint.follow_codes`.
  mutating func follow(_ shown: [IssuedCode], of reward: RewardID, now: Int64) {
    guard shown.contains(where: { $0.syncStatus.isUnsettled }) else { return }
    let times = shown.compactMap { $0.createdAt?.microseconds }
    let mark = times.count == shown.count ? times.min() : nil
    guard var row = follows[reward] else {
      var row = FollowRow()
      row.lookAt = now
      row.mark = mark
      follows[reward] = row
      return
    }
    let isPastMark = row.mark.flatMap { old in mark.map { $0 >= old } } ?? false
    guard row.lookAt == nil || row.looks > 0 || (row.mark != nil && !isPastMark) else { return }
    if !isPastMark { row.scanOffset = nil }
    if row.lookAt == nil {
      row.mark = mark
    } else if let old = row.mark, let mark {
      row.mark = min(old, mark)
    } else {
      row.mark = nil
    }
    if row.lookAt == nil || row.looks > 0 { row.lookAt = now }
    row.looks = 0
    row.givenUpAt = nil
    follows[reward] = row
  }

  /// Takes the reward whose look is due for the longest time: `codemint.take_follow`.
  public mutating func takeFollow(
    _ worker: WorkerID,
    lease: Duration,
    first: Duration,
    now: Int64
  ) -> FollowAnswer {
    let due = follows.filter { $0.value.dueAt(first) ?? .max <= now && $0.value.isFree(now) }
    let next = due.min { ($0.value.lookAt ?? 0, $0.key) < ($1.value.lookAt ?? 0, $1.key) }
    guard let (reward, row) = next else {
      let times = follows.values.compactMap { row in
        row.dueAt(first).map { max($0, row.followerUntil ?? .min) }
      }
      return .nothing(wait: times.min().map { Self.wait(from: now, to: $0) })
    }
    follows[reward]?.follower = worker
    follows[reward]?.followerUntil = now + lease.microseconds
    follows[reward]?.looks += 1
    return .follow(
      FollowCase(
        reward: reward,
        look: row.looks + 1,
        failures: row.failures,
        mark: row.mark.map(Timestamp.init(microseconds:)),
        order: row.order,
        position: row.scanOffset.map {
          ScanPosition(
            offset: $0,
            anchor: row.scanAnchor,
            newest: row.scanNewest.map(Timestamp.init(microseconds:))
          )
        }
      )
    )
  }

  /// A slot for a page of a followed reward: `codemint.follow_slot`.
  public mutating func followSlot(
    _ reward: RewardID,
    worker: WorkerID,
    lease: Duration,
    now: Int64
  ) -> FollowSlot {
    guard isFollowed(reward, by: worker, now: now) else { return .lost }
    follows[reward]?.followerUntil = now + lease.microseconds
    if let limiter = limiter(now: now), let last = account.syncSlot,
      jobs.values.contains(where: { $0.turn != nil })
    {
      let next = last + 10 * limiter.spacing
      if next > now { return .wait(Self.wait(from: now, to: next)) }
    }
    guard let delay = reserveSlot(now: now) else { return .closed }
    account.syncSlot = now + delay.microseconds
    return .slot(delay)
  }

  /// Records how a page showed codes of a followed reward: `codemint.record_changes`.
  /// - Throws: `contentRefused` for what a Postgres database does not take.
  public mutating func record(
    _ shown: [IssuedCode],
    of reward: RewardID,
    worker: WorkerID,
    now: Int64
  ) throws(StoreError) -> RecordedChanges {
    try ContentRule.check(shown)
    guard isFollowed(reward, by: worker, now: now) else {
      return RecordedChanges(kept: false, changed: 0, unknown: 0, raisesWatch: false)
    }
    var changed = 0
    for code in shown {
      guard var row = codes[code.id], row.code.reward == reward, row.takes(code) else { continue }
      row.code = row.code.shown(as: code)
      if code.syncStatus == .synced { row.syncedAt = row.syncedAt ?? now }
      codes[code.id] = row
      changed += 1
    }
    let unknown = shown.filter {
      codes[$0.id] == nil && strays[$0.id] == nil && rawCodes[$0.id] == nil
    }
    let times = unknown.compactMap { $0.createdAt?.microseconds }
    let newest = times.count == unknown.count ? times.max() : nil
    return RecordedChanges(
      kept: true,
      changed: changed,
      unknown: unknown.count,
      raisesWatch: !unknown.isEmpty && watchForLateCodes(reward, newest: newest, now: now)
    )
  }

  /// Whether unknown codes lead to a watch: `codemint.watch_for_late_codes`.
  private mutating func watchForLateCodes(_ reward: RewardID, newest: Int64?, now: Int64) -> Bool {
    let absent = calls.values.filter {
      $0.call.reward == reward && $0.state == .absent
        && $0.createdAt <= newest.map { $0 + 300_000_000 } ?? .max
    }
    let first = absent.min { ($0.createdAt, $0.call.id) < ($1.createdAt, $1.call.id) }
    guard let first, let row = rewards[reward], row.watchAt == nil, row.closedAt == nil,
      row.inFlight == 0, follows[reward]?.alarmedAt ?? .min < now - 3_600_000_000
    else { return false }
    follows[reward]?.alarmedAt = now
    watch(reward, because: first.call.id, step: 3, now: now)
    return true
  }

  /// Whether this worker has the reward to look at it.
  func isFollowed(_ reward: RewardID, by worker: WorkerID, now: Int64) -> Bool {
    guard let row = follows[reward] else { return false }
    return row.follower == worker && row.followerUntil ?? .min >= now
  }
}

extension FollowRow {
  fileprivate func dueAt(_ first: Duration) -> Int64? {
    lookAt.map { $0 + (looks == 0 ? first.microseconds : 0) }
  }

  fileprivate func isFree(_ now: Int64) -> Bool { followerUntil ?? .min < now }
}

extension SyncStatus {
  /// Whether a reward is followed because of it.
  var isUnsettled: Bool { self == .pending || self == .error }
}

extension CodeRow {
  /// Whether a listing shows it otherwise, and not as it was before.
  fileprivate func takes(_ shown: IssuedCode) -> Bool {
    if let known = code.updatedAt, let told = shown.updatedAt, told < known { return false }
    return code != code.shown(as: shown)
  }
}

extension IssuedCode {
  /// The same code in the state that another listing shows.
  fileprivate func shown(as other: IssuedCode) -> IssuedCode {
    IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: other.status,
      createdAt: createdAt,
      expiresAt: other.expiresAt,
      updatedAt: other.updatedAt,
      externalIDs: other.externalIDs,
      syncStatus: other.syncStatus
    )
  }
}
