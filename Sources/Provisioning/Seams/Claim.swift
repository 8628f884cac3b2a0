/// A worker's wish for a call.
public struct ClaimRequest: Hashable, Sendable {
  /// The identifier that the new call shall have.
  public let call: CallID
  /// Who asks.
  public let worker: WorkerID
  /// How long the worker may act on it without renewing.
  public let lease: Duration

  /// A wish with these parts.
  public init(call: CallID, worker: WorkerID, lease: Duration) {
    self.call = call
    self.worker = worker
    self.lease = lease
  }
}

/// What asking for a call gave.
public enum Claim: Hashable, Sendable {
  /// A call, committed as `sending`.
  case call(ClaimedCall)
  /// Nothing may be claimed now. After `wait` there may be something by the passing of time alone
  /// (a slot, the end of a pause); after `due` a job is due that has to be lined up by `tend`.
  /// Each is nil if only a wake or another call's end can change that.
  case nothing(wait: Duration?, due: Duration?)
}

/// A call and what its worker needs to know beside it.
public struct ClaimedCall: Hashable, Sendable {
  /// The call.
  public let call: Call
  /// From the database's answer until the call's slot; zero or less if it has come.
  public let slotDelay: Duration
  /// The database's clock when it answered.
  public let answered: Timestamp
  /// From one slot to the next at the present pace.
  public let spacing: Duration
  /// How long after the claim the call may leave if its slot has come: see `SlotLimiter.leeway`.
  public let leeway: Duration
  /// Failures in a row so far.
  public let failures: FailureCounts
  /// Whether its job was queued before: it is running because of this call.
  public let startsJob: Bool

  /// A claimed call with these parts.
  public init(
    call: Call,
    slotDelay: Duration,
    answered: Timestamp,
    spacing: Duration,
    leeway: Duration,
    failures: FailureCounts,
    startsJob: Bool
  ) {
    self.call = call
    self.slotDelay = slotDelay
    self.answered = answered
    self.spacing = spacing
    self.leeway = leeway
    self.failures = failures
    self.startsJob = startsJob
  }
}
