/// The rate limit as slots: the generic cell rate algorithm with one number of state.
///
/// A fleet shares it by sharing that number, `nextSlot`, in one row of the database. Times are
/// microseconds on the database's clock.
///
/// Source of the rule: ITU-T I.371, the virtual scheduling form of the algorithm.
public struct SlotLimiter: Hashable, Sendable {
  /// Microseconds from one slot to the next: a little over 1/rate (1 %), since otherwise the
  /// first and the last request of a window can fall into the same second at the server.
  public let spacing: Int64
  /// How much earlier than its turn a slot may be after a quiet time, in microseconds.
  public let tolerance: Int64

  /// No slot is reserved further ahead than this, in microseconds.
  private let longestHorizon: Int64

  /// The limiter for these limits.
  ///
  /// - Parameter lease: How long a call may be acted on; no slot is reserved further ahead
  ///   (protocol, rule 3).
  public init(_ limits: Limits, lease: Duration = .seconds(Bounds.leaseSeconds.upperBound)) {
    longestHorizon = lease.microseconds
    spacing = Int64((1_010_000 / limits.requestsPerSecond).rounded(.up))
    tolerance = spacing * Int64(limits.burst - 1)
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
  public func reserve(now: Int64, nextSlot: Int64) -> Reservation {
    let slot = max(now, nextSlot - tolerance)
    if slot - now > horizon { return .tooEarly(wait: slot - now - horizon) }
    return .slot(at: slot, nextSlot: max(now, nextSlot) + spacing)
  }
}
