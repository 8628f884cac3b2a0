/// What has to be listed of a reward, and what is known beforehand that tells how far to read.
public struct ListingPlan: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// Codes that a fresh listing shows.
  public let mustShow: [CodeID]
  /// The reward whose list gives evidence where this reward's has none.
  public let reference: RewardID?
  /// The database's clock when the case was taken.
  public let now: Timestamp
  /// Whether a reward that the API does not know has an empty list: after a restore every reward is listed
  /// that was ever used, and some may have gone (protocol, rule 18).
  public let mayBeMissing: Bool

  private let earliest: Timestamp?
  private let offset: ClockOffset?
  private let isClockDistrusted: Bool
  private let beginnings: [Beginning]

  /// A listing for calls in doubt: what was made since the first of them can have reached the API, and
  /// around that time.
  public init(_ doubt: DoubtCase) {
    reward = doubt.reward
    mustShow = doubt.mustShow
    reference = doubt.reference
    now = doubt.now
    mayBeMissing = doubt.isRestored
    let first = doubt.calls.map(\.earliest).min()
    earliest = first.map {
      Timestamp(microseconds: $0.microseconds - TimeBasis.unsteadiness.microseconds)
    }
    offset = doubt.offset?.asOf(first, measuredBy: doubt.now)
    isClockDistrusted = doubt.isClockDistrusted
    beginnings = Self.beginnings(of: doubt.calls)
  }

  /// A listing for a watch: what was made since the watched time began.
  public init(_ watch: WatchCase) {
    reward = watch.reward
    mustShow = watch.mustShow
    reference = watch.reference
    now = watch.now
    mayBeMissing = watch.isAwaited
    earliest = watch.since
    let oldest = (watch.lacking.map(\.earliest) + (watch.since.map { [$0] } ?? [])).min()
    offset = watch.offset?.asOf(oldest, measuredBy: watch.now)
    isClockDistrusted = watch.isClockDistrusted
    beginnings = Self.beginnings(of: watch.lacking)
  }

  /// How texts can begin, by the prefixes of calls.
  private static func beginnings(of calls: [DoubtfulCall]) -> [Beginning] {
    Beginning.all(of: Set(calls.compactMap(\.call.prefix)))
  }

  /// When the first of the codes that matter was made, by the API's clock, as far as that is known before
  /// the list is read to its end; nil if all matter.
  ///
  /// - Parameters:
  ///   - evidence: What the list's own witnesses have shown so far.
  ///   - reference: What the reference's witnesses show, if it was asked first.
  ///   - date: How far the API's clock is ahead by the `Date` of the first page.
  public func since(
    evidence: Evidence = Evidence(),
    reference: Evidence?,
    date: ClockOffset?
  ) -> Timestamp? {
    since(basis(evidence: evidence, reference: reference, date: date))
  }

  /// The same once the list has been read.
  func since(_ basis: TimeBasis) -> Timestamp? {
    earliest.flatMap(basis.start)
  }

  /// What the times of the list can be compared with.
  func basis(of listing: Listing) -> TimeBasis {
    basis(evidence: listing.evidence, reference: listing.reference, date: listing.date)
  }

  private func basis(evidence: Evidence, reference: Evidence?, date: ClockOffset?) -> TimeBasis {
    TimeBasis(
      offset: offset,
      isDistrusted: isClockDistrusted,
      evidence: evidence,
      reference: reference,
      date: date
    )
  }

  /// What has to be known of an unknown code.
  public func found(_ code: IssuedCode) -> FoundCode {
    FoundCode(
      id: code.id,
      beginning: beginnings.first { $0.begins(code) } ?? .plain,
      createdAt: code.createdAt
    )
  }
}
