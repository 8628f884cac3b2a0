import Provisioning

/// The pace that was lowered, because the API asked for it or after an outage, and how it comes back:
/// the reference for `codemint.current_pace`.
///
/// It comes back by the passing of time alone, as much as is configured in `recovery`, so a fleet
/// shares it by sharing the number and its time in one row of the database. Times are microseconds
/// on the database's clock.
public struct Pace: Hashable, Sendable {
  /// Why a pace is low: `account.pace_reason`.
  public enum Reason: String, Sendable, CaseIterable {
    /// The API refused a request with a 429.
    case throttled
    /// The API told how many requests are left.
    case announced
    /// The API is back after an outage.
    case recovering
  }

  /// Requests a second that it was lowered to.
  public let rate: Double
  /// When.
  public let at: Int64
  /// Why.
  public let reason: Reason

  /// A pace lowered at this moment.
  public init(rate: Double, at: Int64, reason: Reason) {
    self.rate = rate
    self.at = at
    self.reason = reason
  }

  /// From nothing back to what is configured.
  public static let recovery: Duration = .seconds(300)

  /// Requests a second now, never more than what is configured.
  public func current(configured: Double, now: Int64) -> Double {
    let elapsed = max(Double(now - at) / 1_000_000, 0)
    return min(configured, rate + configured * elapsed / Self.recovery.seconds)
  }

  /// The lowest that a pace comes down to: a twentieth of what is configured, or one request in two
  /// seconds if that is less.
  public static func floor(configured: Double) -> Double { min(configured / 20, 0.5) }

  /// The pace after a 429: half of what it was.
  public static func throttled(from rate: Double, configured: Double, now: Int64) -> Pace {
    Pace(rate: max(rate / 2, floor(configured: configured)), at: now, reason: .throttled)
  }

  /// The pace after an answer that told how many requests a second are left.
  public static func announced(_ rate: Double, configured: Double, now: Int64) -> Pace {
    Pace(rate: max(rate, floor(configured: configured)), at: now, reason: .announced)
  }

  /// The pace after an outage: a tenth of what is configured, or what it was if that is less.
  public static func recovering(from rate: Double, configured: Double, now: Int64) -> Pace {
    Pace(rate: min(rate, configured / 10), at: now, reason: .recovering)
  }
}
