import Provisioning

extension MemoryLedger {
  /// Records the codes of one doubtful call that were found upstream: `codemint.adopt_call`.
  mutating func adopt(_ adoption: Adoption, now: Int64) {
    guard var row = calls[adoption.call.id], var job = jobs[row.call.job] else { return }
    let stored = store(adoption.codes, of: row.call, room: row.call.size, job: &job)
    for code in adoption.codes { strays[code.id] = nil }
    job.outstanding -= row.call.size
    job.issued += stored.issued
    job.stalls = 0
    row.end(.adopted, now: now)
    row.received = stored.issued
    calls[row.call.id] = row
    if stored.issued < row.call.size {
      watch(row.call.reward, because: row.call.id, step: 0, now: now)
    }
    if row.holdReason != nil { release(&job, of: row) }
    conclude(&job, failure: nil, now: now)
    place(&job, pause: 0, now: now)
    jobs[job.id] = job
  }

  /// A doubtful call is judged not to have happened: `codemint.declare_absent`.
  mutating func declareAbsent(_ call: CallID, now: Int64) {
    guard var row = calls[call], var job = jobs[row.call.job] else { return }
    row.end(.absent, now: now)
    calls[call] = row
    watch(row.call.reward, because: call, step: 0, now: now)
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
          "it cannot be told what a doubtful call did: see codemint.doubts, "
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
