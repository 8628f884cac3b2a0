import Testing

@testable import Sandbox

@Suite("listings that mislead")
struct ListFaultTests {
  private func ids(_ caller: Caller, _ query: String = "") async throws -> [String] {
    try await caller.list(query).data().map(\.id)
  }

  @Test("the order asked for is ignored")
  func order() async throws {
    try await withSandbox { (caller) async throws in
      let made = try await caller.generate(20).codes().map(\.id)
      try caller.misbehave(.list, .order(.ascending))
      #expect(try await ids(caller, "order=desc") == made)
      try caller.misbehave(.list, .order(.descending))
      #expect(try await ids(caller, "order=asc") == made.reversed())
    }
  }

  @Test("a shuffled listing shows every code once over its pages")
  func shuffled() async throws {
    try await withSandbox { (caller) async throws in
      let made = try await caller.generate(20).codes().map(\.id)
      try caller.misbehave(.list, .order(.shuffled))
      var read: [String] = []
      for offset in stride(from: 0, through: 25, by: 5) {
        read += try await ids(caller, "limit=5&offset=\(offset)")
      }
      #expect(read != made)
      #expect(read != made.reversed())
      #expect(read.sorted() == made.sorted())
    }
  }

  @Test("a listing by ids keeps its order while codes are added")
  func byIDs() async throws {
    try await withSandbox { (caller) async throws in
      var made = try await caller.generate(20).codes().map(\.id)
      try caller.misbehave(.list, .order(.ids))
      #expect(try await ids(caller, "order=desc&order_by=createdAt") == made.sorted())
      made += try await caller.generate(5).codes().map(\.id)
      let pages = [try await ids(caller, "limit=15"), try await ids(caller, "limit=15&offset=15")]
      #expect(pages.flatMap(\.self) == made.sorted())
    }
  }

  @Test("a stale listing shows what was there some seconds ago, with or without an Age")
  func stale() async throws {
    let clock = ManualTime()
    let configuration = SandboxConfiguration(
      sync: SyncShape(pendingShare: 1, errorShare: 0, pendingFor: .seconds(3))
    )
    try await withSandbox(configuration, time: clock.time) { (caller) async throws in
      let old = try await caller.generate(2).codes().map(\.id)
      clock.advance(by: .seconds(10))
      let new = try await caller.generate(3).codes().map(\.id)
      clock.advance(by: .seconds(4))
      try caller.misbehave(.list, .stale(seconds: 5))
      let quiet = try await caller.list("order=asc&include_count=true")
      #expect(try quiet.data().map(\.id) == old)
      #expect(try quiet.decoded(Listed.self).pagination.totalCount == 2)
      #expect(quiet.headers["age"] == nil)
      try caller.misbehave(.list, .stale(seconds: 4, age: true))
      let honest = try await caller.list("order=asc")
      #expect(try honest.data().map(\.id) == old + new)
      #expect(honest.headers["age"] == "4")
      let statuses = try honest.data().map { $0.externalIds["shopify"]?.syncStatus }
      #expect(statuses == ["synced", "synced", "pending", "pending", "pending"])
      try caller.misbehave(.list, .stale(seconds: 3600))
      #expect(try await ids(caller).isEmpty)
      try caller.misbehave(.list)
      #expect(try await ids(caller, "order=asc") == old + new)
    }
  }

  @Test("short pages though there is more")
  func shortPages() async throws {
    try await withSandbox { (caller) async throws in
      let made = try await caller.generate(10).codes().map(\.id)
      try caller.misbehave(.list, .shortPage(limit: 3))
      let answer = try await caller.list("limit=8&order=asc")
      #expect(try answer.data().map(\.id) == Array(made.prefix(3)))
      #expect(try answer.decoded(Listed.self).pagination.limit == 8)
      #expect(try await ids(caller, "limit=8&order=asc&offset=3") == Array(made[3..<6]))
      #expect(try await ids(caller, "limit=2&order=asc") == Array(made.prefix(2)))
    }
  }

  @Test("pages shift while codes are being added between them")
  func shifting() async throws {
    try await withSandbox { (caller) async throws in
      let made = try await caller.generate(6, prefix: "P").codes().map(\.id)
      try caller.misbehave(.list, .somebodyElse(count: 2))
      let first = try await ids(caller, "limit=4")
      let second = try await ids(caller, "limit=4&offset=4")
      #expect(first.suffix(2) == second.prefix(2))
      #expect(first.suffix(2) == made.suffix(2).reversed())
      let truth = caller.sandbox.truth.made(ofReward: Caller.reward)
      #expect(truth.count == 10)
      #expect(truth.filter { $0.request == nil && $0.code.hasPrefix("P") }.count == 4)
    }
  }

