public import Provisioning

extension MemoryLedger {
  /// A settlement is refused: `codemint.note_refusal`.
  mutating func note(_ refusal: RefusedSettlement) {
    let id = refusal.call.id
    let isKept = refusal.evidence != nil && answers[id] == nil
    if isKept { answers[id] = refusal.evidence }
    refusals[id] = (refusals[id] ?? false) || isKept
  }

  /// Work on a reward is refused: `codemint.note_refused_work`. No trigger is played here, so nothing is
  /// refused for long.
  mutating func note(_ refusal: RefusedWork, worker: WorkerID) {
    if refusal.kind == .sync {
      guard tracked[refusal.reward]?.worker == worker else { return }
      tracked[refusal.reward]?.worker = nil
      tracked[refusal.reward]?.workerUntil = nil
    } else if rewards[refusal.reward]?.reconciler == worker {
      giveBack(refusal.reward)
    }
  }

  /// It was recorded after all: `codemint.forget_refusal`.
  mutating func forgetRefusal(of call: CallID) {
    let isKept = refusals.removeValue(forKey: call) ?? false
    if isKept, calls[call]?.state == .issued { answers[call] = nil }
  }

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
    let own = setAside(settlement)
    guard var job = jobs[call.job] else {
      // A failover lost the job itself. Its codes exist, so they are kept for a person to see.
      keep(own, of: call)
      return SettleReceipt(issued: 0, surplus: 0, call: nil, jobBefore: nil, job: nil)
    }
    let before = job.state
    var row = calls[call.id] ?? restored(settlement, &job, &reward, now: now)
    let old = row
    let landed = old.state == .sending
    var outcome =
      settlement.result == .issued
      ? takeAnswer(settlement, own, of: old, &job, now: now) : takeFailure(settlement, of: old)
    job.outstanding = max(job.outstanding - (old.outstanding - outcome.outstanding), 0)
    if old.outstanding > 0 || outcome.hasNew { row.record(settlement, outcome, now: now) }
    calls[call.id] = row
    if old.heldAt != nil, row.state != .inDoubt || outcome.isNews { release(&job, of: call.id) }
    conclude(&job, failure: outcome.failure, now: now)
    place(&job, pause: outcome.pause, now: now)
    jobs[job.id] = job
    outcome.isClean =
      landed && row.state == .issued && settlement.reward == .proven
      && outcome.issued + outcome.surplus >= call.size
    if outcome.isNews {
      reward.close(now: now)
    } else if !hasDoubt(call.reward) {
      reward.closedAt = nil
    }
    if outcome.isClean {
      // The clock of another server tells nothing of this one's.
      let isOfThisClock = old.sendAt != nil && old.createdAt > aliveBefore ?? .min
      let claimed = isOfThisClock ? old.createdAt : nil
      recordFacts(from: settlement, to: &reward, claimed: claimed, now: now)
    }
    let alone = landed ? ownFailure(settlement, of: reward) : nil
    if landed { apply(alone ?? settlement.reward, to: &reward, of: settlement, outcome, now: now) }
    rewards[call.reward] = reward
    watchAfter(settlement, old, outcome, now: now)
    apply(
      alone == nil ? settlement.account : .none,
      of: settlement,
      sent: old.sendAt,
      landed: landed,
      now: now
    )
    if landed, row.state == .unsent || row.state == .rejected {
      account.giveBack(call.size, claimedAt: old.createdAt)
    }
    if outcome.isClean { prove(call.reward, now: now) }
    if old.outstanding > 0, settlement.result == .unsent, settlement.account == .none {
      signals.append(.jobs)
    }
    return SettleReceipt(
      issued: outcome.issued,
      surplus: outcome.surplus,
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

  /// What the ending of a call came to: `codemint.call_outcome`.
  fileprivate struct Outcome {
    var issued = 0
    var surplus = 0
    var state: CallState
    var outstanding: Int
    var isShort: Bool
    var hasNew = false
    var isRepeated = false
    var isNews = false
    var isClean = false
    var failure: JobFailure?
    var pause: Int64 = 0
  }

  /// Records what a 201 proves: `codemint.take_answer`.
  private mutating func takeAnswer(
    _ settlement: Settlement,
    _ shown: [IssuedCode],
    of old: CallRow,
    _ job: inout JobRow,
    now: Int64
  ) -> Outcome {
    let room = old.outstanding + (job.state.takesCalls ? job.room : 0)
    let stored = store(shown, of: old.call, room: room, job: &job, now: now)
    if old.holdReason != nil { for code in shown { unattributed[code.id] = nil } }
    let brought = stored.issued + stored.surplus + stored.proven
    let new = brought + stored.own
    let lacks = max(0, min(old.outstanding - brought, old.call.size - new))
    var outcome = Outcome(state: old.state, outstanding: lacks, isShort: old.isShort)
    outcome.issued = stored.issued + stored.returned
    outcome.surplus = stored.surplus
    outcome.hasNew = new > 0
    let isEmpty = settlement.codes.isEmpty && settlement.unattributed.isEmpty
    outcome.isRepeated = new == 0 && !isEmpty
    if lacks > 0 {
      outcome.state = .inDoubt
      outcome.isShort = old.isShort || new > 0 || isEmpty
    } else if old.state != .adopted, new > 0 || old.outstanding > 0 {
      outcome.state = .issued
      if old.state != .issued { outcome.isShort = old.outstanding == 0 && new < old.call.size }
    }
    outcome.isNews =
      lacks > 0
      && (old.state == .sending || lacks < old.outstanding || outcome.isShort && !old.isShort)
    job.issued += outcome.issued
    job.surplus += outcome.surplus
    if outcome.issued > 0 {
      job.answersWithoutProgress = 0
    } else if old.outstanding > 0, old.received == nil {
      stall(&job, settlement, &outcome)
    }
    return outcome
  }

  /// Records that a request ended without an answer that has codes: `codemint.take_failure`.
  private func takeFailure(_ settlement: Settlement, of old: CallRow) -> Outcome {
    let isProof = settlement.result != .inDoubt
    var outcome = Outcome(
      state: old.outstanding > 0 ? settlement.result : old.state,
      outstanding: isProof ? 0 : old.outstanding,
      isShort: old.isShort
    )
    outcome.isNews = old.state == .sending && !isProof
    if settlement.job == .fails {
      outcome.failure = JobFailure(
        code: settlement.errorCode ?? "",
        message: settlement.errorMessage ?? ""
      )
    }
    return outcome
  }

  private func stall(_ job: inout JobRow, _ settlement: Settlement, _ outcome: inout Outcome) {
    job.answersWithoutProgress += 1
    outcome.pause =
      Backoff.job.pause(failures: job.answersWithoutProgress, jitter: settlement.jitter)
      .microseconds
    if job.answersWithoutProgress >= Bounds.answersWithoutProgress {
      outcome.failure = JobFailure(
        code: "no_progress",
        message:
          "\(job.answersWithoutProgress) answers in a row held no new code of this reward"
      )
    }
  }

  /// The reward is watched after the ending of a call that had its outcome before:
  /// `codemint.watch_after`.
  private mutating func watchAfter(
    _ settlement: Settlement,
    _ old: CallRow,
    _ outcome: Outcome,
    now: Int64
  ) {
    let call = settlement.call
    guard old.outstanding == 0 else { return }
    if settlement.result == .inDoubt, old.state == .absent {
      watch(call.reward, because: call.id, reason: .lateDoubt, now: now)
    } else if outcome.isShort, !old.isShort {
      watch(call.reward, because: call.id, reason: .partialCall, now: now)
    } else if outcome.isRepeated {
      let known = watches[call.reward]
      if known?.reason == .repeatedAnswer, known?.call == call.id { return }
      watch(call.reward, because: call.id, reason: .repeatedAnswer, now: now)
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
      account.count(settlement.call.size, claimedAt: now)
    }
    return CallRow(
      call: settlement.call,
      state: fits ? .sending : .absent,
      worker: settlement.worker,
      lengths: settlement.lengths,
      leaseExpiresAt: now,
      effectiveUntil: now + settlement.lengths.effectiveFor.microseconds,
      sendAt: nil,
      createdAt: now
    )
  }

  /// What a call's ending that landed means for its reward: `codemint.apply_reward_effect`.
  private mutating func apply(
    _ effect: RewardEffect,
    to reward: inout RewardRow,
    of settlement: Settlement,
    _ outcome: Outcome,
    now: Int64
  ) {
    reward.inFlight = max(reward.inFlight - 1, 0)
    switch effect {
    case .proven where !outcome.isClean: break
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
    case .none, .closed: break
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
  /// Takes over what a settlement says about the request: `codemint.record_ending`.
  fileprivate mutating func record(
    _ settlement: Settlement,
    _ outcome: MemoryLedger.Outcome,
    now: Int64
  ) {
    state = outcome.state
    outstanding = outcome.outstanding
    isShort = outcome.isShort
    if outcome.isNews, outcome.isShort { effectiveUntil = now + lengths.listingGap.microseconds }
    if state != .inDoubt { leaseExpiresAt = nil }
    if state != .inDoubt || outcome.isNews { heldAt = nil }
    httpStatus = settlement.httpStatus ?? httpStatus
    errorCode = outcome.isRepeated ? "answer_repeated" : settlement.errorCode
    errorMessage =
      outcome.isRepeated
      ? "the answer held no new code of this reward: it may be that of another request"
      : settlement.errorMessage
    received = settlement.received ?? received
    durationMilliseconds = settlement.duration.milliseconds
    settledAt = state == .inDoubt ? nil : settledAt ?? now
  }
}

extension RewardRow {
  /// A call of it is in doubt, or lacks less than before: `codemint.close_or_reopen`.
  fileprivate mutating func close(now: Int64) {
    closedAt = closedAt ?? now
    reconcileAt = nil
    giveBack()
  }
}
