public import Provisioning

extension MemoryLedger {
  /// Records the ending of one call: `codemint.settle_call`. Asked twice, it changes nothing the
  /// second time; evidence beats lease.
  /// - Throws: `contentRefused` for what a Postgres database does not take.
  public mutating func settle(_ settlement: Settlement, now: Int64)
    throws(StoreError) -> SettleReceipt
  {
    try ContentRule.check(settlement)
    let call = settlement.call
    var reward = rewards[call.reward] ?? RewardRow()
    rewards[call.reward] = reward
    if let raw = settlement.rawAnswer, answers[call.id] == nil { answers[call.id] = raw }
    keep(settlement.unattributed, of: call)
    guard var job = jobs[call.job] else {
      // A failover lost the job itself. Its codes exist, so they are kept for a person to see.
      keep(settlement.codes, of: call)
      return SettleReceipt(issued: 0, surplus: 0, call: nil, jobBefore: nil, job: nil)
    }
    let before = job.state
    var row = calls[call.id] ?? restored(settlement, &job, &reward, now: now)
    let landed = row.state == .sending
    let reserved = row.state.holdsRoom ? call.size : 0
    let finding = apply(settlement, to: &row, &job, &reward, reserved: reserved, now: now)
    let wasHeld = row.heldAt != nil
    if reserved > 0 || settlement.result == .issued { row.record(settlement, now: now) }
    if reserved > 0, settlement.reward == .watched { row.isShort = true }
    calls[call.id] = row
    if row.holdReason != nil, settlement.result == .issued {
      for code in settlement.codes { unattributed[code.id] = nil }
    }
    if wasHeld, row.state != .inDoubt { release(&job, of: row) }
    conclude(&job, failure: finding.failure, now: now)
    place(&job, pause: finding.pause, now: now)
    jobs[job.id] = job
    if row.state != .inDoubt, !hasDoubt(call.reward) { reward.closedAt = nil }
    if landed, settlement.result == .issued, settlement.reward == .proven {
      recordFacts(from: settlement, to: &reward, sent: row.sendAt, now: now)
    }
    let own = landed ? ownFailure(settlement, of: reward) : nil
    if landed { apply(own ?? settlement.reward, to: &reward, of: settlement, now: now) }
    rewards[call.reward] = reward
    if settlement.reward == .watched, reserved > 0 {
      watch(call.reward, because: call.id, reason: .shortAnswer, now: now)
    } else if finding.isSuspicious {
      watch(call.reward, because: call.id, reason: .lateDoubt, now: now)
    }
    apply(
      own == nil ? settlement.account : .none,
      of: settlement,
      sent: row.sendAt,
      landed: landed,
      now: now
    )
    if reserved > 0, settlement.result == .unsent, settlement.account == .none {
      signals.append(.jobs)
    }
    return SettleReceipt(
      issued: finding.issued,
      surplus: finding.surplus,
      call: row.state,
      jobBefore: before,
      job: job.state
    )
  }

  /// What a failure means if it is its reward's own; nil if it is not: `codemint.fails_alone`.
  private func ownFailure(_ settlement: Settlement, of reward: RewardRow) -> RewardEffect? {
    guard settlement.reward == .failed, reward.failures + 1 >= Bounds.ownFailures,
      let since = reward.failingSince, let proven = account.provenAt, proven > since
    else { return nil }
    return .refused
  }

  /// What a settlement found out about its job.
  private struct Finding {
    var issued = 0
    var surplus = 0
    var failure: JobFailure?
    var pause: Int64 = 0
    /// It holds no room that could be kept for it, and may have made codes all the same.
    var isSuspicious = false
  }

