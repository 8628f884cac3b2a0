/// A watched reward that is due.
public struct WatchCase: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// Codes of its newest clean answer.
  public let newestKnown: [CodeID]
  /// From when on codes matter, by the API's clock; nil if `createdAt` cannot be believed.
  public let since: Timestamp?
  /// The database's clock when the case was taken.
  public let now: Timestamp
  /// Whether no call of the reward is made before it has been listed: after a failover of the
  /// database (protocol, rule 18).
  public let isAwaited: Bool
  /// How often in a row its list could not be had.
  public let failures: Int
  /// Since when, if it could not.
  public let failingSince: Timestamp?

  /// A case with these parts.
  public init(
    reward: RewardID,
    newestKnown: [CodeID],
    since: Timestamp?,
    now: Timestamp,
    isAwaited: Bool = false,
    failures: Int = 0,
    failingSince: Timestamp? = nil
  ) {
    self.reward = reward
    self.newestKnown = newestKnown
    self.since = since
    self.now = now
    self.isAwaited = isAwaited
    self.failures = failures
    self.failingSince = failingSince
  }

  /// How long the list is left alone after it could not be had: twice as long each time, up to
  /// `Bounds.longestWatchRetry`. Nil if the watch is given up, which operators see: a list that
  /// calls wait for is given up when it is refused, or after `Bounds.listingPatience`, and any
  /// other after `Bounds.watchPatience` (protocol, rules 14 and 15).
  public func pause(after failure: ListingFailure) -> Duration? {
    if isAwaited, case .refused = failure { return nil }
    if let failingSince {
      let failing = Duration.microseconds(now.microseconds - failingSince.microseconds)
      if failing >= (isAwaited ? Bounds.listingPatience : Bounds.watchPatience) { return nil }
    }
    return min(Bounds.watchRetry * (1 << min(failures, 16)), Bounds.longestWatchRetry)
  }
}

/// What a round of a watch found.
public struct WatchFinding: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// When the listing had ended, by the database's clock.
  public let listedUntil: Timestamp
  /// Codes that the ledger did not know.
  public let codes: [IssuedCode]

  /// A finding with these parts.
  public init(reward: RewardID, listedUntil: Timestamp, codes: [IssuedCode]) {
    self.reward = reward
    self.listedUntil = listedUntil
    self.codes = codes
  }
}

/// What became of a finding.
public enum WatchAnswer: Hashable, Sendable {
  /// It is recorded: so many of its codes were new and had been kept back by the answer that the
  /// watch is about, so that they count for its job; and so many are surplus.
  case done(issued: Int, surplus: Int)
  /// Calls of the time of the listing are still without outcome: bring it again.
  case wait
  /// The reward has been lost to another worker.
  case lost
}
