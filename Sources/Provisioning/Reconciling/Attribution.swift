/// What doubtful calls did, judged from what a listing shows: pure, and each pool as a whole or not at
/// all (protocol, rule 12).
public struct Attribution: Sendable {
  private let doubt: DoubtCase
  private let listing: Listing
  private let basis: TimeBasis
  private let past: Set<CallID>
  private let earlier: Set<Sighting>

  /// Judges every pool of a case.
  ///
  /// - Parameters:
  ///   - listing: What a fresh listing shows.
  ///   - past: Calls that could no longer take effect when the listing began, by the database's clock
  ///     and by the worker's own.
  ///   - earlier: What the listing before it showed of each pool, if that one began when all of them were
  ///     past, and this one the greatest `listingGap` after it ended.
  public static func judge(
    _ doubt: DoubtCase,
    _ listing: Listing,
    past: Set<CallID>,
    earlier: Set<Sighting> = []
  ) -> [JudgedPool] {
    let attribution = Attribution(
      doubt: doubt,
      listing: listing,
      basis: ListingPlan(doubt).basis(of: listing),
      past: past,
      earlier: earlier
    )
    return attribution.judged()
  }

  private func judged() -> [JudgedPool] {
    let calls = doubt.calls
    let codes = CodeGroups(
      listing.codes,
      calls: calls,
      basis: basis,
      evidence: listing.evidence
    )
    let pools = CallPool.pools(of: calls, listing.evidence).map { pool in
      let finding = PoolFinding(pool, of: calls, codes)
      let sighting = finding.sighting(nulls: listing.nulls)
      return JudgedPool(pool: pool, sighting: sighting, verdict: verdict(on: finding, sighting))
    }
    return JudgedPool.heedingSetAside(pools)
  }

  /// Nothing more can come of a pool whose calls are all past. What is found of it then is believed once
  /// two listings in a row showed the same. One is enough to decide a pool whose calls were all
  /// answered: they had made their codes by then, and a list shows them once it cannot be out of date.
  private func verdict(on finding: PoolFinding, _ sighting: Sighting) -> Verdict {
    let pool = finding.pool
    let arePast = pool.calls.allSatisfy { past.contains($0.call.id) }
    let isConfirmed = arePast && earlier.contains(sighting)
    let isFinal = isConfirmed || arePast && pool.isAnswered
    if let all = allFound(finding), isFinal || decidesAtOnce {
      return .decided(adopted: all, absent: [])
    }
    guard isFinal else { return .open }
    let verdict = lastWord(on: finding)
    return verdict.isHeld && !isConfirmed ? .open : verdict
  }

  /// All that was asked for, with texts that can be handed on.
  private func allFound(_ finding: PoolFinding) -> [Adoption]? {
    guard finding.number == finding.pool.most, listing.nulls == 0,
      listing.texts(of: finding) == .true
    else { return nil }
    return finding.all
  }

  private func lastWord(on finding: PoolFinding) -> Verdict {
    // Each null may be a code of the pool.
    guard listing.nulls == 0 else { return finding.held(.nulls) }
    // A text that the list changes cannot be handed on, nor tell whose a code is.
    guard finding.number == 0 || listing.texts(of: finding) != .altered else {
      return finding.held(.differs)
    }
    return explained(finding) ?? unexplained(finding)
  }

  /// Whether windows are narrow enough to adopt all that calls asked for before they are past: the
  /// times of this list have been compared with answers, or those of the reference.
  private var decidesAtOnce: Bool {
    switch basis {
    case .calibrated: true
    case .coarse: (listing.reference?.timesAgree ?? 0) > 0
    case .byDate, .nothing: false
    }
  }

  /// Exactly the number that some of the calls made; the rest made none.
  private func explained(_ finding: PoolFinding) -> Verdict? {
    guard let made = finding.explanation else { return nil }
    let adopted = Set(made.map(\.call.id))
    let absent = finding.pool.calls.filter { !adopted.contains($0.call.id) }
    // A call whose codes seem to be of another time is no reason to ask again.
    if isSurrounded(finding, absent) { return finding.held(.outOfTime) }
    if !made.isEmpty, isUnwitnessed(finding) { return finding.held(.unwitnessed) }
    return .decided(adopted: made, absent: absent.map(\.call))
  }

  /// Codes that could only be those of calls which are not found, had these taken effect too late, or had
  /// the API's clock been another. After a restore, calls that the ledger lost have made codes later
  /// (protocol, rule 18).
  private func isSurrounded(_ finding: PoolFinding, _ calls: [DoubtfulCall]) -> Bool {
    !doubt.isRestored && !finding.surrounded.isDisjoint(with: calls.lazy.map(\.call.id))
  }

