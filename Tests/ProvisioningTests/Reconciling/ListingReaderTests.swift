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
        trailingNulls: items.reversed().prefix { $0 == nil }.count,
        isCached: false
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
    isCached: Bool = false
  )
    -> ListedPage
  {
    ListedPage(codes: codes, nulls: nulls, trailingNulls: trailing, isCached: isCached)
  }

  @Test("rule 10: a page out of a cache proves nothing")
  func cached() {
    var reader = ListingReader(mustShow: [], since: nil, pageSize: 2)
    _ = reader.received(page([Samples.code(1), Samples.code(2)]))
    #expect(reader.received(page([], isCached: true)) == .failed(.stale))
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
    #expect(read.map(\.createdAt?.microseconds) == (91...100).reversed().map { $0 * 10 })
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
      #expect(read.contains { $0.createdAt?.microseconds == 200 } || codes[0].createdAt == nil)
    }
  }

  @Test("rule 10: a code without a date may matter, and each null is counted once")
  func nullsAndSilence() {
    let since = Timestamp(microseconds: 100)
    let items: [IssuedCode?] =
      [nil, Samples.code(1, createdAt: nil), nil, Samples.code(2, createdAt: 5), nil, nil]
    for size in 3...7 {
      var reader = ListingReader(mustShow: [], since: since, pageSize: size)
      let (end, read) = read(&reader) { offset, limit in
        Array(items.dropFirst(offset).prefix(limit))
      }
      #expect(end == .finished && read.map(\.id) == [Samples.code(1).id])
      #expect(reader.nulls == 4)
    }
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
    #expect(end == .failed(.endless) && pages == 50)
  }

  @Test("rule 14: a watch whose list fails waits ever longer, and is given up after a day")
  func watchPatience() {
    func pause(_ failures: Int, failingFor hours: Int64?, isAwaited: Bool = false) -> Duration? {
      let now: Int64 = 1_000_000_000_000
      return WatchCase(
        reward: Samples.reward,
        newestKnown: [],
        since: nil,
        dueAt: Timestamp(microseconds: now),
        now: Timestamp(microseconds: now),
        isAwaited: isAwaited,
        failures: failures,
        failingSince: hours.map { Timestamp(microseconds: now - $0 * 3_600_000_000) }
      ).pause(after: .failed("http_500"))
    }
    #expect(pause(0, failingFor: nil) == .seconds(30))
    #expect(pause(1, failingFor: 0) == .seconds(60))
    #expect(pause(6, failingFor: 1) == .seconds(1920))
    #expect(pause(500, failingFor: 23) == .seconds(3600))
    #expect(pause(500, failingFor: 24) == nil)
    // Calls wait for this one: it is asked for more often, and a person has to decide sooner.
    #expect(pause(0, failingFor: nil, isAwaited: true) == .seconds(2))
    #expect(pause(9, failingFor: 0, isAwaited: true) == .seconds(60))
    #expect(pause(3, failingFor: 1, isAwaited: true) == nil)
  }

  @Test("rule 7: a list that calls wait for is left alone as long as it may be out of date")
  func awaited() {
    func delay(due ago: Int64, isAwaited: Bool = true, failures: Int = 0) -> Duration? {
      WatchCase(
        reward: Samples.reward,
        newestKnown: [],
        since: nil,
        dueAt: Timestamp(microseconds: 20_000_000 - ago * 1_000_000),
        now: Timestamp(microseconds: 20_000_000),
        isAwaited: isAwaited,
        failures: failures
      ).delay(listingGap: .seconds(10))
    }
    #expect(delay(due: 0) == .seconds(10))
    #expect(delay(due: 7) == .seconds(3))
    #expect(delay(due: 10) == nil)
    #expect(delay(due: 0, failures: 1) == nil)
    #expect(delay(due: 0, isAwaited: false) == nil)
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
        return .success(ListedPage(codes: shown, nulls: 0, trailingNulls: 0, isCached: false))
      },
      keep: { $0.map(\.id) }
    )
    let listing = try read.get()
    #expect(listing.kept == codes.map(\.id) && listing.nulls == 0)
    #expect(asked.prefix(3) == [0, 3, 0])
  }

  @Test("a page that cannot be had ends the reading, and what the caller throws is thrown")
  func endings() async {
    let reader = ListingReader(mustShow: [], since: nil)
    let failed = await reader.read(page: { _, _ in .failure(.failed("reset")) }, keep: { $0 })
    guard case .failure(.failed("reset")) = failed else {
      Issue.record("it was read")
      return
    }
    do throws(StoreError) {
      _ = try await reader.read(
        page: { (_, _) async throws(StoreError) in throw StoreError(.unavailable, "away") },
        keep: { (codes) async throws(StoreError) in codes }
      )
      Issue.record("nothing was thrown")
    } catch {
      #expect(error.code == .unavailable)
    }
  }
}
