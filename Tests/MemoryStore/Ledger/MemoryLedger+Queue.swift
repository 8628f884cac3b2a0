import Provisioning

/// The queue: whose call is next. Priority goes first. Within a priority, new jobs and others alternate;
/// a job is new while it has had no call since it became due. Among the new, and among the others,
/// producers take turns, and then the jobs of each.
extension MemoryLedger {
  /// The job whose call is next, of those whose reward is open: `codemint.next_candidate`.
  func candidate(_ limits: Limits, now: Int64) -> JobRow? {
    let open = jobs.values.filter { job in
      guard job.isQueued, !locked.jobs.contains(job.id), !locked.rewards.contains(job.reward) else {
        return false
      }
      let reward = rewards[job.reward] ?? RewardRow()
      return reward.closedAt == nil && reward.inFlight < limits.maxInFlightPerReward
        && reward.pausedUntil ?? .min <= now && !reward.awaitsListing
    }
    let first = open.map(\.priority).min()
    let newJob = open.filter { $0.priority == first && $0.isNew }
      .min { ($0.queuePosition ?? 0, $0.id) < ($1.queuePosition ?? 0, $1.id) }
    let placed = open.filter { $0.priority == first && !$0.isNew }
      .min { ($0.queuePosition ?? 0, $0.id) < ($1.queuePosition ?? 0, $1.id) }
    return account.newJobLast ? placed ?? newJob : newJob ?? placed
  }

  /// The place of a job that joins the queue now, behind those of its producer: `codemint.next_turn`.
  func nextTurn(of job: JobRow, isNew: Bool) -> Int64 {
    let served = served[Turn(priority: job.priority, isNew: isNew)] ?? 0
    let own = jobs.values.lazy.filter { [producers] other in
      producers[other.id] == producers[job.id] && other.priority == job.priority
        && other.isNew == isNew
    }
    let share = producers[job.id].flatMap { shares[$0] } ?? 1
    return max(served, own.compactMap(\.queuePosition).max() ?? 0)
      + Int64((10_000 / share).rounded(.toNearestOrEven))
  }

  /// Jobs whose time has come join the queue: `codemint.place_due_jobs`.
  mutating func placeDueJobs(now: Int64) {
    let due = jobs.values.filter { !$0.isQueued && $0.nextCallAt ?? .max <= now }
      .sorted { ($0.nextCallAt ?? 0, $0.id) < ($1.nextCallAt ?? 0, $1.id) }
    for var job in due.prefix(1000) {
      job.queuePosition = nextTurn(of: job, isNew: true)
      job.isNew = true
      jobs[job.id] = job
    }
    if !due.isEmpty { signals.append(.jobs) }
  }

  /// Until the next waiting job is due; nil if none waits: `codemint.next_due`.
  func nextDue(now: Int64) -> Duration? {
    let times = jobs.values.filter { !$0.isQueued }.compactMap(\.nextCallAt)
    return times.min().map { Self.wait(from: now, to: $0) }
  }

  /// Puts a job into the queue, lets it wait for `pause`, or neither because it needs no call:
  /// `codemint.place_job`.
  mutating func place(_ job: inout JobRow, pause: Int64, now: Int64) {
    if !job.state.takesCalls || job.paused || job.held || job.room <= 0 {
      job.leaveQueue()
      job.nextCallAt = nil
    } else if pause > 0 {
      job.leaveQueue()
      job.nextCallAt = max(job.nextCallAt ?? .min, now + pause)
    } else if !job.isQueued {
      let due = job.nextCallAt ?? job.runAt
      job.nextCallAt = max(due, now)
      if due <= now {
        job.queuePosition = nextTurn(of: job, isNew: true)
        job.isNew = true
      }
    }
  }

  /// Decides the state of a job after its counters changed or it was refused:
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

  /// Jobs that ended since so many signals were given: `codemint.ended_jobs`.
  func ended(since told: Int) -> [EndedJob] {
    let ids = signals[told...].compactMap { if case .done(let id) = $0 { id } else { nil } }
    return ids.sorted().compactMap { id in jobs[id].map { EndedJob(job: id, state: $0.state) } }
  }
}

/// The jobs that take turns with each other.
struct Turn: Hashable, Sendable {
  let priority: Int
  let isNew: Bool
}

/// Why a job fails.
struct JobFailure {
  let code: String
  let message: String
}

extension JobRow {
  /// It is no longer in the queue.
  mutating func leaveQueue() {
    isNew = false
    queuePosition = nil
  }
}
