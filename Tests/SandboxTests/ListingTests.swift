import Testing

@testable import Sandbox

@Suite("listing the codes of a reward")
struct ListingTests {
  /// Three batches, a second apart, and the ids in order of their making.
  private func withBatches(
    _ configuration: SandboxConfiguration = SandboxConfiguration(seed: 1),
    _ body: (Caller, [String], ManualTime) async throws -> Void
  ) async throws {
    let clock = ManualTime()
    try await withSandbox(configuration, time: clock.time) { (caller) async throws in
      var ids: [String] = []
      for count in [3, 1, 5] {
        ids += try await caller.generate(count).codes().map(\.id)
        clock.advance(by: .seconds(1))
      }
      try await body(caller, ids, clock)
    }
  }

  @Test("newest first by default, oldest first on request")
  func order() async throws {
    try await withBatches { (caller, ids, _) async throws in
      #expect(try await caller.list().data().map(\.id) == ids.reversed())
      #expect(try await caller.list("order=desc").data().map(\.id) == ids.reversed())
      #expect(try await caller.list("order=asc&order_by=createdAt").data().map(\.id) == ids)
    }
  }

  @Test("pages of every size put together give the whole list, in both directions")
  func paging() async throws {
    try await withBatches { (caller, ids, _) async throws in
      for limit in 1...10 {
        for (order, expected) in [("asc", ids), ("desc", ids.reversed())] {
          var read: [String] = []
          while true {
            let page = try await caller.list("limit=\(limit)&offset=\(read.count)&order=\(order)")
            let listed = try page.decoded(Listed.self)
            #expect(listed.pagination.limit == limit)
            #expect(listed.pagination.offset == read.count)
            if listed.data.isEmpty { break }
            read += listed.data.compactMap { $0?.id }
            #expect(listed.pagination.next == (read.count < ids.count ? read.count : nil))
          }
          #expect(read == expected)
        }
      }
    }
  }

  @Test("the total is told when it is asked for")
  func counting() async throws {
    try await withBatches { (caller, ids, _) async throws in
      func total(_ query: String) async throws -> Int? {
        try await caller.list(query).decoded(Listed.self).pagination.totalCount
      }
      #expect(try await total("include_count=true&limit=2") == ids.count)
      #expect(try await total("include_count=false") == nil)
      #expect(try await total("") == nil)
      #expect(try await total("include_count=true&status=revoked") == 0)
    }
  }

  @Test("an offset at or past the end gives an empty page")
  func pastTheEnd() async throws {
    try await withBatches { (caller, ids, _) async throws in
      for offset in [ids.count, ids.count + 1, Int.max] {
        #expect(try await caller.list("offset=\(offset)").data().isEmpty)
        #expect(try await caller.list("offset=\(offset)&order=asc").data().isEmpty)
      }
    }
  }

  @Test("a reward without codes gives an empty page")
  func empty() async throws {
    try await withSandbox { (caller) async throws in
      let answer = try await caller.list("include_count=true")
      #expect(answer.status == 200)
      #expect(try answer.decoded(Listed.self).data.isEmpty)
    }
  }

  @Test(
    "a query that is out of range or unknown is refused with 400",
    arguments: [
      "limit=0", "limit=1001", "limit=ten", "limit=", "offset=-1", "offset=x", "order=up",
      "order_by=name", "status=gone", "include_count=yes",
    ]
  )
  func strictQueries(_ query: String) async throws {
    try await withSandbox { (caller) async throws in
      let answer = try await caller.list(query)
      #expect(answer.status == 400)
      let field = query.split(separator: "=").first.map(String.init)
      #expect(try answer.decoded(ErrorShown.self).details?["field"] == field)
    }
  }

  @Test("status filters, across a mixture of statuses, page by page")
  func statusFilter() async throws {
    let configuration = SandboxConfiguration(seed: 5, fate: FateShape(share: 0.9))
    try await withSandbox(configuration) { (caller) async throws in
      let all = try await caller.generate(200).codes()
      let reserved = all.filter { $0.status == "reserved" }
      let available = all.filter { $0.status == "available" }
      let redeemed = all.filter { $0.status == "redeemed" }
      #expect(Set(all.map(\.status)).count == 5)
      #expect((40...120).contains(reserved.count))
      #expect(reserved.allSatisfy { $0.reservedFor != nil })
      let first = try await caller.list("status=reserved&order=asc&limit=30").data()
      let rest = try await caller.list("status=reserved&order=asc&offset=30&limit=1000").data()
      #expect((first + rest).map(\.id) == reserved.map(\.id))
      let newest = try await caller.list("status=available&limit=5").data()
      #expect(newest.map(\.id) == available.map(\.id).suffix(5).reversed())
      #expect(
        try await caller.list("status=redeemed&order=asc").data().map(\.id) == redeemed.map(\.id)
      )
    }
  }

  @Test("ordering by updatedAt follows when codes changed, not when they were made")
  func orderByUpdate() async throws {
    let sync = SyncShape(pendingShare: 0.5, errorShare: 0, pendingFor: .seconds(10))
    try await withBatches(SandboxConfiguration(seed: 9, sync: sync)) {
      (caller, ids, clock) async throws in
      clock.advance(by: .seconds(60))
      let listed = try await caller.list("order_by=updatedAt&order=asc").data()
      let updates = listed.compactMap(\.updatedAt)
      #expect(updates == updates.sorted())
      #expect(Set(updates).count > 1)
      #expect(listed.map(\.id).sorted() == ids.sorted())
      let descending = try await caller.list("order_by=updatedAt&order=desc").data()
      #expect(descending.map(\.id) == listed.map(\.id).reversed())
    }
  }

  @Test("createdAt never steps back within a reward, even if the machine's clock does")
  func steppedClock() async throws {
    let clock = ManualTime()
    var time = clock.time
    let steady = time.monotonic
    let start = steady()
    time.wall = { ManualTime.start - Int64((steady() - start) / 1000) }
    try await withSandbox(time: time) { (caller) async throws in
      let first = try await caller.generate(1).codes()
      clock.advance(by: .seconds(5))
      let second = try await caller.generate(1).codes()
      #expect(first[0].createdAt == second[0].createdAt)
      #expect(try await caller.list("order=asc").data().map(\.id) == (first + second).map(\.id))
    }
  }

  @Test("the API's clock may differ from this machine's")
  func clockOffset() async throws {
    let clock = ManualTime()
    let configuration = SandboxConfiguration(clockOffset: .seconds(-3601))
    try await withSandbox(configuration, time: clock.time) { (caller) async throws in
      let codes = try await caller.generate(1).codes()
      #expect(codes[0].createdAt == "2026-01-31T11:34:55.789Z")
    }
  }

  @Test("rewards keep their codes apart")
  func rewardsApart() async throws {
    try await withSandbox { (caller) async throws in
      let mine = try await caller.generate(2).codes().map(\.id)
      let others = try await caller.generate(3, reward: Caller.otherReward).codes().map(\.id)
      #expect(try await caller.list("order=asc").data().map(\.id) == mine)
      let listed = try await caller.list("order=asc", reward: Caller.otherReward.uppercased())
      #expect(try listed.data().map(\.id) == others)
    }
  }
}
