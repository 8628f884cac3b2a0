import Testing

@testable import Sandbox

@Suite("when a rule strikes")
struct FaultRuleTests {
  private let reward = UUIDBits(high: 1, low: 2)
  private let other = UUIDBits(high: 3, low: 4)

  /// Which of the first requests a rule strikes, counted from 1.
  private func struck(_ rule: FaultRule, of count: Int = 12, seed: UInt64 = 1) -> [Int] {
    let dice = FaultDice(FaultPlan(rules: [rule]), seed: seed, at: 0)
    return (1...count).filter { _ in !dice.decide(rule.endpoint, of: reward, at: 0).names.isEmpty }
  }

  @Test("without conditions it strikes every time")
  func always() {
    #expect(struck(FaultRule(.generate, .status(500)), of: 4) == [1, 2, 3, 4])
  }

  @Test("skip, first, every and times narrow it down, alone and together")
  func conditions() {
    let fault = Fault.status(500)
    #expect(struck(FaultRule(.generate, fault, skip: 9)) == [10, 11, 12])
    #expect(struck(FaultRule(.generate, fault, first: 2)) == [1, 2])
    #expect(struck(FaultRule(.generate, fault, every: 5)) == [5, 10])
    #expect(struck(FaultRule(.generate, fault, times: 3)) == [1, 2, 3])
    #expect(struck(FaultRule(.generate, fault, skip: 1, first: 8, every: 3)) == [4, 7])
    #expect(struck(FaultRule(.generate, fault, skip: 1, every: 3, times: 1)) == [4])
    #expect(struck(FaultRule(.generate, fault, first: 0)).isEmpty)
  }

  @Test("probability is met, and the seed decides which")
  func probability() {
    let rule = FaultRule(.generate, .status(500), probability: 0.3)
    let one = struck(rule, of: 2000, seed: 1)
    #expect((500...700).contains(one.count))
    #expect(one == struck(rule, of: 2000, seed: 1))
    #expect(one != struck(rule, of: 2000, seed: 2))
    #expect(struck(FaultRule(.generate, .status(500), probability: 0)).isEmpty)
  }

  @Test("a plan's own seed wins over the sandbox's")
  func planSeed() {
    let rules = [FaultRule(.generate, .status(500), probability: 0.5)]
    func names(_ seed: UInt64) -> [[String]] {
      let dice = FaultDice(FaultPlan(seed: 77, rules: rules), seed: seed, at: 0)
      return (0..<50).map { _ in dice.decide(.generate, at: 0).names }
    }
    #expect(names(1) == names(2))
  }

  @Test("a rule sees only its endpoint and its reward")
  func matching() {
    let rule = FaultRule(.generate, .status(500), reward: reward.description.uppercased())
    let dice = FaultDice(FaultPlan(rules: [rule]), seed: 1, at: 0)
    #expect(dice.decide(.list, of: reward, at: 0).names.isEmpty)
    #expect(dice.decide(.generate, of: other, at: 0).names.isEmpty)
    #expect(dice.decide(.generate, of: reward, at: 0).names == ["status"])
    #expect(dice.tallies == [FaultDice.Tally(seen: 1, struck: 1)])
  }

  @Test("additions add up, and of the endings the first one wins")
  func together() {
    let rules: [Fault] = [
      .latency(seconds: 1), .status(500), .latency(seconds: 2), .status(400), .nulls(count: 2),
      .long(by: 3), .short(by: 1), .headers(set: ["A": "1"]), .headers(set: ["B": "2"]),
    ]
    let plan = FaultPlan(rules: rules.map { FaultRule(.generate, $0) })
    let decision = FaultDice(plan, seed: 1, at: 0).decide(.generate, of: reward, at: 0)
    #expect(decision.latency == 3)
    #expect(decision.ending == .status(500))
    #expect(decision.changes.nullsForCodes == 2)
    #expect(decision.surplus == 2)
    #expect(decision.headers == ["A": "1", "B": "2"])
    #expect(
      decision.names == [
        "latency", "status", "latency", "nulls", "long", "short", "headers", "headers",
      ]
    )
  }

  @Test("a plan put in force starts its counts anew")
  func replacing() {
    let plan = FaultPlan(rules: [FaultRule(.team, .status(500), times: 1)])
    let dice = FaultDice(plan, seed: 1, at: 0)
    #expect(dice.decide(.team, at: 0).names == ["status"])
    #expect(dice.decide(.team, at: 0).names.isEmpty)
    dice.replace(plan, at: 0)
    #expect(dice.decide(.team, at: 0).names == ["status"])
  }

  @Test("a rule with a time looks at requests of that time only, counted from the plan's start")
  func window() {
    let rule = FaultRule(.list, .status(429), first: 2, from: 10, until: 40)
    let dice = FaultDice(FaultPlan(rules: [rule]), seed: 1, at: 1_000_000_000)
    func strikes(_ seconds: UInt64) -> Bool {
      !dice.decide(.list, of: reward, at: seconds * 1_000_000_000).names.isEmpty
    }
    #expect([2, 10, 11, 40, 41].map(strikes) == [false, false, true, true, false])
    #expect(dice.tallies == [FaultDice.Tally(seen: 2, struck: 2)])
    dice.replace(FaultPlan(rules: [rule]), at: 50_000_000_000)
    #expect([59, 60, 89, 90].map(strikes) == [false, true, true, false])
  }
}
