/// Failures in a row, as they stood when a call was claimed; the length of a pause follows.
public struct FailureCounts: Hashable, Sendable {
  /// Answers of the job without one new code.
  public let job: Int
  /// Refusals of the reward alone.
  public let reward: Int
  /// Failures of the API as a whole.
  public let account: Int

  /// Nothing has failed.
  public static let none = FailureCounts(job: 0, reward: 0, account: 0)

  /// These counts.
  public init(job: Int, reward: Int, account: Int) {
    self.job = job
    self.reward = reward
    self.account = account
  }
}
