public import Provisioning

/// What an operator has set with `set_limits`; nil where the workers' settings count.
public struct SetLimits: Hashable, Sendable {
  /// Requests per second.
  public var requestsPerSecond: Double?
  /// Requests that may go at once after a quiet time.
  public var burst: Int?
  /// Calls in flight at any moment.
  public var maxInFlight: Int?
  /// Calls in flight for any one reward.
  public var maxInFlightPerReward: Int?

  /// These limits.
  public init(
    requestsPerSecond: Double? = nil,
    burst: Int? = nil,
    maxInFlight: Int? = nil,
    maxInFlightPerReward: Int? = nil
  ) {
    self.requestsPerSecond = requestsPerSecond
    self.burst = burst
    self.maxInFlight = maxInFlight
    self.maxInFlightPerReward = maxInFlightPerReward
  }

  /// These limits over those of the workers; nil if neither says anything of one of them.
  public func over(_ limits: Limits?) -> Limits? {
    guard let requestsPerSecond = requestsPerSecond ?? limits?.requestsPerSecond,
      let burst = burst ?? limits?.burst,
      let maxInFlight = maxInFlight ?? limits?.maxInFlight,
      let maxInFlightPerReward = maxInFlightPerReward ?? limits?.maxInFlightPerReward
    else { return nil }
    return Limits(
      requestsPerSecond: requestsPerSecond,
      burst: burst,
      maxInFlight: maxInFlight,
      maxInFlightPerReward: maxInFlightPerReward
    )
  }
}
