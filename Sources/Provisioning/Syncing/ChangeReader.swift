/// Reads what has changed in a reward's codes, page by page, newest change first: a machine without
/// I/O.
///
/// The API is asked for that order, and does not say whether it knows it, so what is shown decides
/// (`ListOrder`). While the order is seen to hold, the reading stops at the first code whose change
/// is known already; if it does not hold, the reading goes to the end. What shifts or is missed
/// meanwhile does no harm, since the next pass sees it. So this is less strict than a
/// `ListingReader`, which has to prove that something is not there.
public struct ChangeReader: Sendable {
  /// What to do next.
  public enum Step: Hashable, Sendable {
    /// Ask for a page.
    case fetch(offset: Int, limit: Int)
    /// Enough has been read.
    case finished(Reading)
    /// The pages cannot be believed.
    case failed(ListingFailure)
  }

  /// What a reading came to.
  public struct Reading: Hashable, Sendable {
    /// Changes up to this moment are known now; nil if that cannot be told by the time.
    public let mark: Timestamp?
    /// What is known now of the order.
    public let order: ListOrder
    /// Where it stopped, if it had to before it was complete.
    public let position: ScanPosition?

    /// What is known when a reading ends.
    public init(mark: Timestamp?, order: ListOrder, position: ScanPosition?) {
      self.mark = mark
      self.order = order
      self.position = position
    }
  }

  private let mark: Timestamp?
  private let belief: ListOrder
  private let readsWhole: Bool
  private let budget: Int
  private let pageSize: Int
  private var position: ScanPosition
  private var pages = 0
  private var rewinds = 0
  private var pagesOfNulls = 0
  private var pagesOfOld = 0
  private var hasNulls = false
  private var seen: Set<CodeID> = []
  private var last: IssuedCode?
  private var isBroken = false
  private var hasFallen = false
  private var differsFromMaking = false
  private var lacksNewest = false

  /// How much later than its own time a change may come to light: times are cut short, and the
  /// newest page may have been read in the middle of a burst of changes.
  public static let overlap: Duration = .seconds(2)
  /// How often a page that seems to have skipped some codes makes the reading step back.
  static let mostRewinds = 3
  /// Pages in a row without a code that is new to the reading after which it is given up: offsets
  /// may be ignored.
  static let mostPagesOfOld = 5

  /// A reader that has asked for nothing yet.
  ///
  /// - Parameter budget: Pages that it reads at most.
  public init(
    _ reward: TrackedReward,
    budget: Int,
    pageSize: Int = ListingReader.pageSize
  ) {
    precondition(pageSize > 1 && budget > 0, "pages overlap by one code")
    mark = reward.mark
    belief = reward.order
    readsWhole = SyncRules.readsWhole(pass: reward.pass)
    self.budget = budget
    self.pageSize = pageSize
    position = reward.position ?? ScanPosition(offset: 0, anchor: nil, newest: nil)
  }

  /// The first page.
  public var first: Step { .fetch(offset: position.offset, limit: pageSize) }

  /// What is known if the reading ends here, before it is complete.
  public var unfinished: Reading {
    Reading(mark: mark, order: order, position: position.offset > 0 ? position : nil)
  }

  /// Takes in the page that was asked for.
  public mutating func received(_ page: ListedPage) -> Step {
    pages += 1
    if page.isStale { return .failed(.stale) }
    if page.nulls > 0 { hasNulls = true }
    if page.count == 0 { return finish() }
    pagesOfNulls = page.codes.isEmpty ? pagesOfNulls + 1 : 0
    if pagesOfNulls > ListingReader.mostPagesOfNulls { return .failed(.unstable) }
    let fresh = page.codes.filter { !seen.contains($0.id) }
    if mayHaveSkipped(page, fresh), rewinds < Self.mostRewinds {
      rewinds += 1
      position.offset = max(0, position.offset - pageSize + 1)
      position.anchor = nil
      return next()
    }
    pagesOfOld = fresh.isEmpty ? pagesOfOld + 1 : 0
    if pagesOfOld > Self.mostPagesOfOld { return .failed(.unstable) }
    seen.formUnion(fresh.lazy.map(\.id))
    for code in fresh { note(code) }
    if isKnownFromHere || showsOnlyAnchor(page) { return finish() }
    advance(past: page)
    return next()
  }

  private func next() -> Step {
    // A page may be larger than what was asked for, and what is remembered of it takes memory.
    if pages >= budget || seen.count >= budget * pageSize { return .finished(unfinished) }
    return .fetch(offset: position.offset, limit: pageSize)
  }

  /// Codes that changed have gone to the front, so a page begins with codes seen before. One that
  /// shows neither those nor the last code of the page before has skipped some.
  private func mayHaveSkipped(_ page: ListedPage, _ fresh: [IssuedCode]) -> Bool {
    guard let anchor = position.anchor, fresh.count == page.codes.count else { return false }
    return !page.codes.isEmpty && !page.codes.contains { $0.id == anchor }
  }

  /// The page began at the last code known, and nothing is behind it.
  private func showsOnlyAnchor(_ page: ListedPage) -> Bool {
    page.nulls == 0 && page.codes.count == 1 && page.codes[0].id == position.anchor
  }

  private mutating func advance(past page: ListedPage) {
    position.anchor = page.codes.last?.id
    position.offset += page.codes.isEmpty ? page.count : page.count - page.trailingNulls - 1
    // A page of one code beside nulls would be asked for for ever.
    if !page.codes.isEmpty, page.count - page.trailingNulls == 1 { position.offset += 1 }
  }

  /// The newest change that was known stands first, or a newer one, if the order is what it is taken
  /// for.
  private mutating func begin(with code: IssuedCode) {
    guard position.newest == nil else { return }
    position.newest = code.updatedAt
    guard belief == .honoured, let mark else { return }
    lacksNewest = code.updatedAt.map { $0 < mark } ?? true
  }

  private mutating func note(_ code: IssuedCode) {
    defer { last = code }
    guard let last else { return begin(with: code) }
    switch (last.updatedAt, code.updatedAt) {
    case (let before?, let now?):
      if now > before { isBroken = true }
      if now < before { hasFallen = true }
    case (_?, nil):
      // Codes that never changed may come last.
      hasFallen = true
    case (nil, _?):
      isBroken = true
    case (nil, nil):
      break
    }
    if let before = last.createdAt, let now = code.createdAt, now > before {
      differsFromMaking = true
    }
  }

  /// Whether the order was shown to be that of the changes, and of nothing else: codes of one making
  /// would fall in the order of their making too.
  private var isProven: Bool { !isBroken && hasFallen && differsFromMaking }

  private var order: ListOrder { isBroken ? .ignored : isProven ? .honoured : belief }

  /// Whether everything from here on was known before.
  private var isKnownFromHere: Bool {
    guard !readsWhole, !lacksNewest, order != .ignored, let mark, let last else { return false }
    guard let changed = last.updatedAt else { return order == .honoured }
    return changed.microseconds < mark.microseconds - Self.overlap.microseconds
  }

  /// The mark moves only while the order is certain, and if no null may have hidden a change. Until
  /// then every pass reads on to the making of the oldest code that is not final, which finds its
  /// change in either order.
  private func finish() -> Step {
    let known = order == .honoured && !hasNulls ? position.newest ?? mark : mark
    return .finished(Reading(mark: known, order: order, position: nil))
  }
}