  @Test("nulls, doubles and strangers on a page")
  func altered() async throws {
    try await withSandbox { (caller) async throws in
      let made = try await caller.generate(6).codes().map(\.id)
      try caller.misbehave(.list, .nulls(count: 2))
      let nulls = try await caller.list().decoded(Listed.self).data
      #expect(nulls.count == 6)
      #expect(nulls.filter { $0 == nil }.count == 2)
      try caller.misbehave(.list, .doubled(count: 1))
      #expect(try await ids(caller, "order=asc") == made + made.prefix(1))
      try caller.misbehave(.list, .foreign(count: 1))
      let strangers = try await caller.list().data().filter { $0.rewardId != Caller.reward }
      #expect(strangers.count == 1)
    }
  }

  @Test("a cache gives the same answer to the same query, with its Date and, if wanted, its Age")
  func cached() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      let old = try await caller.generate(2).codes().map(\.id)
      try caller.misbehave(.list, .cached(seconds: 10, age: true))
      let first = try await caller.list("order=asc")
      #expect(first.headers["age"] == nil)
      clock.advance(by: .seconds(9))
      let new = try await caller.generate(1).codes().map(\.id)
      let second = try await caller.list("order=asc")
      #expect(second.body == first.body)
      #expect(second.headers["age"] == "9")
      #expect(second.headers["date"] == "Sat, 31 Jan 2026 12:34:56 GMT")
      #expect(try await ids(caller, "order=asc&limit=10") == old + new)
      clock.advance(by: .seconds(1))
      #expect(try await ids(caller, "order=asc") == old + new)
      try caller.misbehave(.list, .cached(seconds: 10))
      _ = try await caller.list()
      clock.advance(by: .seconds(5))
      let silent = try await caller.list()
      #expect(silent.headers["age"] == nil)
    }
  }

  @Test("some codes are hidden, the same ones on every page and in the count")
  func hidden() async throws {
    let configuration = SandboxConfiguration(seed: 1, fate: FateShape(share: 0.8))
    try await withSandbox(configuration) { (caller) async throws in
      let made = try await caller.generate(200).codes()
      try caller.misbehave(.list, .hidden(share: 0.3))
      let whole = try await caller.list("order=asc&limit=1000&include_count=true")
      let shown = try whole.data().map(\.id)
      #expect((110...170).contains(shown.count))
      #expect(try whole.decoded(Listed.self).pagination.totalCount == shown.count)
      var paged: [String] = []
      for offset in stride(from: 0, to: 200, by: 30) {
        paged += try await ids(caller, "order=asc&limit=30&offset=\(offset)")
      }
      #expect(paged == shown)
      #expect(try await ids(caller, "limit=1000") == shown.reversed())
      try caller.misbehave(.list, .hidden(share: 0.3), .order(.shuffled))
      #expect(try await ids(caller, "limit=1000").sorted() == shown.sorted())
      try caller.misbehave(.list, .hidden(status: .redeemed))
      let others = made.filter { $0.status != "redeemed" }.map(\.id)
      #expect(others.count < 200)
      #expect(try await ids(caller, "order=asc&limit=1000") == others)
    }
  }

  @Test("listings fail for a time, from the plan's start")
  func failingForATime() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      let retryAfter = RetryAfter(.seconds, seconds: 60)
      let rule = FaultRule(.list, .status(429, retryAfter: retryAfter), from: 5, until: 20)
      try caller.sandbox.setFaults(FaultPlan(rules: [rule]))
      var statuses: [Int?] = []
      for _ in 0..<5 {
        let answer = try await caller.list()
        statuses.append(answer.status)
        #expect((answer.headers["retry-after"] == "60") == (answer.status == 429))
        clock.advance(by: .seconds(5))
      }
      #expect(statuses == [200, 429, 429, 429, 200])
    }
  }

  @Test("a listing that fails, is cut off or breaks, and the log of it")
  func failing() async throws {
    try await withSandbox { (caller) async throws in
      _ = try await caller.generate(4)
      try caller.misbehave(.list, .status(502))
      #expect(try await caller.list().status == 502)
      try caller.misbehave(.list, .cut())
      let cut = try await caller.list()
      #expect(cut.status == 200)
      #expect(throws: (any Error).self) { try cut.data() }
      try caller.misbehave(.list, .reset(at: .inBody))
      #expect(try await caller.list().ending == .reset)
      try caller.misbehave(.list, .reset(at: .beforeAnswer))
      #expect(try await caller.list().byteCount == 0)
      let listings = caller.sandbox.truth.listings()
      #expect(listings.map(\.status) == [502, 200, 200, nil])
      #expect(listings.map(\.faults) == [["status"], ["cut"], ["reset"], ["reset"]])
    }
  }
}
