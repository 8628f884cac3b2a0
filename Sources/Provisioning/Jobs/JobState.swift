/// Where a job stands: `codemint.jobs.state`. Paused and held are flags beside it.
public enum JobState: String, Sendable, CaseIterable {
  /// Nothing has been asked of the API yet.
  ///
  /// Goes to: running, ending, failed, cancelled.
  case queued
  /// At least one call was claimed.
  ///
  /// Goes to: completed, ending, failed, cancelled.
  case running
  /// Failed or cancelled while calls are outstanding: takes no new call and becomes terminal with
  /// the last outcome (protocol, rule 16).
  ///
  /// Goes to: completed, failed, cancelled.
  case ending
  /// Holds exactly the codes that it asked for. Terminal.
  case completed
  /// Cannot proceed; `error_code` and `error_message` say why. Codes already issued stay. Terminal,
  /// until an operator retries it.
  case failed
  /// Stopped by an operator. Codes already issued stay. Terminal, until an operator retries it.
  case cancelled
}

/// A job that reached its end because of what a worker recorded beside a settlement.
public struct EndedJob: Hashable, Sendable {
  /// The job.
  public let job: JobID
  /// How it ended: completed, failed or cancelled.
  public let state: JobState

  /// A job that ended in this state.
  public init(job: JobID, state: JobState) {
    self.job = job
    self.state = state
  }
}

/// What an operator did to a job, in SQL or by a command: a row of `codemint.job_actions`.
public struct SteeredJob: Hashable, Sendable {
  /// The job.
  public let job: JobID
  /// What was done: cancel, pause, resume, retry, resolve adopt, resolve absent, or a priority.
  public let action: String
  /// The role that did it.
  public let actor: String
  /// The job's state before.
  public let before: JobState
  /// The job's state afterwards.
  public let after: JobState

  /// An action of an operator.
  public init(job: JobID, action: String, actor: String, before: JobState, after: JobState) {
    self.job = job
    self.action = action
    self.actor = actor
    self.before = before
    self.after = after
  }
}
