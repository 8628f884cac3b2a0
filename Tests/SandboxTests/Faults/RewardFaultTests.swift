import Testing

@testable import Sandbox

@Suite("codes of a reward that no request made")
struct RewardFaultTests {
  private func truth(_ caller: Caller) -> [MadeCode] {
    caller.sandbox.truth.made(ofReward: Caller.reward)
  }

  @Test("old codes were there before the first request, in their place of the list")
  func old() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(
        .reward,
        .old(count: 2, days: 1, prefix: "SUMMER"),
        .old(count: 3, days: 100)
      )
      let new = try await caller.generate(2).codes()
      let listed = try await caller.list("order=asc&include_count=true")
      let data = try listed.data()
      #expect(try listed.decoded(Listed.self).pagination.totalCount == 7)
      #expect(data.prefix(3).allSatisfy { $0.createdAt == "2025-10-23T12:34:56.789Z" })
      #expect(data[3..<5].allSatisfy { $0.createdAt == "2026-01-30T12:34:56.789Z" })
      #expect(data[3..<5].allSatisfy { $0.code.hasPrefix("SUMMER") })
      #expect(data.suffix(2).map(\.id) == new.map(\.id))
      #expect(Set(data.map(\.id)).count == 7)
      #expect(try await caller.list().data().map(\.id) == data.map(\.id).reversed())
      #expect(truth(caller).map(\.id) == data.map(\.id))
      #expect(truth(caller).map(\.request) == [nil, nil, nil, nil, nil, 1, 1])
      #expect(caller.sandbox.truth.codesByMaker == CodesByMaker(requests: 2, beforehand: 5))
      #expect(caller.sandbox.truth.codesOfSomebodyElse == 0)
    }
  }

  @Test("old codes come once, to each reward that a rule names, and before codes that exist")
  func oldOnce() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      let new = try await caller.generate(2).codes().map(\.id)
      let rule = FaultRule(.reward, .old(count: 4, days: 0.5), reward: Caller.reward)
      try caller.sandbox.setFaults(FaultPlan(rules: [rule]))
      for _ in 0..<2 { _ = try await caller.list() }
      let later = try await caller.generate(1).codes().map(\.id)
      _ = try await caller.list(reward: Caller.otherReward)
      let listed = try await caller.list("order=asc").data().map(\.id)
      #expect(listed.suffix(3) == new + later)
      #expect(listed.count == 7)
      #expect(caller.sandbox.truth.codesByReward[Caller.otherReward] == nil)
    }
  }

  @Test("old codes are on a listing of some seconds ago too")
  func oldAndStale() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      let rules = [
        FaultRule(.reward, .old(count: 3, days: 100)), FaultRule(.list, .stale(seconds: 5)),
      ]
      try caller.sandbox.setFaults(FaultPlan(rules: rules))
      _ = try await caller.generate(2)
      #expect(try await caller.list().data().count == 3)
      clock.advance(by: .seconds(5))
      #expect(try await caller.list().data().count == 5)
    }
  }

  @Test("somebody else makes a code again and again, until the plan ends")
  func stream() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.reward, .stream(everySeconds: 1.5))
      let mine = try await caller.generate(1, prefix: "P").codes().map(\.id)
      clock.advance(by: .seconds(4))
      let listed = try await caller.list("order=asc").data()
      #expect(
        listed.map(\.createdAt) == [
          "2026-01-31T12:34:56.789Z", "2026-01-31T12:34:58.289Z", "2026-01-31T12:34:59.789Z",
        ]
      )
      #expect(listed.allSatisfy { $0.code.hasPrefix("P") })
      #expect(listed.first.map(\.id) == mine.first)
      clock.advance(by: .milliseconds(500))
      #expect(
        truth(caller).map(\.maker) == [.request(1)] + Array(repeating: .somebodyElse, count: 3)
      )
      try caller.misbehave(.reward)
      clock.advance(by: .seconds(60))
      #expect(truth(caller).count == 4)
      #expect(caller.sandbox.truth.codesByMaker == CodesByMaker(requests: 1, somebodyElse: 3))
    }
  }

  @Test("the admin surface counts codes by who had them made, and names it for each")
  func admin() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      let rules = [
        FaultRule(.reward, .old(count: 2, days: 1)), FaultRule(.reward, .stream(everySeconds: 1)),
        FaultRule(.generate, .resent()),
      ]
      try caller.sandbox.setFaults(FaultPlan(rules: rules))
      _ = try await caller.generate(1)
      clock.advance(by: .seconds(1))
      let counts = try await caller.call("GET", "/sandbox/truth").text
      #expect(
        counts.contains(
          #""made_for_requests":1,"resent":1,"somebody_else":1,"beforehand":2,"#
        )
      )
      let lines = try await caller.call("GET", "/sandbox/truth?ids=1").text.split(separator: "\n")
      let makers = ["beforehand", "beforehand", "resent", "request", "somebody_else"]
      #expect(lines.count == makers.count)
      for (line, maker) in zip(lines, makers) {
        #expect(line.hasSuffix(#""maker":"\#(maker)"}"#))
        #expect(line.contains(#""request":1,"#) == (maker == "resent" || maker == "request"))
      }
    }
  }
}
