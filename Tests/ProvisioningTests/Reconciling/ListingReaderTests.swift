import MemoryStore
import Provisioning
import Testing

@Suite("reading a list")
struct ListingReaderTests {
  /// Reads a list that changes between pages.
  private func read(
    _ reader: inout ListingReader,
    pages: Int = 1000,
    _ list: (_ offset: Int, _ limit: Int) -> [IssuedCode?]
  ) -> (end: ListingReader.Step, codes: [IssuedCode]) {
    var gathered: [IssuedCode] = []
    var restarts = 0
    var step = reader.first
    for _ in 0..<pages {
      guard case .fetch(let offset, let limit) = step else { return (step, gathered) }
      let items = list(offset, limit)
      let nulls = items.filter { $0 == nil }.count
      let page = ListedPage(
        codes: items.compactMap { $0 },
        nulls: nulls,
        trailingNulls: items.reversed().prefix { $0 == nil }.count
      )
      step = reader.received(page)
      if reader.restarts != restarts { gathered = [] }
      restarts = reader.restarts
      gathered += reader.gathered
    }
    return (step, gathered)
  }

  @Test("rule 10: codes that come in while paging never hide another one", arguments: 1...50)
  func shifting(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var codes = (0..<Int.random(in: 0...40, using: &random)).map { Samples.code($0) }
    let before = Set(codes.map(\.id))
    var next = 1000
    var reader = ListingReader(
      mustShow: [],
      since: nil,
      pageSize: Int.random(in: 2...9, using: &random)
    )
    let largest = Int.random(in: 2...9, using: &random)
    let (end, read) = read(&reader) { offset, limit in
      if Int.random(in: 0..<4, using: &random) == 0 {
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          codes.insert(Samples.code(next), at: 0)
          next += 1
        }
      }
      return Array(codes.dropFirst(offset).prefix(min(limit, largest)))
    }
    if end == .finished {
      #expect(before.isSubset(of: Set(read.map(\.id))))
    } else {
      #expect(end == .failed(.unstable))
    }
  }

  @Test("rule 10: a list that ignores the offset is unstable and never read for ever")
  func ignoredOffset() {
    let codes = (0..<3).map { Samples.code($0) }
    var reader = ListingReader(mustShow: [], since: nil)
    #expect(read(&reader) { _, _ in codes }.end == .failed(.unstable))
    var ofNulls = ListingReader(mustShow: [], since: nil)
    #expect(read(&ofNulls) { _, _ in [nil] }.end == .failed(.unstable))
  }

  @Test("rule 10: a list without the newest clean answer's codes is stale")
  func stale() {
    let codes = (0..<3).map { Samples.code($0) }
    var reader = ListingReader(mustShow: [Samples.code(7).id], since: nil)
    let end = read(&reader) { offset, _ in Array(codes.dropFirst(offset)) }.end
    #expect(end == .failed(.stale))
  }

  @Test("rule 10: all codes of the newest clean answer are shown, and a null may stand for one")
  func newestAnswer() {
    let codes = newestFirst(9)
    func end(_ hidden: Int, nulls: Int, since: Int64? = nil) -> ListingReader.Step {
      let shown = Array(codes.dropFirst(hidden)) + Array(repeating: nil, count: nulls)
      var reader = ListingReader(
        mustShow: codes.map(\.id),
        since: since.map(Timestamp.init(microseconds:)),
        pageSize: 4
      )
      return read(&reader) { offset, limit in Array(shown.dropFirst(offset).prefix(limit)) }.end
    }
    for since in [nil, 85] as [Int64?] {
      #expect(end(0, nulls: 0, since: since) == .finished)
      #expect(end(1, nulls: 0, since: since) == .failed(.stale))
      #expect(end(1, nulls: 1, since: since) == .finished)
      #expect(end(2, nulls: 1, since: since) == .failed(.stale))
    }
  }

  @Test("rule 10: the order is believed only once a code was older than one before it")
  func unseenOrder() {
    // All of one moment, long before what matters: that is no order, so the whole list is read.
    let codes = (0..<5).map { Samples.code($0) }
    let since = Timestamp(microseconds: 100)
    var reader = ListingReader(mustShow: [], since: since, pageSize: 2)
    var pages = 0
    let end = read(&reader) { offset, limit in
      pages += 1
      return Array(codes.dropFirst(offset).prefix(limit))
    }.end
    #expect(end == .finished && pages > 4)
  }

  /// Codes that were created one after another, the newest first.
  private func newestFirst(_ number: Int) -> [IssuedCode] {
    (0..<number).map { Samples.code($0, createdAt: Int64(number - $0) * 10) }
  }

  private func page(
    _ codes: [IssuedCode],
    nulls: Int = 0,
    trailing: Int = 0,
    isStale: Bool = false
  ) -> ListedPage {
    ListedPage(codes: codes, nulls: nulls, trailingNulls: trailing, isStale: isStale)
  }

  @Test("rule 10: a page that was made before it was asked for proves nothing")
  func cached() {
    var reader = ListingReader(mustShow: [], since: nil, pageSize: 2)
    _ = reader.received(page([Samples.code(1), Samples.code(2)]))
    #expect(reader.received(page([], isStale: true)) == .failed(.stale))
  }

  @Test("rule 10: a list ends at an empty page, never at a short one")
  func shortPages() {
    let codes = newestFirst(7)
    for largest in 2...8 {
      var reader = ListingReader(mustShow: [], since: nil, pageSize: 1000)
      var pages: [Int] = []
      let (end, read) = read(&reader) { offset, _ in
        let page = Array(codes.dropFirst(offset).prefix(largest))
        pages.append(page.count)
        return page
      }
      #expect(end == .finished && read.count == 7 && pages.last == 0)
    }
    var none = ListingReader(mustShow: [], since: nil)
    #expect(none.received(page([])) == .finished)
  }

  @Test(
    "rule 10: pages overlap, and one that lacks its predecessor's last code restarts the listing"
  )
  func restart() {
    let codes = newestFirst(6)
    var reader = ListingReader(mustShow: [], since: nil, pageSize: 3)
    #expect(reader.first == .fetch(offset: 0, limit: 3))
    #expect(reader.received(page(Array(codes[0..<3]))) == .fetch(offset: 2, limit: 3))
    #expect(reader.gathered.count == 3)
    // A code has gone, so that all behind it moved up and the overlap with them.
    #expect(reader.received(page(Array(codes[3..<6]))) == .fetch(offset: 0, limit: 3))
    #expect(reader.restarts == 1 && reader.gathered.isEmpty)
    for _ in 0..<ListingReader.mostRestarts {
      _ = reader.received(page(Array(codes[0..<3])))
      _ = reader.received(page(Array(codes[3..<6])))
    }
    #expect(reader.received(page([])) != .finished || reader.restarts > ListingReader.mostRestarts)
  }

  @Test("rule 10: it is read no further back than needed where the order is seen to hold")
  func stops() {
    let codes = newestFirst(100)
    let since = Timestamp(microseconds: 905)
    var reader = ListingReader(mustShow: [codes[0].id], since: since, pageSize: 4)
    var pages = 0
    let (end, read) = read(&reader) { offset, limit in
      pages += 1
      return Array(codes.dropFirst(offset).prefix(limit))
    }
    #expect(end == .finished && pages == 4)
    #expect(read.count == 13)
  }

  @Test(
    "rule 10: past all that matters it continues until the newest clean answer's codes have shown"
  )
  func pastAllAndStale() {
    let codes = newestFirst(20)
    let since = Timestamp(microseconds: 195)
    var reader = ListingReader(mustShow: [codes[15].id], since: since, pageSize: 4)
    var last = 0
    let end = read(&reader) { offset, limit in
      last = offset
      return Array(codes.dropFirst(offset).prefix(limit))
    }.end
    #expect(end == .finished && last == 12)
  }

  @Test("rule 10: a list that does not keep the order, or does not tell, is read to its end")
  func orderNotHeld() {
    let since = Timestamp(microseconds: 195)
    let reversed = Array(newestFirst(20).reversed())
    var shuffled = newestFirst(20)
    shuffled.swapAt(0, 2)
    let silent = newestFirst(19) + [Samples.code(19, createdAt: nil)]
    for codes in [reversed, shuffled, [silent[19]] + silent[..<19]] {
      var reader = ListingReader(mustShow: [], since: since, pageSize: 4)
      var last = 0
      let (end, read) = read(&reader) { offset, limit in
        last = offset
        return Array(codes.dropFirst(offset).prefix(limit))
      }
      #expect(end == .finished && last >= codes.count)
      #expect(read.count == 20)
    }
  }

  @Test("rule 10: each null is counted once")
  func nulls() {
    let since = Timestamp(microseconds: 100)
    let items: [IssuedCode?] =
      [nil, Samples.code(1, createdAt: nil), nil, Samples.code(2, createdAt: 5), nil, nil]
    for size in 3...7 {
      var reader = ListingReader(mustShow: [], since: since, pageSize: size)
      let (end, read) = read(&reader) { offset, limit in
        Array(items.dropFirst(offset).prefix(limit))
      }
      #expect(end == .finished && read.map(\.id) == [Samples.code(1).id, Samples.code(2).id])
      #expect(reader.nulls == 4)
    }
  }

  @Test(
    "rule 10: an item that cannot be read is counted once, and not if its id is known",
    arguments: 3...7
  )
  func unreadable(size: Int) {
    /// An item is a code, or only the id of one.
    typealias Item = (code: IssuedCode?, id: CodeID)
    func item(_ number: Int, isReadable: Bool = true) -> Item {
      let code = Samples.code(number, createdAt: nil)
      return (isReadable ? code : nil, code.id)
    }
    let items = [
      item(1, isReadable: false), item(2), item(3, isReadable: false), item(4), item(5),
      item(6, isReadable: false), item(7, isReadable: false),
    ]
    var reader = ListingReader(mustShow: [items[0].id], since: nil, pageSize: size)
    var step = reader.first
    var unreadable: [CodeID] = []
    while case .fetch(let offset, let limit) = step {
      let shown = items.dropFirst(offset).prefix(limit)
      let trailing = shown.reversed().prefix { $0.code == nil }.count
      step = reader.received(
        ListedPage(
          codes: shown.compactMap(\.code),
          nulls: shown.count { $0.code == nil },
          trailingNulls: trailing,
          unreadable: shown.filter { $0.code == nil }.map(\.id),
          trailingUnreadable: trailing
        )
      )
      unreadable += reader.unreadable
    }
    #expect(step == .finished && reader.restarts == 0)
    #expect(unreadable == items.filter { $0.code == nil }.map(\.id))
    #expect(reader.nulls == 4)
    reader.recognized(1)
    #expect(reader.nulls == 3)
  }

  @Test("rule 13: a list is given up when its ids take the memory that a listing may have")
  func tooLong() {
    var reader = ListingReader(mustShow: [], since: nil, pageSize: 2, mostBytes: 3_000_000)
    let page = 1000
    var pages = 0
    let end = read(&reader) { _, _ in
      pages += 1
      return (0...page).map { Samples.code(pages * page - page + $0) }
    }.end
    #expect(end == .failed(.endless(reached: "3 MB of codes' ids")))
    #expect(reader.size == 3_000_000 / Bounds.listedCodeBytes + 1)
  }

  @Test("rule 10: a list without an end is given up after a bound of pages, restarts included")
  func endless() {
    var reader = ListingReader(mustShow: [], since: nil, pageSize: 2, mostPages: 50)
    var next = 0
    var pages = 0
    var anchor = Samples.code(0)
    let end = read(&reader) { _, _ in
      pages += 1
      next += 1
      defer { anchor = Samples.code(next) }
      return [anchor, Samples.code(next)]
    }.end
    #expect(end == .failed(.endless(reached: "50 pages")) && pages == 50)
  }
}

