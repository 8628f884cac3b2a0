/// A watched reward that is due.
public struct WatchCase: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// The codes of its newest clean answer that have not been purged.
  public let mustShow: [CodeID]
  /// The reward with the account's newest clean answer, if it is another one (`DoubtCase.reference`).
  public let reference: RewardID?
  /// Calls of the watched time that were judged absent, or that have fewer codes than they asked for:
  /// codes in the window of one of them count for it as far as it lacks them (protocol, rule 14). Each
  /// may have made any number up to that.
  public let lacking: [DoubtfulCall]
  /// Codes matter that were made from then on, by the database's clock; nil if all matter.
  public let since: Timestamp?
  /// How far the API's clock is ahead (`DoubtCase.offset`).
  public let offset: ClockOffset?
  /// Whether no time can be believed (`DoubtCase.isClockDistrusted`).
  public let isClockDistrusted: Bool
  /// Since when it is due.
  public let dueAt: Timestamp
  /// The database's clock when the case was taken.
  public let now: Timestamp
  /// Whether no call of the reward is made before it has been listed: after a failover or a restore of
  /// the database (protocol, rule 18).
  public let isAwaited: Bool
  /// How often in a row its list could not be had.
  public let failures: Int
  /// Since when, if it could not.
  public let failingSince: Timestamp?

  /// A case; by default no call lacks codes or waits for it, and its list has not failed.
  public init(
    reward: RewardID,
    mustShow: [CodeID],
    reference: RewardID? = nil,
    lacking: [DoubtfulCall] = [],
    since: Timestamp?,
    offset: ClockOffset?,
    isClockDistrusted: Bool = false,
    dueAt: Timestamp,
    now: Timestamp,
    isAwaited: Bool = false,
    failures: Int = 0,
    failingSince: Timestamp? = nil
  ) {
    self.reward = reward
    self.mustShow = mustShow
    self.reference = reference
    self.lacking = lacking
    self.since = since
    self.offset = offset
    self.isClockDistrusted = isClockDistrusted
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
  /// `Bounds.longestWatchRetry`, or `Bounds.longestAwaitedRetry` while calls wait for it; longer if the
  /// API asks for it.
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
    return max(min(first * (1 << min(failures, 16)), longest), failure.retryAfter ?? .zero)
  }
}

extension WatchCase {
  /// What a listing found that ended at this time, by the database's clock.
  public func finding(in listing: Listing, listedUntil: Timestamp) -> WatchFinding {
    let basis = ListingPlan(self).basis(of: listing)
    return WatchFinding(
      reward: reward,
      listing: listing.id,
      listedUntil: listedUntil,
      since: ListingPlan(self).since(basis),
      adopted: adopted(listing, basis),
      isBelieved: listing.texts == .true && basis != .nothing,
      raw: listing.raw
    )
  }

  /// Codes that count for calls which lack them: made in their windows, as far as the offset that answers
  /// showed tells, with texts that are known to be true (protocol, rule 14).
  private func adopted(_ listing: Listing, _ basis: TimeBasis) -> [Adoption] {
    guard basis.isLearnt, listing.texts == .true else { return [] }
    let codes = CodeGroups(
      listing.codes,
      calls: lacking,
      basis: basis,
      evidence: listing.evidence
    )
    return CallPool.pools(of: lacking, listing.evidence).flatMap { pool in
      let finding = PoolFinding(pool, of: lacking, codes)
      return listing.texts(of: finding) == .true ? finding.oldest : []
    }
  }
}

/// What a listing of a watched reward found.
public struct WatchFinding: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// Names the staged codes.
  public let listing: ListingID
  /// When the listing had ended, by the database's clock.
  public let listedUntil: Timestamp
  /// Staged codes that are certainly older, by the API's clock, are nobody's and left alone; nil if none
  /// is.
  public let since: Timestamp?
  /// Codes that count for calls which lack them. All that is staged beside them is late surplus.
  public let adopted: [Adoption]
  /// Whether the texts and times in the list can be believed, so that codes may be handed on to jobs without
  /// a person (protocol, rules 10 and 18). Where times cannot, codes may be years old.
  public let isBelieved: Bool
  /// Codes that the database refuses for their content (protocol, rule 8).
  public let raw: [IssuedCode]

  /// What a listing found that ended at this time.
  public init(
    reward: RewardID,
    listing: ListingID,
    listedUntil: Timestamp,
    since: Timestamp? = nil,
    adopted: [Adoption] = [],
    isBelieved: Bool,
    raw: [IssuedCode] = []
  ) {
    self.reward = reward
    self.listing = listing
    self.listedUntil = listedUntil
    self.since = since
    self.adopted = adopted
    self.isBelieved = isBelieved
    self.raw = raw
  }
}
