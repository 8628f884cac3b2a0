import Provisioning

extension MemoryLedger {
  /// Puts a job in the line, in the waiting room for `pause`, or in neither because it needs no
  /// call: `codemint.place_job`.
  mutating func place(_ job: inout JobRow, pause: Int64, now: Int64) {
    if !job.state.takesCalls || job.paused || job.held || job.room <= 0 {
      job.turn = nil
      job.nextCallAt = nil
    } else if pause > 0 {
      job.turn = nil
      job.nextCallAt = max(job.nextCallAt ?? .min, now + pause)
    } else if job.turn == nil {
      let due = job.nextCallAt ?? job.runAt
      job.nextCallAt = max(due, now)
      if due <= now { job.turn = 0 }
    }
  }

  /// Decides where a job stands after its counters changed or it was refused:
  /// `codemint.conclude_job`.
  mutating func conclude(_ job: inout JobRow, failure: JobFailure?, now: Int64) {
    guard !job.state.isTerminal else { return }
    if let failure, job.endsAs == nil {
      job.state = .ending
      job.endsAs = .failed
      job.errorCode = failure.code
      job.errorMessage = failure.message
    }
    if job.issued == job.count {
      job.state = .completed
      job.endsAs = nil
    } else if job.state == .ending, job.outstanding == 0, let end = job.endsAs {
      job.state = end
      job.endsAs = nil
    }
    if job.state.isTerminal {
      job.finishedAt = now
      job.held = false
      noteSyncDone(&job, now: now)
      signals.append(.done(job.id))
    }
  }

  /// Jobs of which it was told that they ended since so many signals: `codemint.ended_jobs`.
  func ended(since told: Int) -> [EndedJob] {
    let ids = signals[told...].compactMap { if case .done(let id) = $0 { id } else { nil } }
    return ids.sorted().compactMap { id in jobs[id].map { EndedJob(job: id, state: $0.state) } }
  }
}

/// Why a job fails.
struct JobFailure {
  let code: String
  let message: String
}
