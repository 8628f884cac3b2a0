/// Reads a reward's codes page by page, newest first, and judges whether the pages together are a
/// listing that may be believed (protocol, rule 10): a machine without I/O, and `read`, which runs it.
///
/// Offsets shift while codes are being added, so each page begins at the last code of the page
/// before and has to show it again; a page that does not restarts the listing. A listing ends at an
/// empty page, never at a short one. It also ends once it is past all that matters, if the order is
/// seen to hold and `createdAt` can be believed. It is stale if it does not show all codes of the
/// reward's newest clean answer, each null standing for one at most.
public struct ListingReader: Sendable {
  /// What to do next.
  public enum Step: Hashable, Sendable {
    /// Ask for a page, newest first. What was gathered before a restart is void.
    case fetch(offset: Int, limit: Int)
    /// The listing is complete.
    case finished
    /// Nothing can be concluded.
    case failed(ListingFailure)
  }

  /// Codes that the last page showed for the first time.
  public private(set) var gathered: [IssuedCode] = []
  /// Ids of unreadable items that the last page showed for the first time.
  public private(set) var unreadable: [CodeID] = []
  /// Null items seen so far, and items that could not be read.
  public private(set) var nulls = 0
  /// How often the listing was begun anew.
  package private(set) var restarts = 0

  /// When the first of the codes that matter was created, by the API's clock; nil if all matter. It may
  /// become known with the first page, and doubtful with any.
  public var since: Timestamp?

  private var missing: Set<CodeID>
  private let mustShow: Set<CodeID>
  private let pageSize: Int
  private let mostPages: Int
  private let mostBytes: Int
  private var offset = 0
  private var seen = SeenCodes()
  private var anchor: CodeID?
  private var expectsEnd = false
  private var oldest: Timestamp?
  private var order = Order.unseen
  private var pagesOfNulls = 0
  private var pages = 0
  private var ending: Step?

  /// What the codes seen so far say of the order that was asked for.
  private enum Order {
    /// All were created at the same time, so far as that is told.
    case unseen
    /// Some were created before those that were shown first, and none after.
    case holds
    /// A code was created after one that was shown before it, or does not tell.
    case broken
  }

  /// Restarts after which a listing is given up.
  package static let mostRestarts = 5
  /// Pages in a row without any code after which a listing is given up: offsets may be ignored.
  public static let mostPagesOfNulls = 5
  /// Codes of a page: what the API allows at most.
  public static let pageSize = 1000

  /// A reader that has asked for nothing yet.
  ///
  /// - Parameters:
  ///   - mustShow: Codes that a fresh listing shows.
  ///   - since: When the first of the codes that matter was created, by the API's clock; nil to
  ///     read all.
  ///   - mostPages: Pages after which it is given up: a list without an end must not be read, and
  ///     its codes remembered, for ever.
  ///   - mostBytes: Bytes of memory after which it is given up, `Bounds.listedCodeBytes` a code.
  public init(
    mustShow: [CodeID],
    since: Timestamp?,
    pageSize: Int = ListingReader.pageSize,
    mostPages: Int = Bounds.listingPages,
    mostBytes: Int = Bounds.listingBytes
  ) {
    precondition(pageSize > 1, "pages overlap by one code")
    self.mustShow = Set(mustShow)
    self.missing = self.mustShow
    self.since = since
    self.pageSize = pageSize
    self.mostPages = mostPages
    self.mostBytes = mostBytes
  }

  /// How many codes it remembers, so as to know them again.
  public var size: Int { seen.count }

  /// Takes unreadable items out of the nulls that are known by their ids.
  public mutating func recognized(_ number: Int) {
    nulls -= number
  }

  /// Ends the listing without a result, because no more of it can be kept.
  public mutating func giveUp(_ failure: ListingFailure) {
    ending = .failed(failure)
  }

  /// The first page.
  public var first: Step { .fetch(offset: 0, limit: pageSize) }

  /// Takes in the page that was asked for.
  public mutating func received(_ page: ListedPage) -> Step {
    (gathered, unreadable) = ([], [])
    ending = take(page)
    return step
  }

  /// What to do after the last page. It may change with `since`.
  private var step: Step {
    ending ?? (isPastAll ? finish() : .fetch(offset: offset, limit: pageSize))
  }

