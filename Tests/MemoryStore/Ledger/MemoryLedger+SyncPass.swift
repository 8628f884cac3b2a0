import Foundation
public import Provisioning

extension MemoryLedger {
  /// Ends a pass and gives the reward back: `codemint.finish_sync_pass`.
  public mutating func finish(
    _ report: SyncPassReport,
    of tracked: TrackedReward,
    worker: WorkerID,
    rules: SyncRules,
    now: Int64
  ) -> SyncPassAnswer {
    let reward = report.reward
    guard isTracked(reward, by: worker, now: now), var row = self.tracked[reward] else {
      return .lost
    }
    row.take(report, pause: report.pause(tracked, rules), now: now)
    var answer = SyncPassAnswer.tracking(resync: [])
    if case .read(let reading) = report.ending, reading.position == nil {
      let resyncs = judgeResyncs(reward, pauses: rules.resyncPauses, now: now)
      answer = .tracking(resync: resyncs.asked)
      let pending = codes.values.filter {
        $0.code.reward == reward && $0.code.syncStatus == .pending
      }
      let isPending = pending.contains { $0.storedAt > now - rules.patience.microseconds }
      if resyncs.isOpen, row.passes > 0 {
        let again = resyncs.asked.isEmpty ? nil : now + rules.first.microseconds
        row.nextPassAt = [row.nextPassAt, resyncs.nextAt, again].compactMap { $0 }.min()
      } else if !isPending, !resyncs.isOpen {
        row.nextPassAt = nil
        row.givenUpAt = pending.isEmpty ? nil : now
        answer = pending.isEmpty && !resyncs.gaveUp ? .final : .givenUp
      }
    } else {
      row.passes = max(row.passes - 1, min(row.passes, 1))
    }
    self.tracked[reward] = row
    concludeSync(reward, now: now)
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

  /// Whether no code of a job waits for another system: `codemint.is_sync_final`.
  private func isSyncFinal(_ job: JobRow) -> Bool {
    let states = Set(
      codes.values.filter { $0.job == job.id && !$0.isSurplus }.map(\.code.syncStatus)
    )
    if states.contains(.pending) { return false }
    return !states.contains(.error) || tracked[job.reward]?.nextPassAt == nil
  }

  /// Finished jobs of a reward whose last code has become final: `codemint.conclude_sync`.
  private mutating func concludeSync(_ reward: RewardID, now: Int64) {
    for (id, job) in jobs where job.reward == reward && job.finishedAt != nil {
      if job.syncDoneAt == nil, isSyncFinal(job) { jobs[id]?.syncDoneAt = now }
    }
  }

  /// The same at the moment when a job ends: `codemint.note_sync_done`.
  mutating func noteSyncDone(_ job: inout JobRow, now: Int64) {
    if isSyncFinal(job) { job.syncDoneAt = now }
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
    let open = codes.values.filter {
      $0.code.reward == reward && !$0.code.syncStatus.isFinal
    }
    guard !open.isEmpty else {
      for system in SyncSystem.allCases { resyncs[ResyncKey(reward, system)] = nil }
      return found
    }
    for system in SyncSystem.allCases {
      let isInError = open.contains {
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

extension TrackedRow {
  /// What every pass tells, however it ended.
  fileprivate mutating func take(_ report: SyncPassReport, pause: Duration, now: Int64) {
    let reading = report.ending.reading
    worker = nil
    workerUntil = nil
    order = reading.order
    if case .failed(let message, _) = report.ending {
      failures += 1
      errorMessage = message
    } else {
      failures = 0
      errorMessage = nil
    }
    if passes > 0 {
      nextPassAt = now + pause.microseconds
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
