/// One page of a reward's codes as the API listed it.
public struct ListedPage: Hashable, Sendable {
  /// The codes in the order of the page.
  public let codes: [IssuedCode]
  /// Items that were null or could not be read, anywhere on the page.
  public let nulls: Int
  /// How many of these nulls stand behind the last code.
  public let trailingNulls: Int
  /// The ids of items that could not be read but for them, in the order of the page. They are among the
  /// nulls too.
  public let unreadable: [CodeID]
  /// How many of these stand behind the last code.
  public let trailingUnreadable: Int
  /// Whether a cache answered with a page that was made before it was asked for (`Age`).
  public let isStale: Bool
  /// The API's clock when it answered, cut to whole seconds (`Date`); nil if the answer does not tell.
  public let date: Timestamp?

  /// A page; `trailingNulls` are among its `nulls`. By default it is fresh and has no date.
  public init(
    codes: [IssuedCode],
    nulls: Int = 0,
    trailingNulls: Int = 0,
    unreadable: [CodeID] = [],
    trailingUnreadable: Int = 0,
    isStale: Bool = false,
    date: Timestamp? = nil
  ) {
    precondition(trailingNulls <= nulls && unreadable.count <= nulls)
    precondition(trailingUnreadable <= min(trailingNulls, unreadable.count))
    self.codes = codes
    self.nulls = nulls
    self.trailingNulls = trailingNulls
    self.unreadable = unreadable
    self.trailingUnreadable = trailingUnreadable
    self.isStale = isStale
    self.date = date
  }

  /// Items of the page.
  public var count: Int { codes.count + nulls }
}

/// Why a listing came to nothing.
public enum ListingFailure: Error, Hashable, Sendable {
  /// The API says that the reward's list does not exist (`isMissing`, a 404) or may not be read.
  case refused(code: String, message: String, isMissing: Bool = false)
  /// codemint did not ask: the account may not send now, the database does not answer, or the
  /// worker is stopping. Says nothing about the list.
  case notAsked(String)
  /// The API refuses the key: a 401. Says nothing about the list.
  case keyRefused(code: String, message: String)
  /// A page could not be had or read; later it may. The API may have said after how long to ask again.
  case failed(String, retryAfter: Duration? = nil)
  /// A cache answered, or codes that must be there are not.
  case stale
  /// Pages did not fit together, however often the listing was begun anew.
  case unstable
  /// It had not come to its end when it reached a bound: so many pages, or so many bytes. The text says
  /// which.
  case endless(reached: String)

  /// Whether the list failed, rather than codemint did not ask for it.
  public var isOfTheList: Bool {
    switch self {
    case .notAsked, .keyRefused: false
    case .refused, .failed, .stale, .unstable, .endless: true
    }
  }

  /// After how long the API wants to be asked again, if it said so.
  public var retryAfter: Duration? {
    switch self {
    case .failed(_, let retryAfter): retryAfter
    case .notAsked, .keyRefused, .refused, .stale, .unstable, .endless: nil
    }
  }

  /// A sentence for people; holds no secret and no code value.
  public var message: String {
    switch self {
    case .refused(let code, let message, _): "the API does not list it: \(code): \(message)"
    case .notAsked(let cause): "it was not asked for: \(cause)"
    case .keyRefused(let code, let message): "the API refuses the key: \(code): \(message)"
    case .failed(let cause, _): cause
    case .stale: "a cache answered, or codes that must be there were missing"
    case .unstable: "the pages did not fit together"
    case .endless(let reached): "no end after \(reached)"
    }
  }
}

/// Names what one worker's listings of a reward showed and the ledger did not know, which the ledger
/// keeps staged until it is decided.
public typealias ListingID = Identifier<Listing>

/// What a complete, fresh reading of a reward's codes showed and the ledger does not know.
///
/// The ledger keeps the codes themselves staged; this is what has to be known of them to judge.
public struct Listing: Hashable, Sendable {
  /// Names the staged codes.
  public let id: ListingID
  /// The unknown codes, each once. Those that are certainly older than the case may be left out.
  public let codes: [FoundCode]
  /// Items that were null, or that could not be read and are not known by their id: each counts as an
  /// unknown code that fits every pool.
  public let nulls: Int
  /// What witnesses in the list show of it.
  public let evidence: Evidence
  /// The same of the reference, if it was asked for (protocol, rule 10).
  public let reference: Evidence?
  /// How far the API's clock is ahead of the database's by the `Date` of the first page.
  public let date: ClockOffset?
  /// Codes that the database refuses for their content. They are among `codes` too, and travel with the
  /// decision because nothing can stage them (protocol, rule 8).
  public let raw: [IssuedCode]

