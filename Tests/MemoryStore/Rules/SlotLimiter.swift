public import Provisioning

/// The rate limit as slots: the generic cell rate algorithm with one number of state. The reference
/// for `codemint.next_slot`.
///
/// A fleet shares it by sharing that number, `nextSlot`, in one row of the database. Times are
/// microseconds on the database's clock.
///
/// Source of the rule: ITU-T I.371, the virtual scheduling form of the algorithm.
public struct SlotLimiter: Hashable, Sendable {
  /// Microseconds from one slot to the next: a little over 1/rate (1 %), since otherwise the
  /// first and the last request of a window can fall into the same second at the server.
  public let spacing: Int64
  /// How much earlier than the spacing says a slot may be after a quiet time, in microseconds.
  public let tolerance: Int64

  /// No slot is reserved further ahead than this, in microseconds.
  private let longestHorizon: Int64

  /// The limiter for these limits.
  ///
  /// - Parameters:
  ///   - pace: Requests a second now, if that is less than the limits allow; then nothing is saved
  ///     up for a burst.
  ///   - lease: How long a call may be acted on; no slot is reserved further ahead (protocol,
  ///     rule 3).
  public init(
    _ limits: Limits,
    pace: Double? = nil,
    lease: Duration = .seconds(Bounds.leaseSeconds.upperBound)
  ) {
    let rate = min(pace ?? limits.requestsPerSecond, limits.requestsPerSecond)
    longestHorizon = lease.microseconds
    spacing = Int64((1_010_000 / rate).rounded(.up))
    tolerance = rate < limits.requestsPerSecond ? 0 : spacing * Int64(limits.burst - 1)
  }

  /// How long after it was reserved a slot for at once may be used, in microseconds: half a spacing,
  /// or half of what a burst is ahead of the spacing if that is more, but no more than a commit
  /// takes on a busy machine.
  ///
  /// A request that uses all of it counts as having come so late, so no window holds more than the
  /// algorithm allows. The last request of a burst may be delayed by up to the leeway.
  public var leeway: Int64 {
    min(max(spacing, tolerance) / 2, Self.shortestHorizon.microseconds)
  }

  /// How far ahead of its time a slot may be reserved at least, so that a fast pace is not held up
  /// by the way to the database.
  public static let shortestHorizon: Duration = .milliseconds(50)

  /// How far ahead of its time a slot may be reserved: one spacing, but not less than the shortest
  /// horizon. A fleet holds no more of the future than that, so a new job waits for at most a slot
  /// or two that others have taken.
  public var horizon: Int64 {
    min(max(spacing, Self.shortestHorizon.microseconds), longestHorizon)
  }

  /// What asking for a slot gives.
  public enum Reservation: Hashable, Sendable {
    /// The slot, and the state after taking it.
    case slot(at: Int64, nextSlot: Int64)
    /// The next slot is further ahead than the horizon: ask again after this many microseconds.
    case tooEarly(wait: Int64)
  }

  /// Takes the next slot, if it is near enough.
  ///
  /// - Parameter pausedUntil: No slot is given before this time.
  public func reserve(now: Int64, nextSlot: Int64, pausedUntil: Int64? = nil) -> Reservation {
    let slot = self.slot(now: now, nextSlot: nextSlot, pausedUntil: pausedUntil)
    if slot - now > horizon { return .tooEarly(wait: slot - now - horizon) }
    return .slot(at: slot, nextSlot: following(slot, now: now, nextSlot: nextSlot))
  }

  /// The next slot, however far ahead.
  public func slot(now: Int64, nextSlot: Int64, pausedUntil: Int64? = nil) -> Int64 {
    max(now, nextSlot - tolerance, pausedUntil ?? now)
  }

  /// The state after a slot was taken. A request whose slot is at once may leave as late as the
  /// leeway, and the slot behind it is reckoned from there.
  ///
  /// - Parameter isLate: Whether the slot is for a call that has missed one: it may be late for this
  ///   one too.
  public func following(
    _ slot: Int64,
    now: Int64,
    nextSlot: Int64,
    isLate: Bool = false
  ) -> Int64 {
    max((isLate ? slot : now) + leeway, nextSlot, slot) + spacing
  }
}
