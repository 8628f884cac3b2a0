/// One request to generate codes, as it was claimed. Never reused: a retry is a new call.
public struct Call: Hashable, Sendable {
  /// The call's identifier, made by the worker.
  public let id: CallID
  /// The job that the codes are for.
  public let job: JobID
  /// The reward that is asked for codes.
  public let reward: RewardID
  /// What the codes shall begin with, if anything.
  public let prefix: String?
  /// How many codes are asked for, within `Bounds.callSize`.
  public let size: Int

  /// A call with these parts.
  public init(id: CallID, job: JobID, reward: RewardID, prefix: String?, size: Int) {
    precondition(Bounds.callSize.contains(size), "a call asks for 1 to 500 codes")
    self.id = id
    self.job = job
    self.reward = reward
    self.prefix = prefix
    self.size = size
  }
}