  /// A listing with these parts; by default it has nothing but codes.
  public init(
    id: ListingID,
    codes: [FoundCode],
    nulls: Int = 0,
    evidence: Evidence = Evidence(),
    reference: Evidence? = nil,
    date: ClockOffset? = nil,
    raw: [IssuedCode] = []
  ) {
    self.id = id
    self.codes = codes
    self.nulls = nulls
    self.evidence = evidence
    self.reference = reference
    self.date = date
    self.raw = raw
  }
}

/// What one reading of a list showed of the API itself, and how it ended, for people to see: no rule reads it.
public struct ListingSight: Hashable, Sendable {
  /// The reward that was listed.
  public let reward: RewardID
  /// Items of the largest page.
  public let largestPage: Int
  /// How many items that reading's pages were asked for at most.
  public let asked: Int
  /// If codes of the newest clean answer were missing, how long ago the reading began.
  public let behind: Duration?
  /// Why the reading failed; nil if it came to its end.
  public let error: String?

  /// A sight of these parts.
  public init(
    reward: RewardID,
    largestPage: Int,
    asked: Int,
    behind: Duration?,
    error: String? = nil
  ) {
    self.reward = reward
    self.largestPage = largestPage
    self.asked = asked
    self.behind = behind
    self.error = error
  }
}

/// How texts begin, by the prefixes that calls in doubt asked for: one for the many codes that begin so.
public final class Beginning: Hashable, Sendable {
  /// A prefix that was asked for, and that is there; nil if none is.
  public let prefix: String?
  /// A prefix that was asked for, and that is not there, but for its letters and digits.
  public let lookalike: String?

  /// That of a text without any of these.
  public static let plain = Beginning(prefix: nil, lookalike: nil)

  /// A beginning with these parts.
  init(prefix: String?, lookalike: String?) {
    self.prefix = prefix
    self.lookalike = lookalike
  }

  /// Whether two say the same.
  public static func == (left: Beginning, right: Beginning) -> Bool {
    (left.prefix, left.lookalike) == (right.prefix, right.lookalike)
  }

  /// Feeds both into a hasher.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(prefix)
    hasher.combine(lookalike)
  }

  /// Whether a code begins so.
  func begins(_ code: IssuedCode) -> Bool {
    guard prefix.map(code.hasPrefix) ?? true else { return false }
    guard let lookalike else { return true }
    return !code.hasPrefix(lookalike) && code.code.resembles(lookalike)
  }

  /// Every beginning that a text can have, those of longer prefixes first. The first that fits is the text's.
  static func all(of prefixes: Set<String>) -> [Beginning] {
    let longestFirst = prefixes.sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }
    return (longestFirst + [nil] as [String?]).flatMap { prefix in
      longestFirst.filter { lookalike in
        guard let prefix else { return true }
        return prefix != lookalike && (lookalike.resembles(prefix) || prefix.resembles(lookalike))
      }.map { Beginning(prefix: prefix, lookalike: $0) } + [
        Beginning(prefix: prefix, lookalike: nil)
      ]
    }
  }
}

extension String {
  /// Whether it begins with the letters and digits of a prefix that has some, whatever their case and
  /// whatever stands between them.
  fileprivate func resembles(_ prefix: String) -> Bool {
    var own = plainScalars.makeIterator()
    var isPlain = false
    for scalar in prefix.plainScalars {
      guard own.next() == scalar else { return false }
      isPlain = true
    }
    return isPlain
  }

  private var plainScalars: some Sequence<Unicode.Scalar> {
    unicodeScalars.lazy.filter { $0.properties.isAlphabetic || $0.properties.numericType != nil }
      .flatMap(\.properties.lowercaseMapping.unicodeScalars)
  }
}

/// An unknown code in a list, without its text. Millions of them have to fit into memory, so that each has
/// 32 bytes.
public struct FoundCode: Hashable, Sendable {
  /// The code.
  public let id: CodeID
  private let beginning: Beginning
  private let made: Int64

  /// What `made` is if the list does not tell.
  private static let unknown = Int64.min

  /// A code with these parts.
  public init(id: CodeID, beginning: Beginning = .plain, createdAt: Timestamp?) {
    self.id = id
    self.beginning = beginning
    made = createdAt?.microseconds ?? Self.unknown
  }

  /// The longest of the prefixes that calls in doubt asked for, of those that its text begins with.
  public var prefix: String? { beginning.prefix }

  /// The longest of those that its text would begin with if lists left out or changed what is not a letter or
  /// digit, or changed the case of letters.
  var lookalike: String? { beginning.lookalike }

  /// When it was made, by the API's clock, if the list tells.
  public var createdAt: Timestamp? {
    made == Self.unknown ? nil : Timestamp(microseconds: made)
  }
}