  private func unexplained(_ finding: PoolFinding) -> Verdict {
    let calls = finding.pool.calls
    if doubt.isRestored { return restored(finding) }
    if isSurrounded(finding, calls) { return finding.held(.outOfTime) }
    // The prefix is what makes the codes this call's: every one of them has to have it.
    if calls.count == 1, let prefix = calls[0].call.prefix, finding.number < calls[0].lacks,
      finding.codesBegin(with: prefix)
    {
      if isUnwitnessed(finding) { return finding.held(.unwitnessed) }
      let part = Adoption(call: calls[0].call, codes: finding.codes.map(\.id))
      return .decided(adopted: [part], absent: [])
    }
    return finding.held(finding.isNumberExplained ? .indistinct : .unexplained)
  }

  private func isUnwitnessed(_ finding: PoolFinding) -> Bool {
    listing.texts(of: finding) == .unwitnessed
  }

  /// After a restore codes of calls that the ledger lost lie beside those of the doubtful ones, so that
  /// no number has to fit. Each call is given the oldest ones, and the rest stays unknown for the listing
  /// that credits jobs (protocol, rule 18).
  private func restored(_ finding: PoolFinding) -> Verdict {
    let made = finding.oldest
    if !made.isEmpty, isUnwitnessed(finding) { return finding.held(.unwitnessed) }
    let adopted = Set(made.map(\.call.id))
    return .decided(
      adopted: made,
      absent: finding.pool.calls.map(\.call).filter { !adopted.contains($0.id) }
    )
  }
}

/// A pool and what a listing says of it.
public struct JudgedPool: Hashable, Sendable {
  /// The pool.
  public let pool: CallPool
  /// What the listing shows of it.
  public let sighting: Sighting
  /// What it is found to have done.
  public let verdict: Verdict

  /// A pool with a verdict.
  public init(pool: CallPool, sighting: Sighting, verdict: Verdict) {
    self.pool = pool
    self.sighting = sighting
    self.verdict = verdict
  }

  /// An answer whose codes have another call's prefix is another call's. While nobody has adopted them,
  /// the call that they came to may have made them after all, and is not judged absent (protocol, rule
  /// 7): undecided while another pool is, and else a person's.
  static func heedingSetAside(_ pools: [JudgedPool]) -> [JudgedPool] {
    let adopted = Set(pools.flatMap(\.verdict.adopted).flatMap(\.codes))
    let isOpen = pools.contains { $0.verdict == .open }
    return pools.map { judged in
      let absent = Set(judged.verdict.absent.map(\.id))
      let lost = judged.pool.calls.filter { absent.contains($0.call.id) }.flatMap(\.setAside)
        .filter { !adopted.contains($0) }
      guard !lost.isEmpty else { return judged }
      let found = judged.verdict.adopted.flatMap(\.codes)
      return JudgedPool(
        pool: judged.pool,
        sighting: judged.sighting,
        verdict: isOpen ? .open : .held(reason: .indistinct, unattributed: found + lost)
      )
    }
  }
}

/// What a listing shows of a pool, for comparison with another one: the codes that its calls can have
/// made, as a digest, since there can be millions.
public struct Sighting: Hashable, Sendable {
  private let calls: [CallID]
  private let nulls: Int
  private var number = 0
  private var sum: UInt = 0
  private var parity: UInt = 0

  /// A sighting of these codes.
  init(of pool: CallPool, nulls: Int, _ codes: some Sequence<FoundCode>) {
    calls = pool.calls.map(\.call.id)
    self.nulls = nulls
    for code in codes {
      number += 1
      let hash = UInt(bitPattern: code.id.hashValue)
      sum &+= hash
      parity ^= hash
    }
  }
}

/// What witnesses say of a list's texts.
enum ListedTexts {
  /// They are those that answers showed.
  case `true`
  /// They are not.
  case altered
  /// No witness tells.
  case unwitnessed
}

extension Listing {
  /// What witnesses say of its texts: its own, or if it has none those of the reference (protocol, rule
  /// 10).
  var texts: ListedTexts {
    let telling = evidence.witnesses > 0 ? evidence : reference ?? evidence
    guard telling.witnesses > 0 else { return .unwitnessed }
    return telling.textsDiffer == 0 ? .true : .altered
  }

  /// The same of the codes that a pool can have made. If they lack a prefix that was asked for, and no
  /// witness has that prefix, nobody can tell whether the API or only its list leaves out or changes what
  /// is in it: a hyphen, or small letters.
  func texts(of finding: PoolFinding) -> ListedTexts {
    let unseen = finding.pool.calls.lazy.compactMap(\.call.prefix).filter {
      !evidence.knows($0) && reference?.knows($0) != true
    }
    return texts == .true && unseen.contains(where: finding.mayHide) ? .unwitnessed : texts
  }
}
