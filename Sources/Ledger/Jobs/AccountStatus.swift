/// The row of `codemint.account_status`: whether calls may be sent now, and if not, why.
public struct AccountStatus: Hashable, Sendable, Encodable {
  /// open, trying, paused, failing, blocked or suspended.
  public let state: String
  /// Why it is not open.
  public let reason: String?
  /// The API's own message, if it is blocked.
  public let message: String?
  /// Until when it is paused, as Postgres writes a time.
  public let pausedUntil: String?
  /// Requests a second in force; nil if no worker has ever announced itself.
  public let requestsPerSecond: Double?
  /// Requests a second that are sent now.
  public let currentPace: Double?
  /// Why that is less.
  public let paceReason: String?
  /// Calls that are sending.
  public let inFlight: Int
  /// Workers that live.
  public let workers: Int

  /// The names of the columns, so that JSON reads like the view.
  enum CodingKeys: String, CodingKey {
    case state, reason, message, workers
    case pausedUntil = "paused_until"
    case requestsPerSecond = "requests_per_second"
    case currentPace = "current_requests_per_second"
    case paceReason = "pace_reason"
    case inFlight = "in_flight"
  }
}
