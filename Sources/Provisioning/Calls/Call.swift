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

/// The lengths that a worker works with. They travel with each of its calls, because whoever judges a
/// call uses the lengths of its sender and never its own settings (protocol, rule 4).
public struct CallLengths: Hashable, Sendable {
  /// How long the worker may act on a call without renewing its lease.
  public let lease: Duration
  /// Until an answer of the API must be complete.
  public let apiTimeout: Duration
  /// How far the API's list may be out of date.
  public let listingGap: Duration

  /// The lengths of one worker's settings.
  public init(lease: Duration, apiTimeout: Duration, listingGap: Duration) {
    self.lease = lease
    self.apiTimeout = apiTimeout
    self.listingGap = listingGap
  }

  /// How long after the end of its lease a call may still take effect.
  public var effectiveFor: Duration { apiTimeout + listingGap }
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
  /// Sent, or perhaps sent, and nothing is proven; or answered, and not all that was asked for is
  /// proven. Its reward is closed to new calls.
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
