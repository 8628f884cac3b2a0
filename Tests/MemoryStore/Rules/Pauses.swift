public import Provisioning

extension Bounds {
  /// The priority of a job that states none.
  public static let defaultPriority = 5
  /// Answers in a row without one new code after which a job fails instead of asking again.
  public static let answersWithoutProgress = 5
  /// Refusals (403) and failures (5xx) in a row that belong to one reward after which its jobs are
  /// held.
  public static let rewardRefusals = 8
  /// From this many failures of one reward in a row on they are its own, if the account had a clean
  /// answer since the first of them.
  public static let ownFailures = 3
  /// Failures of the API in a row after which no call is sent before a probe is answered.
  public static let breakerFailures = 3
}

extension Backoff {
  /// For an API that cannot be reached or that fails.
  public static let api = Backoff(base: .seconds(1), cap: .seconds(60))
  /// For an API that has failed often enough that the breaker is open.
  public static let breaker = Backoff(base: .seconds(15), cap: .seconds(600))
  /// For a reward that alone is refused.
  public static let reward = Backoff(base: .seconds(2), cap: .seconds(300))
  /// For a job whose answers hold nothing new.
  public static let job = Backoff(base: .milliseconds(500), cap: .seconds(60))

  /// A part of the ceiling: from nothing, with a jitter of 0, up to the whole, rounded down to
  /// microseconds.
  ///
  /// - Parameter failures: Failures in a row, this one included.
  public func pause(failures: Int, jitter: Double) -> Duration {
    .microseconds(Int64(Double(ceiling(failures: failures).microseconds) * jitter))
  }

  /// From half the ceiling up to the whole: where the number of attempts has a bound.
  public func steadyPause(failures: Int, jitter: Double) -> Duration {
    let half = Double(ceiling(failures: failures).microseconds) / 2
    return .microseconds(Int64(half + half * jitter))
  }

  /// The pause of everybody after this many failures of the API in a row. From
  /// `Bounds.breakerFailures` on it is the time until the probe.
  public static func account(failures: Int, jitter: Double) -> Duration {
    let beyond = failures - Bounds.breakerFailures
    return beyond < 0
      ? api.pause(failures: failures, jitter: jitter)
      : breaker.steadyPause(failures: beyond + 1, jitter: jitter)
  }
}
