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
