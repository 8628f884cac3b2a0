public import Provisioning

extension MemoryLedger {
  /// Codes of a reward were stored: `codemint.track_codes`.
  mutating func track(_ shown: [IssuedCode], of reward: RewardID, now: Int64) {
    guard shown.contains(where: { !$0.syncStatus.isFinal }) else { return }
    let times = shown.compactMap { $0.createdAt?.microseconds }
    let mark = times.count == shown.count ? times.min() : nil
    guard var row = tracked[reward] else {
      var row = TrackedRow()
      row.nextPassAt = now
      row.mark = mark
      tracked[reward] = row
      return
    }
    let isPastMark = row.mark.flatMap { old in mark.map { $0 >= old } } ?? false
    guard row.nextPassAt == nil || row.passes > 0 || (row.mark != nil && !isPastMark) else {
      return
    }
    if !isPastMark { row.scanOffset = nil }
    if row.nextPassAt == nil {
      row.mark = mark
    } else if let old = row.mark, let mark {
      row.mark = min(old, mark)
    } else {
      row.mark = nil
    }
    if row.nextPassAt == nil || row.passes > 0 { row.nextPassAt = now }
    row.passes = 0
    row.givenUpAt = nil
    tracked[reward] = row
  }

  /// Takes the reward whose pass has been due for the longest time: `codemint.take_tracked`.
  public mutating func takeTracked(
    _ worker: WorkerID,
    lease: Duration,
    first: Duration,
    now: Int64
  ) -> TrackingAnswer {
    let due = tracked.filter { $0.value.dueAt(first) ?? .max <= now && $0.value.isFree(now) }
    let next = due.min { ($0.value.nextPassAt ?? 0, $0.key) < ($1.value.nextPassAt ?? 0, $1.key) }
    guard let (reward, row) = next else {
      let times = tracked.values.compactMap { row in
        row.dueAt(first).map { max($0, row.workerUntil ?? .min) }
      }
      return .nothing(wait: times.min().map { Self.wait(from: now, to: $0) })
    }
    tracked[reward]?.worker = worker
    tracked[reward]?.workerUntil = now + lease.microseconds
    tracked[reward]?.passes += 1
    return .reward(
      TrackedReward(
        reward: reward,
        pass: row.passes + 1,
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

  /// A slot for a page of a tracked reward: `codemint.sync_slot`.
  public mutating func syncSlot(
    _ reward: RewardID,
    worker: WorkerID,
    lease: Duration,
    now: Int64
  ) -> SyncSlot {
    guard isTracked(reward, by: worker, now: now) else { return .lost }
    tracked[reward]?.workerUntil = now + lease.microseconds
    if let limiter = limiter(now: now), let last = account.syncSlot,
      jobs.values.contains(where: \.isQueued)
    {
      let next = last + 10 * limiter.spacing
      if next > now { return .wait(Self.wait(from: now, to: next)) }
    }
    guard let delay = reserveSlot(now: now) else { return .closed }
    account.syncSlot = now + delay.microseconds
    tracked[reward]?.workerUntil = now + lease.microseconds + delay.microseconds
    return .slot(delay)
  }

  /// Records how a page showed codes of a tracked reward: `codemint.record_changes`.
  /// - Throws: `contentRefused` for what a Postgres database does not take.
  public mutating func record(
    _ shown: [IssuedCode],
    of reward: RewardID,
    worker: WorkerID,
    now: Int64
  ) throws(StoreError) -> RecordedChanges {
    try ContentRule.check(shown)
    guard isTracked(reward, by: worker, now: now) else {
      return RecordedChanges(kept: false, changed: 0, unknown: 0, raisesWatch: false)
    }
    var changed = 0
    for code in shown {
      guard var row = codes[code.id], row.code.reward == reward, !row.isPurged, row.takes(code)
      else { continue }
      row.code = row.code.shown(as: code)
      if row.code.syncStatus == .synced { row.syncedAt = row.syncedAt ?? now }
      codes[code.id] = row
      changed += 1
    }
    let unknown = shown.filter {
      codes[$0.id] == nil && unattributed[$0.id] == nil && rawCodes[$0.id] == nil
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
    guard let first, let row = rewards[reward], row.closedAt == nil, row.inFlight == 0,
      watches[reward]?.nextListingAt == nil,
      tracked[reward]?.lateCodesAt ?? .min < now - 3_600_000_000
    else { return false }
    tracked[reward]?.lateCodesAt = now
    watch(reward, because: first.call.id, reason: .lateCodes, now: now)
    return true
  }

  /// Whether this worker has the reward for a pass.
  func isTracked(_ reward: RewardID, by worker: WorkerID, now: Int64) -> Bool {
    guard let row = tracked[reward] else { return false }
    return row.worker == worker && row.workerUntil ?? .min >= now
  }
}

extension TrackedRow {
  fileprivate func dueAt(_ first: Duration) -> Int64? {
    nextPassAt.map { $0 + (passes == 0 ? first.microseconds : 0) }
  }

  fileprivate func isFree(_ now: Int64) -> Bool { workerUntil ?? .min < now }
}

extension SyncStatus {
  /// Whether nothing is waited for because of it.
  var isFinal: Bool { self == .none || self == .synced }
}

extension CodeRow {
  /// Whether a listing shows it otherwise, and not as it was before.
  fileprivate func takes(_ shown: IssuedCode) -> Bool {
    shown.isNewer(than: code) && code != code.shown(as: shown)
  }
}

extension IssuedCode {
  /// Whether it may replace what is known of a code: `codemint.is_newer`.
  func isNewer(than known: IssuedCode) -> Bool {
    guard let before = known.updatedAt else { return true }
    return updatedAt.map { $0 >= before } ?? false
  }

  /// The same code in the state that a page of a sync pass shows. What the page does not show stays.
  fileprivate func shown(as other: IssuedCode) -> IssuedCode {
    let isSilent = other.externalIDs == Self.none && externalIDs != Self.none
    let isSame = updatedAt != nil && updatedAt == other.updatedAt
    return IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: other.status,
      createdAt: createdAt,
      expiresAt: other.expiresAt ?? (isSame ? expiresAt : nil),
      updatedAt: other.updatedAt,
      externalIDs: isSilent ? externalIDs : other.externalIDs,
      syncStatus: isSilent ? syncStatus : other.syncStatus
    )
  }

  private static let none = Array("{}".utf8)
}
