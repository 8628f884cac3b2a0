import Provisioning

extension MemoryLedger {
  /// Records the staged codes of one doubtful call: `codemint.adopt_call`.
  mutating func adopt(_ adoption: Adoption, now: Int64) {
    guard var row = calls[adoption.call.id] else { return }
    let lacks = row.outstanding
    let stored = credit(row.call, reserved: lacks, room: lacks, adoption.codes, now: now)
    if !row.isShort { row.received = stored.issued }
    row.end(row.isShort ? .issued : .adopted, now: now)
    row.isShort = stored.issued < lacks
    calls[row.call.id] = row
    if row.isShort { watch(row.call.reward, because: row.call.id, reason: .partialCall, now: now) }
  }

  /// Stores staged codes for a call: `codemint.credit_call`.
  mutating func credit(_ call: Call, reserved: Int, room: Int, _ found: [CodeID], now: Int64)
    -> Stored
  {
    let stored = storeListed(
      found,
      of: call.reward,
      job: call.job,
      call: call.id,
      room: room,
      now: now
    )
    guard var job = jobs[call.job] else { return stored }
    job.outstanding -= reserved
    job.issued += stored.issued
    job.surplus += stored.surplus
    if stored.issued > 0 { job.answersWithoutProgress = 0 }
    release(&job, of: call.id)
    conclude(&job, failure: nil, now: now)
    place(&job, pause: 0, now: now)
    jobs[job.id] = job
    return stored
  }

  /// Moves staged codes to codes: `codemint.store_listed`. The `room` oldest count, the rest is surplus.
  mutating func storeListed(
    _ found: [CodeID],
    of reward: RewardID,
    job: JobID?,
    call: CallID?,
    room: Int,
    now: Int64
  ) -> Stored {
    var stored = Stored()
    let news = unstage(found, of: reward).filter { codes[$0.id] == nil }
    for code in news {
      let counts = stored.issued < room
      var row = CodeRow(code: code, job: job, call: call, isSurplus: !counts)
      row.isFromAnswer = false
      row.storedAt = now
      row.syncedAt = code.syncStatus == .synced ? now : nil
      codes[code.id] = row
      if counts { stored.issued += 1 } else { stored.surplus += 1 }
    }
    for id in found { unattributed[id] = nil }
    track(news, of: reward, now: now)
    return stored
  }

  /// Moves staged codes to those that are set aside: `codemint.keep_for_held`.
  mutating func keepForHeld(_ ids: [CodeID], of reward: RewardID, call: CallID) {
    for code in unstage(ids, of: reward) where codes[code.id] == nil {
      if unattributed[code.id] != nil {
        unattributed[code.id]?.call = call
      } else {
        var row = CodeRow(code: code, job: nil, call: call, isSurplus: true)
        row.isFromAnswer = false
        unattributed[code.id] = row
      }
    }
  }

  /// Keeps codes that no column can hold, and counts calls of which nothing else was found as answers
  /// without progress: `codemint.store_raw_codes`.
  mutating func keepRaw(_ decision: DoubtDecision, now: Int64) {
    let raw = Set(decision.raw.map(\.id))
    let stalled = decision.adopted.filter { adoption in
      adoption.codes.contains(where: raw.contains) && calls[adoption.call.id]?.state == .adopted
        && calls[adoption.call.id]?.received == 0
    }
    for code in decision.raw {
      let owner = decision.adopted.first { $0.codes.contains(code.id) }?.call.id
      keepRaw(code.id, of: owner ?? decision.held.first ?? watches[decision.reward]?.call)
    }
    for id in Set(stalled.map(\.call.job)).sorted() {
      guard var job = jobs[id] else { continue }
      job.answersWithoutProgress += 1
      let failure = JobFailure(
        code: "no_progress",
        message: "\(job.answersWithoutProgress) calls in a row made no code that can be stored"
      )
      let isEnough = job.answersWithoutProgress >= Bounds.answersWithoutProgress
      conclude(&job, failure: isEnough ? failure : nil, now: now)
      place(&job, pause: 0, now: now)
      jobs[id] = job
    }
  }

  /// Keeps one code that no column can hold.
  mutating func keepRaw(_ code: CodeID, of call: CallID?) {
    if rawCodes[code] == nil { rawCodes[code] = call }
  }

  /// A doubtful call is judged to have made nothing that is not known: `codemint.declare_absent`.
  mutating func declareAbsent(_ call: CallID, now: Int64) {
    guard var row = calls[call], var job = jobs[row.call.job] else { return }
    let lacks = row.outstanding
    row.end(row.isShort ? .issued : .absent, now: now)
    calls[call] = row
    let reason: WatchRow.Reason = row.isShort ? .partialCall : .absentCall
    watch(row.call.reward, because: call, reason: reason, now: now)
    job.outstanding -= lacks
    release(&job, of: call)
    conclude(&job, failure: nil, now: now)
    place(&job, pause: 0, now: now)
    jobs[job.id] = job
  }

  /// Doubtful calls that cannot be decided wait for a person: `codemint.hold_calls`.
  mutating func hold(_ held: [CallID], reason: HoldReason?, now: Int64) {
    guard let reason else { return }
    if reason.hasSeenAll {
      holdJobs(of: held, reason: reason, now: now)
    } else {
      let news = held.compactMap { calls[$0] }.filter { $0.heldAt == nil }
      let order = news.sorted { ($0.createdAt, $0.call.id) < ($1.createdAt, $1.call.id) }
      for row in order {
        watch(row.call.reward, because: row.call.id, reason: .heldCall, now: now)
      }
    }
    for id in held where calls[id]?.state == .inDoubt {
      if calls[id]?.heldAt == nil { calls[id]?.heldAt = now }
      calls[id]?.judgedAt = now
      calls[id]?.holdReason = reason.rawValue
      calls[id]?.heldWith = held.first
    }
  }

  private mutating func holdJobs(of held: [CallID], reason: HoldReason, now: Int64) {
    for id in Set(held.compactMap { calls[$0]?.call.job }) {
      guard var job = jobs[id] else { continue }
      job.held = true
      if job.state.takesCalls {
        job.errorCode = reason.rawValue
        job.errorMessage =
          "codemint cannot tell what a doubtful call did: see codemint.doubts, "
          + "and decide with codemint.resolve_call"
      }
      place(&job, pause: 0, now: now)
      jobs[id] = job
    }
  }

  /// A call has got its outcome, or is judged anew: `codemint.release_job`.
  func release(_ job: inout JobRow, of call: CallID) {
    let isOpen = job.state.takesCalls
    let isHeldOtherwise = calls.values.contains {
      $0.call.job == job.id && $0.call.id != call && $0.heldAt != nil && $0.hasSeenAll
    }
    let isHeldForDoubt = job.errorCode.flatMap(HoldReason.init)?.hasSeenAll ?? false
    guard job.held, !isOpen || isHeldForDoubt, !isHeldOtherwise else { return }
    job.held = false
    if isOpen {
      job.errorCode = nil
      job.errorMessage = nil
    }
  }
}

extension CallRow {
  fileprivate mutating func end(_ state: CallState, now: Int64) {
    self.state = state
    outstanding = 0
    leaseExpiresAt = nil
    heldAt = nil
    settledAt = now
  }
}
