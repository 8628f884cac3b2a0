import Provisioning

extension MemoryLedger {
  /// Records the codes of one doubtful call that were found upstream: `codemint.adopt_call`.
  mutating func adopt(_ adoption: Adoption, now: Int64) {
    guard var row = calls[adoption.call.id] else { return }
    let storable = adoption.codes.filter { !ContentRule.refuses($0) }
    let stored = credit(row.call, reserved: row.call.size, room: row.call.size, storable, now: now)
    keepRaw(adoption.codes, of: row.call.id)
    row.end(.adopted, now: now)
    row.received = stored.issued
    calls[row.call.id] = row
    if stored.issued < row.call.size {
      watch(row.call.reward, because: row.call.id, reason: .partialCall, now: now)
    }
  }

  /// Takes in codes that were found for a call: `codemint.credit_call`.
  mutating func credit(_ call: Call, reserved: Int, room: Int, _ found: [IssuedCode], now: Int64)
    -> Stored
  {
    guard var job = jobs[call.job] else { return Stored() }
    var stored = store(found, of: call, room: room, job: &job, now: now)
    for code in found { unattributed[code.id] = nil }
    stored.issued += stored.returned
    job.outstanding -= reserved
    job.issued += stored.issued
    job.surplus += stored.surplus
    if stored.issued > 0 { job.answersWithoutProgress = 0 }
    if reserved > 0, let row = calls[call.id], row.holdReason != nil { release(&job, of: row) }
    conclude(&job, failure: nil, now: now)
    place(&job, pause: 0, now: now)
    jobs[job.id] = job
    return stored
  }

  /// Keeps what of these codes no column can hold: `codemint.store_raw_codes`.
  mutating func keepRaw(_ shown: [IssuedCode], of call: CallID) {
    for code in shown where ContentRule.refuses(code) && rawCodes[code.id] == nil {
      rawCodes[code.id] = call
    }
  }

  /// Calls of which nothing else was found made no progress for their jobs.
  mutating func stallIfRaw(_ adopted: [Adoption], now: Int64) {
    let stalled = adopted.filter { adoption in
      adoption.codes.contains(where: ContentRule.refuses)
        && calls[adoption.call.id]?.received == 0
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

  /// A doubtful call is judged not to have happened: `codemint.declare_absent`.
  mutating func declareAbsent(_ call: CallID, now: Int64) {
    guard var row = calls[call], var job = jobs[row.call.job] else { return }
    row.end(.absent, now: now)
    calls[call] = row
    watch(row.call.reward, because: call, reason: .absentCall, now: now)
    job.outstanding -= row.call.size
    if row.holdReason != nil { release(&job, of: row) }
    conclude(&job, failure: nil, now: now)
    place(&job, pause: 0, now: now)
    jobs[job.id] = job
  }

  /// Doubtful calls that cannot be decided wait for a person: `codemint.hold_calls`.
  mutating func hold(_ held: [CallID], reason: HoldReason?, now: Int64) {
    for id in Set(held.compactMap { calls[$0]?.call.job }) {
      guard var job = jobs[id] else { continue }
      job.held = true
      if job.state.takesCalls {
        job.errorCode = reason?.rawValue
        job.errorMessage =
          "codemint cannot tell what a doubtful call did: see codemint.doubts, "
          + "and decide with codemint.resolve_call"
      }
      place(&job, pause: 0, now: now)
      jobs[id] = job
    }
    for id in held {
      calls[id]?.heldAt = now
      calls[id]?.holdReason = reason?.rawValue
    }
  }

  /// A held call has got its outcome: `codemint.release_job`.
  func release(_ job: inout JobRow, of row: CallRow) {
    let isOpen = job.state.takesCalls
    let isHeldOtherwise = calls.values.contains {
      $0.call.job == job.id && $0.call.id != row.call.id && $0.heldAt != nil
    }
    guard job.held, !isOpen || job.errorCode == row.holdReason, !isHeldOtherwise else { return }
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
    leaseExpiresAt = nil
    heldAt = nil
    settledAt = now
  }
}
