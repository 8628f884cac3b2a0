import Testing

@testable import Sandbox

@Suite("differences drawn by a seed")
struct AxesTests {
  @Test("the same seed draws the same plan, which is a valid one and survives as JSON")
  func repeatable() throws {
    for seed in UInt64(0)..<300 {
      let rewards = seed % 2 == 0 ? [] : [Caller.reward, Caller.otherReward]
      let plan = FaultPlan.axes(seed: seed, rewards: rewards, prefixes: ["SUMMER"])
      #expect(plan == FaultPlan.axes(seed: seed, rewards: rewards, prefixes: ["SUMMER"]))
      #expect(try FaultPlan(json: plan.json) == plan)
      #expect(plan.seed == seed)
    }
    #expect(FaultPlan.axes(seed: 1) != FaultPlan.axes(seed: 2))
  }

  @Test("every fault that makes a difference is drawn by some seed, and each is missing from some")
  func everyDifference() {
    let plans = (UInt64(0)..<300).map { FaultPlan.axes(seed: $0) }
    let names = plans.map { Set($0.rules.map(\.fault.name)) }
    let differences: Set<String> = [
      "prefix", "texts", "times", "withheld", "date", "headers", "cached", "stale", "shortPage",
      "order", "hidden", "status", "replayed", "collapsed", "swapped", "older", "nulls", "short",
      "reset", "hang", "generateLate", "slow", "cut", "old", "stream",
    ]
    #expect(names.reduce(into: []) { $0.formUnion($1) } == differences)
    for name in differences { #expect(names.contains { !$0.contains(name) }) }
  }

  @Test("each reward gets a form of the prefix of its own")
  func byReward() {
    let rewards = [Caller.reward, Caller.otherReward]
    let apart = (UInt64(0)..<50).contains { seed in
      let plan = FaultPlan.axes(seed: seed, rewards: rewards)
      let forms = rewards.map { reward in plan.rules.first { $0.reward == reward }?.fault }
      return forms[0] != nil && forms[1] != nil && forms[0] != forms[1]
    }
    #expect(apart)
  }

  @Test("a sandbox with any of these plans starts, and lists what it made in some form")
  func playable() async throws {
    for seed in UInt64(0)..<20 {
      let clock = ManualTime()
      let plan = FaultPlan.axes(seed: seed)
      try await withSandbox(SandboxConfiguration(seed: 1, faults: plan), time: clock.time) {
        (caller) async throws in
        let answer = try await caller.list("limit=100")
        #expect(answer.status == 200)
        #expect(answer.text.hasPrefix("{\"data\":["))
      }
    }
  }
}
