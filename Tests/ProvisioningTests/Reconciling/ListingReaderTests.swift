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
      window: nil,
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
    var reader = ListingReader(mustShow: [], window: nil)
    #expect(read(&reader) { _, _ in codes }.end == .failed(.unstable))
    var ofNulls = ListingReader(mustShow: [], window: nil)
    #expect(read(&ofNulls) { _, _ in [nil] }.end == .failed(.unstable))
  }

  @Test("rule 10: a list without the newest clean answer's codes is stale")
  func stale() {
    let codes = (0..<3).map { Samples.code($0) }
    var reader = ListingReader(mustShow: [Samples.code(7).id], window: nil)
    let end = read(&reader) { offset, _ in Array(codes.dropFirst(offset)) }.end
    #expect(end == .failed(.stale))
  }

  @Test("rule 10: the order is believed only once a code was older than one before it")
  func unseenOrder() {
    // All of one moment, long before the window: that is no order, so the whole list is read.
    let codes = (0..<5).map { Samples.code($0) }
    let window = Timestamp(microseconds: 100)...Timestamp(microseconds: 200)
    var reader = ListingReader(mustShow: [], window: window, pageSize: 2)
    var pages = 0
    let end = read(&reader) { offset, limit in
      pages += 1
      return Array(codes.dropFirst(offset).prefix(limit))
    }.end
    #expect(end == .finished && pages > 4)
  }
}
