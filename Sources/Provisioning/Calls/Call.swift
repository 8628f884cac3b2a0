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

  /// A call for `size` codes.
  public init(id: CallID, job: JobID, reward: RewardID, prefix: String?, size: Int) {
    precondition(Bounds.callSize.contains(size), "a call asks for 1 to 500 codes")
    self.id = id
    self.job = job
    self.reward = reward
    self.prefix = prefix
    self.size = size
  }
}

/// Where a call stands: `codemint.calls.state`, the ledger of every request.
public enum CallState: String, Sendable, CaseIterable {
  /// Claimed by a worker that may send it, is sending it or awaits its answer.
  ///
  /// Goes to: issued, rejected, unsent, inDoubt.
  case sending
  /// The API proved which codes it made. Terminal.
  case issued
  /// The API proved that it made nothing. Terminal.
  case rejected
  /// The request's body was never handed over. Terminal.
  ///
  /// Goes to: issued, should an answer arrive all the same (evidence beats every judgement).
  case unsent
  /// Sent, or perhaps sent, and nothing is proven. Its reward is closed to new calls.
  ///
  /// Goes to: issued, rejected (late evidence), adopted, absent.
  case inDoubt = "in_doubt"
  /// Found upstream by listing; its codes are recorded. Terminal.
  case adopted
  /// Judged not to have happened. Terminal.
  ///
  /// Goes to: issued, should its answer arrive all the same.
  case absent
}
