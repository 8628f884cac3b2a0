/// One page of a reward's codes as the API listed it.
public struct ListedPage: Hashable, Sendable {
  /// The codes in the order of the page.
  public let codes: [IssuedCode]
  /// Items that were null, anywhere on the page.
  public let nulls: Int
  /// How many of these nulls stand behind the last code.
  public let trailingNulls: Int
  /// Whether a cache answered: the answer had an `Age` header.
  public let isCached: Bool

  /// A page; `trailingNulls` are among its `nulls`.
  public init(codes: [IssuedCode], nulls: Int, trailingNulls: Int, isCached: Bool) {
    precondition(trailingNulls <= nulls)
    self.codes = codes
    self.nulls = nulls
    self.trailingNulls = trailingNulls
    self.isCached = isCached
  }

  /// Items of the page.
  public var count: Int { codes.count + nulls }
}

/// Why a listing came to nothing.
public enum ListingFailure: Error, Hashable, Sendable {
  /// The API says that the reward's list does not exist or may not be read.
  case refused(code: String, message: String)
  /// codemint did not ask: the account may not send now, the database does not answer, or the
  /// worker is stopping. Says nothing about the list.
  case notAsked(String)
  /// A page could not be had or read; later it may.
  case failed(String)
  /// A cache answered, or codes that must be there are not.
  case stale
  /// Pages did not fit together, however often the listing was begun anew.
  case unstable
  /// It had not come to its end after `Bounds.listingPages` pages.
  case endless

  /// Whether the list failed, rather than codemint did not ask for it.
  public var isOfTheList: Bool {
    switch self {
    case .notAsked: false
    case .refused, .failed, .stale, .unstable, .endless: true
    }
  }

  /// A sentence for people; holds no secret and no code value.
  public var message: String {
    switch self {
    case .refused(let code, let message): "the API does not list it: \(code): \(message)"
    case .notAsked(let cause): "it was not asked for: \(cause)"
    case .failed(let cause): cause
    case .stale: "a cache answered, or codes that must be there were missing"
    case .unstable: "the pages did not fit together"
    case .endless: "no end after \(Bounds.listingPages) pages"
    }
  }
}

/// What a complete, fresh reading of a reward's codes showed and the ledger does not know.
///
/// It holds what can concern a case: what was made since the case's first call could be sent, or
/// everything if `createdAt` cannot be believed.
public struct Listing: Hashable, Sendable {
  /// The codes, each once.
  public let codes: [IssuedCode]
  /// Items that were null: each counts as an unknown code that fits every pool.
  public let nulls: Int

  /// A listing of these codes and so many nulls.
  public init(codes: [IssuedCode], nulls: Int) {
    self.codes = codes
    self.nulls = nulls
  }

  /// Whether another listing showed the same codes.
  public func agrees(with other: Listing) -> Bool {
    nulls == other.nulls && Set(codes.map(\.id)) == Set(other.codes.map(\.id))
  }
}
