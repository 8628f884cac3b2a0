/// A worker's wish for a call.
public struct ClaimRequest: Hashable, Sendable {
  /// The identifier that the new call shall have.
  public let call: CallID
  /// Who asks.
  public let worker: WorkerID
  /// The lengths that the worker works with.
  public let lengths: CallLengths

  /// A wish for a call of this identifier.
  public init(call: CallID, worker: WorkerID, lengths: CallLengths) {
    self.call = call
    self.worker = worker
    self.lengths = lengths
  }
}

/// What asking for a call gave.
public enum Claim: Hashable, Sendable {
  /// A call, committed as `sending`.
  case call(ClaimedCall)
  /// Nothing may be claimed now. After `wait` there may be something by the passing of time alone
  /// (a slot, the end of a pause); after `due` a job is due that a heartbeat has to put into the
  /// queue. Each is nil if only a wake or another call's end can change that.
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
  /// How long after the claim the call may leave if its slot has come: a slot for at once has passed
  /// when the commit that reserved it is back, and the database reckons the next slot from there.
  public let leeway: Duration
  /// Whether its job was queued before: it is running because of this call.
  public let startsJob: Bool

  /// A claimed call, with what the database said of its slot.
  public init(
    call: Call,
    slotDelay: Duration,
    answered: Timestamp,
    spacing: Duration,
    leeway: Duration,
    startsJob: Bool
  ) {
    self.call = call
    self.slotDelay = slotDelay
    self.answered = answered
    self.spacing = spacing
    self.leeway = leeway
    self.startsJob = startsJob
  }

  /// How late the call may be for its slot. A call that is later bunches up with those behind it,
  /// and takes a new slot.
  ///
  /// Slots are one per cent further apart than they have to be. Half of that may be used up, in a
  /// second, or in a spacing if that is longer. A slot for at once also has the leeway, for missing
  /// it because of the commit alone would waste one slot after another.
  ///
  /// - Parameter ahead: How long before its time the slot was reserved.
  public func tolerableLateness(ahead: Duration) -> Duration {
    max(max(spacing, .seconds(1)) / 200, leeway - ahead)
  }
}
