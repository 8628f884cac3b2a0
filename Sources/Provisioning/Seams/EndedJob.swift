/// A job that reached its end because of what a worker recorded beside a settlement.
public struct EndedJob: Hashable, Sendable {
  /// The job.
  public let job: JobID
  /// How it ended: completed, failed or cancelled.
  public let state: JobState

  /// A job that ended so.
  public init(job: JobID, state: JobState) {
    self.job = job
    self.state = state
  }
}
