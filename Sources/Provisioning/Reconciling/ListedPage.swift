/// One page of a reward's codes as the API listed it.
public struct ListedPage: Hashable, Sendable {
  /// The codes in the order of the page.
  public let codes: [IssuedCode]
  /// Items that were null, anywhere on the page.
  public let nulls: Int
  /// Those of them that stand behind the last code.
  public let trailingNulls: Int
  /// Whether a cache answered: the answer had an `Age` header.
  public let isCached: Bool

  /// A page with these parts.
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
  /// It was not asked for, for a reason of this side: the account may not send now, the database
  /// does not answer, the worker is stopping. Says nothing about the list.
  case notAsked(String)
  /// A page could not be had or read; later it may.
  case failed(String)
  /// A cache answered, or codes that must be there are not.
  case stale
  /// Pages did not fit together, however often the listing was begun anew.
  case unstable
  /// It had not come to its end after `Bounds.listingPages` pages.
  case endless

  /// Whether it is the list that failed, and not this side that did not ask.
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