  private mutating func apply(
    _ settlement: Settlement,
    to row: inout CallRow,
    _ job: inout JobRow,
    _ reward: inout RewardRow,
    reserved: Int,
    now: Int64
  ) -> Finding {
    var finding = Finding()
    if settlement.job == .fails {
      finding.failure = JobFailure(
        code: settlement.errorCode ?? "",
        message: settlement.errorMessage ?? ""
      )
    }
    switch settlement.result {
    case .issued:
      let room = reserved + (job.state.takesCalls ? job.room : 0)
      let stored = store(settlement.codes, of: row.call, room: room, job: &job, now: now)
      finding.issued = stored.issued + stored.returned
      finding.surplus = stored.surplus
      job.outstanding -= reserved
      job.issued += finding.issued
      job.surplus += finding.surplus
      if row.state != .adopted { row.state = .issued }
      if finding.issued > 0 {
        job.answersWithoutProgress = 0
      } else if reserved > 0 {
        stall(&job, settlement, &finding)
      }
    case .inDoubt:
      if row.state == .sending {
        row.state = .inDoubt
        reward.closedAt = reward.closedAt ?? now
        reward.reconcileAt = nil
      } else if row.state == .absent {
        finding.isSuspicious = true
      }
    case .rejected, .unsent:
      if reserved > 0 {
        row.state = settlement.result
        job.outstanding -= reserved
      }
    case .sending, .adopted, .absent:
      preconditionFailure("no settlement has this result")
    }
    return finding
  }

  private func stall(_ job: inout JobRow, _ settlement: Settlement, _ finding: inout Finding) {
    job.answersWithoutProgress += 1
    finding.pause =
      Backoff.job.pause(failures: job.answersWithoutProgress, jitter: settlement.jitter)
      .microseconds
    if job.answersWithoutProgress >= Bounds.answersWithoutProgress {
      finding.failure = JobFailure(
        code: "no_progress",
        message:
          "\(job.answersWithoutProgress) answers in a row held no new code of this reward"
      )
    }
  }

  /// A call that this ledger does not know: it is taken in again as `sending` where its job still
  /// has the room, else as `absent`, which holds none.
  private mutating func restored(
    _ settlement: Settlement,
    _ job: inout JobRow,
    _ reward: inout RewardRow,
    now: Int64
  ) -> CallRow {
    let fits = job.state.takesCalls && settlement.call.size <= job.room
    if fits {
      job.outstanding += settlement.call.size
      reward.inFlight += 1
      account.inFlight += 1
    }
    return CallRow(
      call: settlement.call,
      state: fits ? .sending : .absent,
      worker: settlement.worker,
      leaseExpiresAt: now,
      sendAt: nil,
      createdAt: now
    )
  }

  /// What a call's ending that landed means for its reward: `codemint.apply_reward_effect`.
  private mutating func apply(
    _ effect: RewardEffect,
    to reward: inout RewardRow,
    of settlement: Settlement,
    now: Int64
  ) {
    reward.inFlight -= 1
    switch effect {
    case .proven:
      reward.failures = 0
      reward.failingSince = nil
      reward.pausedUntil = nil
      reward.errorCode = nil
      reward.errorMessage = nil
    case .failed:
      reward.failures += 1
      reward.failingSince = reward.failingSince ?? now
    case .refused:
      let (code, message) = (settlement.errorCode ?? "", settlement.errorMessage ?? "")
      reward.failures += 1
      let pause = Backoff.reward.pause(failures: reward.failures, jitter: settlement.jitter)
      reward.pausedUntil = max(reward.pausedUntil ?? .min, now + pause.microseconds)
      reward.errorCode = code
      reward.errorMessage = message
      if reward.failures >= Bounds.rewardRefusals {
        hold(settlement.call.reward, code: code, message: message)
        reward.failures = 0
        reward.failingSince = nil
      }
    case .none, .closed, .watched: break
    }
  }

  /// Every open job of a reward waits for a person: `codemint.hold_jobs`.
  mutating func hold(_ reward: RewardID, code: String, message: String) {
    for id in jobs.keys {
      guard var job = jobs[id], job.reward == reward, job.state.takesCalls, !job.held else {
        continue
      }
      job.held = true
      job.leaveQueue()
      job.nextCallAt = nil
      job.errorCode = code
      job.errorMessage = message
      jobs[id] = job
    }
  }
}

extension CallRow {
  /// Takes over what a settlement says about the request.
  fileprivate mutating func record(_ settlement: Settlement, now: Int64) {
    if state != .inDoubt {
      leaseExpiresAt = nil
      heldAt = nil
    }
    httpStatus = settlement.httpStatus ?? httpStatus
    errorCode = settlement.errorCode
    errorMessage = settlement.errorMessage
    received = settlement.received ?? received
    durationMilliseconds = settlement.duration.milliseconds
    settledAt = state == .inDoubt ? nil : settledAt ?? now
  }
}