@Suite("Reading a listing page by page")
struct ListingReadTests {
  @Test("what was remembered before a restart is forgotten, and every code is remembered once")
  func restarts() async throws {
    let codes = (1...9).map { Samples.code($0) }
    var asked: [Int] = []
    let reader = ListingReader(mustShow: [codes[0].id], since: nil, pageSize: 4)
    let read = await reader.read(
      page: { offset, limit in
        asked.append(offset)
        // The second page has moved on, and does not show the last code of the first.
        let first = asked.count == 2 ? offset + 1 : offset
        let shown = Array(codes.dropFirst(first).prefix(limit))
        return .success(ListedPage(codes: shown))
      },
      keep: { $0.gathered.map(\.id) }
    )
    let listing = try read.get()
    #expect(listing.kept == codes.map(\.id) && listing.nulls == 0)
    #expect(asked.prefix(3) == [0, 3, 0])
  }

  @Test("a page that cannot be had ends the reading, and what the caller throws is thrown")
  func endings() async {
    let reader = ListingReader(mustShow: [], since: nil)
    let failed = await reader.read(
      page: { _, _ in .failure(.failed("reset")) },
      keep: { $0.gathered }
    )
    guard case .failure(.failed("reset", _)) = failed else {
      Issue.record("it was read")
      return
    }
    do throws(StoreError) {
      _ = try await reader.read(
        page: { (_, _) async throws(StoreError) in throw StoreError(.unavailable, "away") },
        keep: { (reader) async throws(StoreError) in reader.gathered }
      )
      Issue.record("nothing was thrown")
    } catch {
      #expect(error.code == .unavailable)
    }
  }

  @Test("rule 10: what a page shows may tell how far back to read, or that no time tells")
  func sinceChanges() async throws {
    let codes = (0..<30).map { Samples.code($0, createdAt: Int64(30 - $0) * 10 + 1) }
    func pages(_ keep: (inout ListingReader) -> Void) async throws -> Int {
      var pages = 0
      let reader = ListingReader(mustShow: [], since: nil, pageSize: 5)
      _ = try await reader.read(
        page: { offset, limit in
          pages += 1
          return .success(ListedPage(codes: Array(codes.dropFirst(offset).prefix(limit))))
        },
        keep: {
          keep(&$0)
          return $0.gathered
        }
      ).get()
      return pages
    }
    let since = Timestamp(microseconds: 250)
    let all = try await pages { _ in }
    #expect(all > 6)
    #expect(try await pages { $0.since = since } == 2)
    #expect(try await pages { if $0.gathered.contains(codes[0]) { $0.since = since } } == 2)
    #expect(try await pages { $0.since = $0.gathered.contains(codes[0]) ? since : nil } == all)
  }
}
