public import Provisioning

extension MemoryLedger {
  /// Stops a job for good: `codemint.cancel_job`. Like all of these, false if the job is in a state
  /// in which that cannot be done.
  public mutating func cancel(_ id: JobID, note: String, now: Int64) -> Bool {
    guard var job = jobs[id] else { return false }
    if job.state == .cancelled || job.endsAs == .cancelled { return true }
    guard job.state.takesCalls else { return false }
    job.state = .ending
    job.endsAs = .cancelled
    job.errorCode = "cancelled"
    job.errorMessage = note
    return steered(job, "cancel", now: now)
  }

  /// Lets a job take no new call: `codemint.pause_job`.
  public mutating func pause(_ id: JobID, now: Int64) -> Bool {
    guard var job = jobs[id], job.state.takesCalls else { return false }
    if job.paused { return true }
    job.paused = true
    return steered(job, "pause", now: now)
  }

  /// Lets a paused job proceed: `codemint.resume_job`.
  public mutating func resume(_ id: JobID, now: Int64) -> Bool {
    guard var job = jobs[id], job.state.takesCalls else { return false }
    if !job.paused { return true }
    job.paused = false
    return steered(job, "resume", now: now)
  }

  /// Opens a job again for what it lacks: `codemint.retry_job`.
  public mutating func retry(_ id: JobID, now: Int64) -> Bool {
    guard var job = jobs[id], job.state != .completed else { return false }
    if job.state.takesCalls && !job.held { return true }
    let hasHeldCall = calls.values.contains { $0.call.job == id && $0.heldAt != nil }
    guard job.state != .ending, !hasHeldCall else { return false }
    takeSurplus(&job)
    job.state = job.startedAt == nil ? .queued : .running
    job.finishedAt = nil
    job.syncDoneAt = nil
    job.held = false
    job.answersWithoutProgress = 0
    job.errorCode = nil
    job.errorMessage = nil
    return steered(job, "retry", now: now)
  }

  /// Changes a job's priority: `codemint.set_priority`.
  public mutating func setPriority(_ id: JobID, _ priority: Int) -> Bool {
    guard var job = jobs[id], job.finishedAt == nil else { return false }
    if job.priority != priority {
      job.priority = priority
      if job.isQueued { job.queuePosition = nextTurn(of: job, isNew: job.isNew) }
      jobs[id] = job
      keepAction("priority \(priority)", on: job, before: job.state)
    }
    return true
  }

  /// `codemint.steer_job`.
  private mutating func steered(_ job: JobRow, _ action: String, now: Int64) -> Bool {
    var job = job
    let before = jobs[job.id]?.state ?? job.state
    conclude(&job, failure: nil, now: now)
    place(&job, pause: 0, now: now)
    jobs[job.id] = job
    keepAction(action, on: job, before: before)
    return true
  }

  /// `codemint.keep_action`.
  private mutating func keepAction(_ action: String, on job: JobRow, before: JobState) {
    untoldActions.append(
      SteeredJob(
        job: job.id,
        action: action,
        actor: Self.person,
        before: before,
        after: job.state
      )
    )
    signals.append(.jobs)
  }

  /// What operators did and no worker has been told of: `codemint.tell_actions`.
  mutating func tellActions() -> [SteeredJob] {
    defer { untoldActions = [] }
    return untoldActions
  }

  /// Who steers here.
  private static let person = "somebody"
}
