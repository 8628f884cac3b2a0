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

  /// An action with these parts.
  public init(job: JobID, action: String, actor: String, before: JobState, after: JobState) {
    self.job = job
    self.action = action
    self.actor = actor
    self.before = before
    self.after = after
  }
}
