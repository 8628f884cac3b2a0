import Testing

@testable import Sandbox

@Suite("answers that are not those of their requests")
struct OtherAnswerTests {
  private func truth(_ caller: Caller) -> [MadeCode] {
    caller.sandbox.truth.made(ofReward: Caller.reward)
  }

  @Test("the previous answer comes again, whether the request went through or not")
  func replayed() async throws {
    try await withSandbox { (caller) async throws in
      let first = try await caller.generate(3).codes().map(\.id)
      try caller.misbehave(.generate, .replayed())
      for _ in 0..<2 { #expect(try await caller.generate(3).codes().map(\.id) == first) }
      #expect(truth(caller).map(\.request) == [1, 1, 1, 2, 2, 2, 3, 3, 3])
      try caller.misbehave(.generate, .replayed(made: false))
      #expect(try await caller.generate(2).codes().map(\.id) == first)
      #expect(truth(caller).count == 9)
      #expect(caller.sandbox.truth.requests().last?.faults == ["replayed"])
      let other = try await caller.generate(2, reward: Caller.otherReward).codes()
      #expect(other.count == 2)
      #expect(Set(other.map(\.rewardId)) == [Caller.otherReward])
    }
  }

  @Test("requests under way at the same time get one answer, and one set of codes is made")
  func collapsed() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .collapsed(seconds: 2))
      try await caller.sendGenerate(3)
      await clock.sleepers(1)
      let other = Caller(caller.sandbox, port: caller.port)
      let second = try await other.generate(3).codes()
      clock.advance(by: .seconds(2))
      let first = try await caller.answer().codes()
      #expect(first == second)
      #expect(truth(caller).map(\.id) == first.map(\.id))
      #expect(caller.sandbox.truth.requests().map(\.made) == [3, 0])
    }
  }

  @Test("two requests under way at the same time get each other's answer")
  func swapped() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      let rule = FaultRule(.generate, .swapped(seconds: 2), times: 1)
      try caller.sandbox.setFaults(FaultPlan(rules: [rule]))
      try await caller.sendGenerate(3, prefix: "ONE")
      await clock.sleepers(1)
      let other = Caller(caller.sandbox, port: caller.port)
      let second = try await other.generate(2, prefix: "TWO").codes()
      let first = try await caller.answer().codes()
      #expect(second.map { $0.code.prefix(3) } == ["ONE", "ONE", "ONE"])
      #expect(first.map { $0.code.prefix(3) } == ["TWO", "TWO"])
      #expect(truth(caller).map(\.request) == [1, 1, 1, 2, 2])
    }
  }

  @Test("two requests of different rewards get each other's answer only where it goes across")
  func swappedAcross() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      let other = Caller(caller.sandbox, port: caller.port)
      func rewards(across: Bool) async throws -> [String] {
        let fault = Fault.swapped(seconds: 2, across: across)
        try caller.sandbox.setFaults(FaultPlan(rules: [FaultRule(.generate, fault, times: 1)]))
        try await caller.sendGenerate(1)
        await clock.sleepers(1)
        let second = try await other.generate(1, reward: Caller.otherReward).codes()
        clock.advance(by: .seconds(2))
        return try await (caller.answer().codes() + second).map(\.rewardId)
      }
      #expect(try await rewards(across: false) == [Caller.reward, Caller.otherReward])
      #expect(try await rewards(across: true) == [Caller.otherReward, Caller.reward])
    }
  }

  @Test("an answer that nobody comes to exchange goes out by itself")
  func notSwapped() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .swapped(seconds: 2))
      try await caller.sendGenerate(3)
      await clock.sleepers(1)
      clock.advance(by: .seconds(2))
      #expect(try await caller.answer().codes().map(\.id) == truth(caller).map(\.id))
    }
  }

  @Test(
    "an answer of the right length has some codes of before, whether or not theirs exist unseen"
  )
  func older() async throws {
    try await withSandbox { (caller) async throws in
      let old = try await caller.generate(4).codes().map(\.id)
      try caller.misbehave(.generate, .older(count: 2))
      let unmade = try await caller.generate(5).codes().map(\.id)
      #expect(unmade.count == 5)
      #expect(unmade.suffix(2) == old.suffix(2).reversed())
      #expect(truth(caller).count == 7)
      try caller.misbehave(.generate, .older(count: 2, made: true))
      let made = try await caller.generate(5).codes().map(\.id)
      #expect(made.count == 5)
      #expect(made.suffix(2) == truth(caller)[5..<7].map(\.id).reversed())
      #expect(truth(caller).count == 12)
      try caller.misbehave(.generate, .older(count: 2))
      let first = try await caller.generate(5, reward: Caller.otherReward).codes()
      #expect(Set(first.map(\.id)).count == 5)
    }
  }

  @Test("an answer is empty though its codes were made")
  func empty() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .short(by: 500, made: true))
      #expect(try await caller.generate(500).codes().isEmpty)
      #expect(truth(caller).count == 500)
    }
  }

  @Test("a request that is sent on twice makes codes twice, and the truth tells them apart")
  func resent() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .resent())
      let shown = try await caller.generate(2).codes().map(\.id)
      #expect(truth(caller).map(\.maker) == [.resent(1), .resent(1), .request(1), .request(1)])
      #expect(truth(caller).suffix(2).map(\.id) == shown)
      #expect(caller.sandbox.truth.requests().map(\.made) == [4])
      #expect(caller.sandbox.truth.codesByMaker == CodesByMaker(requests: 2, resent: 2))
    }
  }

  @Test("codes are made late, and the answer comes later or never")
  func slow() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .slow(seconds: 3, answer: 4))
      try await caller.sendGenerate(2)
      await clock.sleepers(1)
      #expect(truth(caller).isEmpty)
      clock.advance(by: .seconds(3))
      await clock.sleepers(1)
      #expect(truth(caller).count == 2)
      clock.advance(by: .seconds(4))
      let codes = try await caller.answer().codes()
      #expect(codes.map(\.createdAt) == Array(repeating: "2026-01-31T12:34:59.789Z", count: 2))
      try caller.misbehave(.generate, .slow(seconds: 3))
      try await caller.sendGenerate(1)
      await clock.sleepers(1)
      caller.hangUp()
      clock.advance(by: .seconds(3))
      while truth(caller).count < 3 { await Task.yield() }
      #expect(caller.sandbox.truth.requests().last?.answer == GenerateRequest.Answer.none)
    }
  }
}
