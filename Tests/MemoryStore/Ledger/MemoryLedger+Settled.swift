import Foundation
public import Provisioning

extension MemoryLedger {
  /// Ends a look and gives the reward back: `codemint.finish_look`.
  public mutating func finish(
    _ look: LookReport,
    of follow: FollowCase,
    worker: WorkerID,
    rules: SyncRules,
    now: Int64
  ) -> LookAnswer {
    guard isFollowed(look.reward, by: worker, now: now), var row = follows[look.reward] else {
      return .lost
    }
    row.take(look, pause: look.pause(follow, rules), now: now)
    var answer = LookAnswer.following(resync: [])
    if case .read(let reading) = look.ending, reading.position == nil {
      let resyncs = judgeResyncs(look.reward, pauses: rules.resyncPauses, now: now)
      answer = .following(resync: resyncs.asked)
      let pending = codes.values.filter {
        $0.code.reward == look.reward && $0.code.syncStatus == .pending
      }
      let isPending = pending.contains { $0.storedAt > now - rules.patience.microseconds }
      if resyncs.isOpen, row.looks > 0 {
        let again = resyncs.asked.isEmpty ? nil : now + rules.first.microseconds
        row.lookAt = [row.lookAt, resyncs.nextAt, again].compactMap { $0 }.min()
      } else if !isPending, !resyncs.isOpen {
        row.lookAt = nil
        row.givenUpAt = pending.isEmpty ? nil : now
        answer = pending.isEmpty && !resyncs.gaveUp ? .settled : .givenUp
      }
    } else {
      row.looks = max(row.looks - 1, min(row.looks, 1))
    }
    follows[look.reward] = row
    concludeSync(look.reward, now: now)
    return answer
  }

  /// Notes that the API could not be asked, or refused: `codemint.note_resync`.
  public mutating func noteResync(
    _ reward: RewardID,
    system: SyncSystem,
    failure: String,
    wasSent: Bool,
    now: Int64
  ) {
    let key = ResyncKey(reward, system)
    guard var row = resyncs[key] else { return }
    row.errorMessage = failure
    if !wasSent {
      row.attempts = max(row.attempts - 1, 0)
      row.nextAt = now
    }
    resyncs[key] = row
  }

  /// Whether no code of a job waits for another system: `codemint.is_settled`.
  private func isSettled(_ job: JobRow) -> Bool {
    let states = Set(
      codes.values.filter { $0.job == job.id && !$0.isSurplus }.map(\.code.syncStatus)
    )
    if states.contains(.pending) { return false }
    return !states.contains(.error) || follows[job.reward]?.lookAt == nil
  }

  /// Every finished job of a reward whose last code has been settled: `codemint.conclude_sync`.
  private mutating func concludeSync(_ reward: RewardID, now: Int64) {
    for (id, job) in jobs where job.reward == reward && job.finishedAt != nil {
      if job.syncDoneAt == nil, isSettled(job) { jobs[id]?.syncDoneAt = now }
    }
  }

  /// The same at the moment when a job ends: `codemint.note_sync_done`.
  mutating func noteSyncDone(_ job: inout JobRow, now: Int64) {
    if isSettled(job) { job.syncDoneAt = now }
  }

  /// What is to be done about codes in error.
  private struct Resyncs {
    var asked: [SyncSystem] = []
    var isOpen = false
    var gaveUp = false
    var nextAt: Int64?
  }

  /// `codemint.judge_resyncs`.
  private mutating func judgeResyncs(_ reward: RewardID, pauses: [Duration], now: Int64) -> Resyncs
  {
    var found = Resyncs()
    let unsettled = codes.values.filter {
      $0.code.reward == reward && $0.code.syncStatus.isUnsettled
    }
    guard !unsettled.isEmpty else {
      for system in SyncSystem.allCases { resyncs[ResyncKey(reward, system)] = nil }
      return found
    }
    for system in SyncSystem.allCases {
      let isInError = unsettled.contains {
        $0.code.syncStatus == .error && $0.code.isInError(system)
      }
      guard isInError else { continue }
      let key = ResyncKey(reward, system)
      var row = resyncs[key] ?? ResyncRow(nextAt: now)
      if row.givenUpAt != nil {
        found.gaveUp = true
      } else if row.nextAt > now {
        found.isOpen = true
        found.nextAt = min(found.nextAt ?? .max, row.nextAt)
      } else if row.attempts < pauses.count {
        row.nextAt = now + pauses[row.attempts].microseconds
        row.attempts += 1
        row.askedAt = now
        row.errorMessage = nil
        found.asked.append(system)
        found.isOpen = true
      } else {
        row.givenUpAt = now
        found.gaveUp = true
      }
      resyncs[key] = row
    }
    return found
  }
}

extension FollowRow {
  /// What every look tells, however it ended.
  fileprivate mutating func take(_ look: LookReport, pause: Duration, now: Int64) {
    let reading = look.ending.reading
    follower = nil
    followerUntil = nil
    order = reading.order
    if case .failed(let message, _) = look.ending {
      failures += 1
      errorMessage = message
    } else {
      failures = 0
      errorMessage = nil
    }
    if looks > 0 {
      lookAt = now + pause.microseconds
      mark = reading.mark?.microseconds
      scanOffset = reading.position?.offset
    } else {
      scanOffset = nil
    }
    scanAnchor = reading.position?.anchor
    scanNewest = reading.position?.newest?.microseconds
  }
}

extension IssuedCode {
  /// Whether it is in error in this system.
  fileprivate func isInError(_ system: SyncSystem) -> Bool {
    let object = try? JSONSerialization.jsonObject(with: Data(externalIDs)) as? [String: Any]
    let entry = object?[system.rawValue] as? [String: Any]
    return entry?["syncStatus"] as? String == "error"
  }
}
