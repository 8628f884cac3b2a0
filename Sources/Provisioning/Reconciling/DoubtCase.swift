/// A reward with calls in doubt and none in flight, and what the ledger knows that helps to decide what
/// they did.
public struct DoubtCase: Hashable, Sendable {
  /// The reward, closed to new calls.
  public let reward: RewardID
  /// Its calls in doubt, oldest first; at least one. What a short answer lacks is in doubt too, and is
  /// judged with the others (protocol, rule 7).
  public let calls: [DoubtfulCall]
  /// The codes of the reward's newest clean answer that have not been purged: a listing that lacks one
  /// of them is stale.
  public let mustShow: [CodeID]
  /// The reward with the account's newest clean answer, if it is another one: its list is asked for
  /// evidence where this reward's has no witnesses (protocol, rule 10).
  public let reference: RewardID?
  /// How far the API's `createdAt` is ahead of the database's clock, as clean answers have shown;
  /// nil if none has shown it yet.
  public let offset: ClockOffset?
  /// Whether answers contradicted each other about that lately, so that no time can be believed.
  public let isClockDistrusted: Bool
  /// The database's clock when the case was taken.
  public let now: Timestamp
  /// How long the doubt has gone undecided because listings failed or disagreed. Time in which nobody
  /// could ask does not count (protocol, rule 12).
  public let undecidedFor: Duration
  /// Whether the reward awaits the listing that follows a failover or a restore. The ledger may then
  /// lack other calls, whose codes turn up beside those of the calls in doubt (protocol, rule 18).
  public let isRestored: Bool

  /// A case of at least one call. By default there is no reference, the clock is believed, nothing has
  /// failed yet and the ledger has lost nothing.
  public init(
    reward: RewardID,
    calls: [DoubtfulCall],
    mustShow: [CodeID],
    reference: RewardID? = nil,
    offset: ClockOffset?,
    isClockDistrusted: Bool = false,
    now: Timestamp,
    undecidedFor: Duration = .zero,
    isRestored: Bool = false
  ) {
    precondition(!calls.isEmpty, "a case without a doubtful call is none")
    self.reward = reward
    self.calls = calls
    self.mustShow = mustShow
    self.reference = reference
    self.offset = offset
    self.isClockDistrusted = isClockDistrusted
    self.now = now
    self.undecidedFor = undecidedFor
    self.isRestored = isRestored
  }
}

/// A call that may have made codes which the ledger does not know, and the times between which it can
/// have made them.
///
/// All times are the database's, all lengths those that the call's sender works with.
public struct DoubtfulCall: Hashable, Sendable {
  /// The call.
  public let call: Call
  /// How many of its codes the ledger lacks: the room that it holds.
  public let lacks: Int
  /// Whether an answer came and lacked codes. Then any number up to `lacks` may exist; otherwise the
  /// call made exactly `lacks` codes or none.
  public let isAnswered: Bool
  /// Codes of its own answer that were set aside because they lack its prefix, which is known to be
  /// literal: the answer may be another call's (protocol, rule 7).
  public let setAside: [CodeID]
  /// The earliest moment at which it can have reached the API: its claim. A request can leave before its
  /// slot, if the worker's clock was set since it learnt where the database's moments lie.
  public let earliest: Timestamp
  /// The latest moment at which it can still take effect (protocol, rule 4).
  public let effectiveUntil: Timestamp
  /// How long it can still take effect from the moment on at which it fell in doubt, which whoever
  /// judges it also lets pass on a clock of its own (protocol, rule 4). The request of an answered call
  /// is over: only the list may lag.
  public let effectiveFor: Duration
  /// How long a list may be out of date.
  public let listingGap: Duration

  /// A call in doubt; by default without any answer.
  public init(
    call: Call,
    lacks: Int? = nil,
    isAnswered: Bool = false,
    setAside: [CodeID] = [],
    earliest: Timestamp,
    effectiveUntil: Timestamp,
    effectiveFor: Duration,
    listingGap: Duration
  ) {
    let lacks = lacks ?? call.size
    precondition((1...call.size).contains(lacks), "a call in doubt lacks codes")
    self.call = call
    self.lacks = lacks
    self.isAnswered = isAnswered
    self.setAside = setAside
    self.earliest = earliest
    self.effectiveUntil = effectiveUntil
    self.effectiveFor = effectiveFor
    self.listingGap = listingGap
  }
}
