/// How long to wait before the next attempt to connect. `Provisioning` has a `Backoff` of its own for
/// the API and the daemon's statements; this module knows none of ours.
///
/// The pause doubles with every failure, up to a limit, and its upper half is random: many
/// processes that lost the same server do not come back in step, yet none comes back at once.
/// With the defaults:
///
///     failures in a row    1       2       3       4       5       6       7 and more
///     pause in ms          50-100  100-200 200-400 400-800 800-1600 1600-3200 2500-5000
public struct ConnectBackoff: Hashable, Sendable {
  /// The longest pause after the first failure.
  public var first: Duration
  /// The longest pause of all.
  public var limit: Duration

  /// A backoff from `first` to `limit`.
  public init(first: Duration = .milliseconds(100), limit: Duration = .seconds(5)) {
    self.first = first
    self.limit = limit
  }

  /// The pause after this many failures in a row, at least one.
  /// - Parameter chance: From 0 to 1.
  func pause(afterFailures failures: Int, chance: Double) -> Duration {
    let doublings = min(max(failures, 1) - 1, 30)
    let longest = min(limit, first * (1 << doublings))
    return longest / 2 + longest / 2 * chance
  }

  /// The pause after this many failures in a row, by the system's dice.
  func pause(afterFailures failures: Int) -> Duration {
    pause(afterFailures: failures, chance: .random(in: 0...1))
  }
}
