/// How fast and how much at once the whole fleet may use the API.
public struct Limits: Hashable, Sendable {
  /// Requests per second; fractions are allowed.
  public let requestsPerSecond: Double
  /// Requests that may go at once after a quiet time.
  public let burst: Int
  /// Calls in flight at any moment.
  public let maxInFlight: Int
  /// Calls in flight for any one reward.
  public let maxInFlightPerReward: Int

  /// Modest, because the API's vendor states no limit.
  public static let standard = Limits(
    requestsPerSecond: 5,
    burst: 1,
    maxInFlight: 4,
    maxInFlightPerReward: 2
  )

  /// Limits within `Bounds`.
  public init(requestsPerSecond: Double, burst: Int, maxInFlight: Int, maxInFlightPerReward: Int) {
    precondition(Bounds.requestsPerSecond.contains(requestsPerSecond))
    precondition(Bounds.burst.contains(burst))
    precondition(Bounds.maxInFlight.contains(maxInFlight))
    precondition(Bounds.maxInFlight.contains(maxInFlightPerReward))
    self.requestsPerSecond = requestsPerSecond
    self.burst = burst
    self.maxInFlight = maxInFlight
    self.maxInFlightPerReward = maxInFlightPerReward
  }
}

/// What an answer of the API says of the pace.
public struct PaceFeedback: Hashable, Sendable {
  /// Whether the request was refused for its pace: a 429.
  public let isRefusal: Bool
  /// How long nobody may send.
  public let pause: Duration?
  /// Requests a second that are left until the window ends.
  public let ceiling: Double?

  /// Feedback; nothing is asked for where no value is given.
  public init(isRefusal: Bool = false, pause: Duration? = nil, ceiling: Double? = nil) {
    self.isRefusal = isRefusal
    self.pause = pause
    self.ceiling = ceiling
  }
}
