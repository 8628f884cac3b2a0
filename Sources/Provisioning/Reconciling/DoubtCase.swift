/// A reward with doubtful calls and none in flight, and what the ledger knows that helps to decide
/// what they did.
public struct DoubtCase: Hashable, Sendable {
  /// The reward, closed to new calls.
  public let reward: RewardID
  /// Its doubtful calls, oldest first; at least one.
  public let calls: [DoubtfulCall]
  /// Calls whose answers were short, since the reward was listed last, each with the size that it
  /// lacks: a listing may show what the answers kept back (protocol, rule 7).
  public let keptBack: [Call]
  /// Codes of the reward's newest clean answer: a listing that lacks one of them is stale.
  public let newestKnown: [CodeID]
  /// Whether a clean answer has shown that codes begin with the prefix that was asked for.
  public let prefixIsLiteral: Bool
  /// How far the API's `createdAt` is ahead of the database's clock, as clean answers have shown;
  /// nil if `createdAt` cannot be believed.
  public let offset: ClockOffset?
  /// The database's clock when the case was taken.
  public let now: Timestamp
  /// Since when the listing has failed without a break, if it has.
  public let failingSince: Timestamp?

  /// A case of at least one doubtful call; by default no answer kept codes back.
  public init(
    reward: RewardID,
    calls: [DoubtfulCall],
    keptBack: [Call] = [],
    newestKnown: [CodeID],
    prefixIsLiteral: Bool,
    offset: ClockOffset?,
    now: Timestamp,
    failingSince: Timestamp?
  ) {
    precondition(!calls.isEmpty, "a case without a doubtful call is none")
    self.reward = reward
    self.calls = calls
    self.keptBack = keptBack
    self.newestKnown = newestKnown
    self.prefixIsLiteral = prefixIsLiteral
    self.offset = offset
    self.now = now
    self.failingSince = failingSince
  }

  /// When the youngest call can no longer take effect: only from then on can anything less than
  /// finding everything be decided (protocol, rule 12).
  public var effectiveUntil: Timestamp {
    calls.map(\.effectiveUntil).max() ?? now
  }

  /// The window in which the codes of these calls must have been created, by the API's clock; nil
  /// if `createdAt` cannot be believed. Wider by `Bounds.createdAtResolution` at both ends.
  public var window: ClosedRange<Timestamp>? {
    guard let offset, let earliest = calls.map(\.earliest).min() else { return nil }
    let margin = Bounds.createdAtResolution.microseconds
    let first = earliest.microseconds + offset.low - margin
    let last = effectiveUntil.microseconds + offset.high + margin
    return Timestamp(microseconds: first)...Timestamp(microseconds: max(first, last))
  }

  /// Parts a listing into what was made in the window and what was made after it. By all that is
  /// known these calls cannot have made the latter, and yet nobody else is known to have made it.
  public func parted(_ listing: Listing) -> (inTime: Listing, late: [IssuedCode]) {
    guard let end = window?.upperBound else { return (listing, []) }
    let late = listing.codes.filter { $0.createdAt.map { $0 > end } ?? false }
    let ids = Set(late.map(\.id))
    let inTime = listing.codes.filter { !ids.contains($0.id) }
    return (Listing(codes: inTime, nulls: listing.nulls), late)
  }
}

/// How far one clock is ahead of another, known as a range of microseconds.
public struct ClockOffset: Hashable, Sendable {
  /// At least so much ahead.
  public let low: Int64
  /// At most so much ahead.
  public let high: Int64

  /// An offset from `low` to `high`.
  public init(low: Int64, high: Int64) {
    precondition(low <= high)
    self.low = low
    self.high = high
  }
}

/// A call that may or may not have made codes, and the times between which it can have made them.
///
/// All times are the database's.
public struct DoubtfulCall: Hashable, Sendable {
  /// The call.
  public let call: Call
  /// The earliest moment at which it can have reached the API: its slot.
  public let earliest: Timestamp
  /// The latest moment at which it can still take effect (protocol, rule 4).
  public let effectiveUntil: Timestamp

  /// A doubtful call.
  public init(call: Call, earliest: Timestamp, effectiveUntil: Timestamp) {
    self.call = call
    self.earliest = earliest
    self.effectiveUntil = effectiveUntil
  }
}
