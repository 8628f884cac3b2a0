/// A watched reward that is due.
public struct WatchCase: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// Codes of its newest clean answer.
  public let newestKnown: [CodeID]
  /// Codes matter from then on, by the API's clock; nil if `createdAt` cannot be believed.
  public let since: Timestamp?
  /// Since when it is due.
  public let dueAt: Timestamp
  /// The database's clock when the case was taken.
  public let now: Timestamp
  /// Whether no call of the reward is made before it has been listed: after an answer that was not
  /// what was asked for, or a failover of the database (protocol, rules 7 and 18).
  public let isAwaited: Bool
  /// How often in a row its list could not be had.
  public let failures: Int
  /// Since when, if it could not.
  public let failingSince: Timestamp?

  /// A case; by default no call waits for it and its list has not failed.
  public init(
    reward: RewardID,
    newestKnown: [CodeID],
    since: Timestamp?,
    dueAt: Timestamp,
    now: Timestamp,
    isAwaited: Bool = false,
    failures: Int = 0,
    failingSince: Timestamp? = nil
  ) {
    self.reward = reward
    self.newestKnown = newestKnown
    self.since = since
    self.dueAt = dueAt
    self.now = now
    self.isAwaited = isAwaited
    self.failures = failures
    self.failingSince = failingSince
  }

  /// How much longer the list is left alone, so that it cannot be out of date: it alone decides what
  /// the waiting calls ask for. Nil if it may be read now.
  ///
  /// - Parameter listingGap: How long a list may be out of date.
  public func delay(listingGap: Duration) -> Duration? {
    guard isAwaited, failures == 0 else { return nil }
    let left = listingGap - .microseconds(now.microseconds - dueAt.microseconds)
    return left > .zero ? left : nil
  }

  /// How long the list is left alone after it could not be had: twice as long each time, up to
  /// `Bounds.longestWatchRetry`, or `Bounds.longestAwaitedRetry` while calls wait for it.
  ///
  /// Nil if it has been waited for long enough, which operators see. Calls wait no longer when the
  /// list is refused, or after `Bounds.listingPatience`: their jobs are held, and the watch
  /// continues. Any other watch is given up after `Bounds.watchPatience` (protocol, rules 14 and 15).
  public func pause(after failure: ListingFailure) -> Duration? {
    if isAwaited, case .refused = failure { return nil }
    if let failingSince {
      let failing = Duration.microseconds(now.microseconds - failingSince.microseconds)
      if failing >= (isAwaited ? Bounds.listingPatience : Bounds.watchPatience) { return nil }
    }
    let (first, longest) =
      isAwaited
      ? (Bounds.awaitedRetry, Bounds.longestAwaitedRetry)
      : (Bounds.watchRetry, Bounds.longestWatchRetry)
    return min(first * (1 << min(failures, 16)), longest)
  }
}

/// What a listing of a watched reward found.
public struct WatchFinding: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// When the listing had ended, by the database's clock.
  public let listedUntil: Timestamp
  /// Codes that the ledger did not know.
  public let codes: [IssuedCode]

  /// What a listing found that ended at this time.
  public init(reward: RewardID, listedUntil: Timestamp, codes: [IssuedCode]) {
    self.reward = reward
    self.listedUntil = listedUntil
    self.codes = codes
  }
}