  /// Takes in a page.
  /// - Returns: How the listing ends, if it has to, or that it begins anew.
  private mutating func take(_ page: ListedPage) -> Step? {
    if page.isStale { return .failed(.stale) }
    if page.count == 0 { return finish() }
    pages += 1
    if pages >= mostPages { return .failed(.endless(reached: "\(pages) pages")) }
    pagesOfNulls = page.codes.isEmpty ? pagesOfNulls + 1 : 0
    if pagesOfNulls > Self.mostPagesOfNulls { return .failed(.unstable) }
    if expectsEnd || !showsAnchor(page) { return restart() }
    let fresh = seen.insert(page.codes, id: \.id)
    note(page, isLast: fresh.isEmpty)
    for code in fresh { note(code) }
    gathered = fresh
    advance(past: page, isLast: fresh.isEmpty)
    let bytes = size * Bounds.listedCodeBytes
    guard bytes <= mostBytes else {
      return .failed(.endless(reached: "\(bytes / 1_000_000) MB of codes' ids"))
    }
    return nil
  }

  /// Counts a page's nulls. Those behind its last code come again on the next page, unless there is none.
  private mutating func note(_ page: ListedPage, isLast: Bool) {
    nulls += isLast ? page.nulls : page.nulls - page.trailingNulls
    let ids = page.unreadable.dropLast(isLast ? 0 : page.trailingUnreadable)
    unreadable = seen.insert(Array(ids)) { $0 }
    nulls -= ids.count - unreadable.count
    missing.subtract(unreadable)
  }

  private func showsAnchor(_ page: ListedPage) -> Bool {
    guard let anchor else { return true }
    return page.codes.contains { $0.id == anchor }
  }

  /// The next page begins at this page's last code, so that it has to show it again; where a page
  /// showed nothing new, the next one begins behind it and has to be empty.
  private mutating func advance(past page: ListedPage, isLast: Bool) {
    if isLast || page.codes.isEmpty {
      expectsEnd = isLast && !page.codes.isEmpty
      anchor = nil
      offset += page.count
    } else {
      anchor = page.codes.last?.id
      offset += page.count - page.trailingNulls - 1
    }
  }

  private mutating func note(_ code: IssuedCode) {
    missing.remove(code.id)
    guard let created = code.createdAt else {
      order = .broken
      return
    }
    if let oldest {
      if created > oldest { order = .broken }
      if created < oldest, order == .unseen { order = .holds }
    }
    oldest = min(oldest ?? created, created)
  }

  private var isPastAll: Bool {
    guard order == .holds, let since, let oldest, showsNewest else { return false }
    return oldest.span.upperBound < since
  }

  /// Whether the codes of the newest clean answer have shown.
  private var showsNewest: Bool { missing.count <= nulls }

  private func finish() -> Step {
    showsNewest ? .finished : .failed(.stale)
  }

  private mutating func restart() -> Step {
    restarts += 1
    guard restarts <= Self.mostRestarts else { return .failed(.unstable) }
    offset = 0
    seen = SeenCodes()
    missing = mustShow
    nulls = 0
    anchor = nil
    expectsEnd = false
    oldest = nil
    order = .unseen
    pagesOfNulls = 0
    return first
  }
}

extension ListingReader {
  /// Reads a listing to its end, with every page that it asks for.
  ///
  /// - Parameters:
  ///   - page: Fetches one page, newest first.
  ///   - keep: Says what to remember of the codes that a page `gathered`. What was remembered is
  ///     forgotten if the listing has to begin anew. It may change `since`.
  /// - Returns: What was remembered and the number of null items, or why nothing can be concluded.
  /// - Throws: What `page` or `keep` throws.
  public func read<Kept, Failure: Error>(
    page: (_ offset: Int, _ limit: Int) async throws(Failure) -> Result<ListedPage, ListingFailure>,
    keep: (_ reader: inout ListingReader) async throws(Failure) -> [Kept]
  ) async throws(Failure) -> Result<(kept: [Kept], nulls: Int), ListingFailure> {
    var reader = self
    var kept: [Kept] = []
    var step = reader.first
    while true {
      switch step {
      case .finished:
        return .success((kept, reader.nulls))
      case .failed(let failure):
        return .failure(failure)
      case .fetch(let offset, let limit):
        let before = reader.restarts
        switch try await page(offset, limit) {
        case .failure(let failure):
          return .failure(failure)
        case .success(let page):
          _ = reader.received(page)
        }
        if reader.restarts != before { kept = [] }
        kept += try await keep(&reader)
        step = reader.step
      }
    }
  }
}
