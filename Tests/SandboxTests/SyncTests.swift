import Testing

@testable import Sandbox

@Suite("how codes fare in other systems")
struct SyncTests {
  @Test("pending codes settle after their time, to synced or to error by the shares")
  func settling() async throws {
    let clock = ManualTime()
    let sync = SyncShape(
      systems: [.shopify, .stripe],
      pendingShare: 0.5,
      errorShare: 0.3,
      pendingFor: .seconds(8)
    )
    try await withSandbox(SandboxConfiguration(seed: 3, sync: sync), time: clock.time) {
      (caller) async throws in
      func statuses(_ codes: [ShownCode], _ system: String) -> [String: Int] {
        Dictionary(grouping: codes) { $0.externalIds[system]?.syncStatus ?? "" }.mapValues(\.count)
      }
      let fresh = try await caller.generate(400).codes()
      for system in ["shopify", "stripe"] {
        let count = statuses(fresh, system)
        #expect((150...250).contains(count["pending"] ?? 0))
        #expect(count["error"] == nil)
      }
      clock.advance(by: .milliseconds(7999))
      let early = try await caller.list("limit=1000&order=asc").data()
      #expect(early == fresh)
      clock.advance(by: .milliseconds(1))
      let settled = try await caller.list("limit=1000&order=asc").data()
      for system in ["shopify", "stripe"] {
        let count = statuses(settled, system)
        #expect(count["pending"] == nil)
        #expect((30...90).contains(count["error"] ?? 0))
      }
      for (before, after) in zip(fresh, settled) {
        let changed = before.externalIds.values.contains { $0.syncStatus == "pending" }
        #expect(after.updatedAt == (changed ? "2026-01-31T12:35:04.789Z" : before.createdAt))
        for entry in after.externalIds.values {
          #expect((entry.error != nil) == (entry.syncStatus == "error"))
          #expect((entry.codeId != nil) == (entry.syncStatus == "synced"))
        }
      }
    }
  }

  @Test("syncing a reward again gives its failed codes of that system another try")
  func retry() async throws {
    let clock = ManualTime()
    let sync = SyncShape(
      systems: [.shopify, .stripe],
      pendingShare: 1,
      errorShare: 0.5,
      pendingFor: .seconds(2)
    )
    try await withSandbox(SandboxConfiguration(seed: 4, sync: sync), time: clock.time) {
      (caller) async throws in
      func failed(_ system: String) async throws -> Set<String> {
        let codes = try await caller.list("limit=1000").data()
        return Set(codes.filter { $0.externalIds[system]?.syncStatus == "error" }.map(\.id))
      }
      _ = try await caller.generate(100)
      clock.advance(by: .seconds(3))
      let before = (shopify: try await failed("shopify"), stripe: try await failed("stripe"))
      let answer = try await caller.call(
        "POST",
        "/v1/rewards/\(Caller.reward)/sync?system=shopify"
      )
      #expect(answer.status == 200)
      #expect(try await failed("shopify").isEmpty)
      clock.advance(by: .seconds(2))
      let after = try await failed("shopify")
      #expect(after.isStrictSubset(of: before.shopify))
      #expect(!after.isEmpty)
      #expect(try await failed("stripe") == before.stripe)
      #expect(caller.sandbox.truth.syncRequests == 1)
    }
  }

  @Test("a sync request needs a system that exists, and takes no body")
  func strictSync() async throws {
    try await withSandbox { (caller) async throws in
      let path = "/v1/rewards/\(Caller.reward)/sync"
      for query in ["", "?system=square"] {
        let answer = try await caller.call("POST", path + query)
        #expect(answer.status == 400)
      }
      let withBody = try await caller.call("POST", path + "?system=stripe", body: "{}")
      #expect(withBody.status == 400)
      let right = try await caller.call("POST", path + "?system=stripe")
      #expect(right.status == 200)
    }
  }

  @Test("codes settle one after another where that is asked for, and order by their changes")
  func spread() async throws {
    let clock = ManualTime()
    let sync = SyncShape(
      pendingShare: 1,
      errorShare: 0,
      pendingFor: .seconds(2),
      pendingSpread: .seconds(10)
    )
    try await withSandbox(SandboxConfiguration(seed: 3, sync: sync), time: clock.time) {
      (caller) async throws in
      _ = try await caller.generate(100)
      func pending() async throws -> Int {
        let codes = try await caller.list("limit=1000").data()
        return codes.count { $0.externalIds["shopify"]?.syncStatus == "pending" }
      }
      clock.advance(by: .milliseconds(1999))
      #expect(try await pending() == 100)
      clock.advance(by: .seconds(5))
      #expect((20...80).contains(try await pending()))
      let listed = try await caller.list("limit=1000&order_by=updatedAt").data()
      let updates = listed.compactMap(\.updatedAt)
      #expect(updates == updates.sorted(by: >) && Set(updates).count > 20)
      clock.advance(by: .seconds(6))
      #expect(try await pending() == 0)
    }
  }

  @Test("the status of codes changes later where that is asked for, and updatedAt with it")
  func fate() async throws {
    let clock = ManualTime()
    let configuration = SandboxConfiguration(
      seed: 3,
      sync: SyncShape(systems: []),
      fate: FateShape(share: 0.5, after: .seconds(1), spread: .seconds(4))
    )
    try await withSandbox(configuration, time: clock.time) { (caller) async throws in
      let fresh = try await caller.generate(200).codes()
      #expect(fresh.allSatisfy { $0.status == "available" })
      clock.advance(by: .seconds(5))
      let codes = try await caller.list("limit=1000&order_by=updatedAt").data()
      let changed = codes.filter { $0.status != "available" }
      #expect((70...130).contains(changed.count))
      #expect(Set(changed.map(\.status)) == ["reserved", "redeemed", "expired", "revoked"])
      #expect(Array(codes.prefix(changed.count)).map(\.id) == changed.map(\.id))
      for code in codes {
        #expect((code.updatedAt == code.createdAt) == (code.status == "available"))
      }
      let redeemed = try await caller.list("limit=1000&status=redeemed").data()
      #expect(redeemed.count == changed.count { $0.status == "redeemed" })
      let shown = caller.sandbox.truth.shown(ofReward: Caller.reward, from: 0, count: 1000)
      #expect(shown.ranges(of: "\"redeemed\"").count == redeemed.count)
    }
  }

  @Test("without systems external ids are empty")
  func noSystems() async throws {
    let configuration = SandboxConfiguration(sync: SyncShape(systems: []))
    try await withSandbox(configuration) { (caller) async throws in
      let codes = try await caller.generate(1).codes()
      #expect(codes.first?.externalIds == [:])
    }
  }
}
