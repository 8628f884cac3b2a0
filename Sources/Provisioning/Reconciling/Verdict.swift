/// What a pool of doubtful calls is found to have done.
public enum Verdict: Hashable, Sendable {
  /// Nothing can be said yet: list again when the youngest call can no longer take effect.
  case open
  /// These calls made these codes; the rest of the pool's calls made none that are not known.
  case decided(adopted: [Adoption], absent: [Call])
  /// It cannot be decided; the facts are for a person. The codes are those that could fit.
  case held(reason: HoldReason, unattributed: [CodeID])
}

extension Verdict {
  /// Calls that were found, with their codes.
  var adopted: [Adoption] {
    switch self {
    case .decided(let adopted, _): adopted
    case .open, .held: []
    }
  }

  /// Whether it is left to a person.
  var isHeld: Bool {
    switch self {
    case .held: true
    case .open, .decided: false
    }
  }

  /// Calls that made none that are not known.
  var absent: [Call] {
    switch self {
    case .decided(_, let absent): absent
    case .open, .held: []
    }
  }
}

/// A call and the codes that it is found to have made.
public struct Adoption: Hashable, Sendable {
  /// The call.
  public let call: Call
  /// Its codes, at most as many as it asked for.
  public let codes: [CodeID]

  /// An adoption.
  public init(call: Call, codes: [CodeID]) {
    precondition(codes.count <= call.size, "a call is given no more codes than it asked for")
    self.call = call
    self.codes = codes
  }
}

/// Why a pool is held for a person: what the ledger records.
public enum HoldReason: String, Hashable, Sendable, CaseIterable {
  /// No subset of the calls explains the number of codes found.
  case unexplained = "number_unexplained"
  /// The number is explained, but not with codes that begin with their call's prefix: which call
  /// made which cannot be told.
  case indistinct = "prefixes_indistinct"
  /// Codes that could be theirs were made after the last moment at which the calls should have been
  /// able to take effect, or shortly before the first.
  case outOfTime = "codes_out_of_time"
  /// The listing has null items, each of which may be a code of the pool.
  case nulls = "listing_has_nulls"
  /// Witnesses show that the list has other texts than the answers, so that no text of it can be
  /// handed on.
  case differs = "list_differs"
  /// No witness tells whether the texts in the list are those of answers.
  case unwitnessed = "no_witness"
  /// The list is gone or forbidden, or has failed for too long.
  case unlistable = "listing_failed"
  /// Two listings in a row were never the same, for too long.
  case disagreeing = "listings_disagree"
}

extension HoldReason {
  /// Whether a whole listing judged the calls. If so, every code that they can have made was set
  /// aside, and their jobs wait for a person. If not, evidence was lacking: their codes may be upstream
  /// and unknown, and every whole listing of the reward judges the calls anew (protocol, rule 15).
  /// `has_seen_all` in functions/reconcile.sql says the same of each reason.
  public var hasSeenAll: Bool {
    switch self {
    case .unexplained, .indistinct, .outOfTime, .differs: true
    case .nulls, .unwitnessed, .unlistable, .disagreeing: false
    }
  }

  /// The one reason that a decision records for all the calls that it holds. The more cautious
  /// reason counts: one after which codes may be upstream and unknown. Else the first of the cases.
  static func ofAll(_ reasons: Set<HoldReason>) -> HoldReason? {
    let reasons = allCases.filter(reasons.contains)
    return reasons.first { !$0.hasSeenAll } ?? reasons.first
  }
}

/// What shall become of the doubtful calls of a reward; those not named stay in doubt.
public struct DoubtDecision: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// Names the staged codes.
  public let listing: ListingID
  /// The calls that were judged: the decision is void if they are not those in doubt any more.
  public let judged: [CallID]
  /// The reward that evidence could be borrowed from. To hold calls for lack of a witness is void if
  /// there was none and there is one by now.
  public let reference: RewardID?
  /// Calls that were found, with their codes: staged ones and those of `raw`.
  public var adopted: [Adoption] = []
  /// Calls judged not to have made what they lack. Those that were answered have all their codes.
  public var absent: [CallID] = []
  /// Calls that a person has to decide.
  public var held: [CallID] = []
  /// Why; one reason for all of them.
  public var holdReason: HoldReason?
  /// Codes that could be those of the held calls. The staged ones have been set aside before.
  public var unattributed: [CodeID] = []
  /// Those of the adopted and unattributed codes that the database refuses as rows (protocol, rule 8).
  public var raw: [IssuedCode] = []

  /// A decision that decides nothing yet.
  public init(
    reward: RewardID,
    listing: ListingID,
    judged: [CallID],
    reference: RewardID? = nil
  ) {
    self.reward = reward
    self.listing = listing
    self.judged = judged
    self.reference = reference
  }

  /// Whether it decides anything.
  public var isEmpty: Bool { adopted.isEmpty && absent.isEmpty && held.isEmpty }
}

extension DoubtDecision {
  /// What the verdicts on a case decide; the calls of open pools stay in doubt.
  public init(
    _ doubt: DoubtCase,
    _ listing: Listing,
    _ pools: [JudgedPool]
  ) {
    self.init(
      reward: doubt.reward,
      listing: listing.id,
      judged: doubt.calls.map(\.call.id),
      reference: doubt.reference
    )
    var reasons: Set<HoldReason> = []
    for judged in pools {
      switch judged.verdict {
      case .open:
        break
      case .decided(let adopted, let absent):
        self.adopted += adopted
        self.absent += absent.map(\.id)
      case .held(let reason, let unattributed):
        held += judged.pool.calls.map(\.call.id)
        reasons.insert(reason)
        self.unattributed += unattributed
      }
    }
    holdReason = .ofAll(reasons)
    guard !listing.raw.isEmpty else { return }
    let decided = Set(adopted.flatMap(\.codes) + unattributed)
    raw = listing.raw.filter { decided.contains($0.id) }
  }
}
