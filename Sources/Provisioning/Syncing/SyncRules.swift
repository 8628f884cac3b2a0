/// How codes are tracked that other systems have yet to take: the settings `sync.*`.
///
///     pass          1       2       3       4     ...
///     after pause   first   2x      4x      8x    ... never more than `longest`
public struct SyncRules: Hashable, Sendable {
  /// From the moment that a code was stored, not final yet, to the first sync pass of its reward.
  public var first: Duration
  /// The longest pause between two passes.
  public var longest: Duration
  /// How long a code is tracked after it was stored. A code that is pending still is then given up.
  public var patience: Duration
  /// How often the API is asked to copy a reward to a system once more after an error.
  public var retries: Int
  /// Pages that one pass reads at most; the next pass continues where it stopped.
  public var pages = 200

  /// The standard rules.
  public static let standard = SyncRules(
    first: .seconds(30),
    longest: .seconds(3600),
    patience: .seconds(7 * 86_400),
    retries: 3
  )

  /// Rules; the pauses must be longer than nothing.
  public init(first: Duration, longest: Duration, patience: Duration, retries: Int) {
    precondition(first > .zero && longest > .zero && retries >= 0)
    self.first = first
    self.longest = longest
    self.patience = patience
    self.retries = retries
  }

  /// The pause after this many passes (1 for the first), or after as many failures in a row.
  public func pause(after passes: Int) -> Duration {
    grown(factor: 2, times: passes)
  }

  /// For each time that the API is asked to copy a reward once more, how long it then has before
  /// what is still in error counts against it.
  public var resyncPauses: [Duration] {
    (0..<retries).map { grown(factor: 4, times: $0 + 1) }
  }

  /// Whether a pass reads everything though the order is believed, so that a belief that has become
  /// wrong is found out: the 8th, the 64th, the 512th.
  public static func readsWhole(pass: Int) -> Bool {
    var power = 8
    while power < pass { power *= 8 }
    return pass == power
  }

  private func grown(factor: Int, times: Int) -> Duration {
    var pause = min(first, longest)
    for _ in 0..<min(max(times, 0), 64) where pause < longest { pause = pause * factor }
    return min(pause, longest)
  }
}
