import Testing

@testable import Sandbox

@Suite("latency, the rate limit and stopping")
struct LoadTests {
  @Test("codes come into being in the middle of an answer's latency")
  func latency() async throws {
    let clock = ManualTime()
    let configuration = SandboxConfiguration(latency: SandboxLatency(fixed: .seconds(4)))
    try await withSandbox(configuration, time: clock.time) { (caller) async throws in
      try await caller.sendGenerate(2)
      await clock.sleepers(1)
      #expect(caller.sandbox.truth.codes == 0)
      clock.advance(by: .seconds(2))
      await clock.sleepers(1)
      #expect(caller.sandbox.truth.codes == 2)
      #expect(caller.sandbox.truth.requests().first?.answer == GenerateRequest.Answer.none)
      clock.advance(by: .seconds(2))
      #expect(try await caller.answer().status == 201)
    }
  }

  @Test("jitter stays within its bounds and follows the seed")
  func jitter() {
    let latency = SandboxLatency(fixed: .milliseconds(10), jitter: .milliseconds(5))
    let dice = LatencyDice(latency, seed: 3)
    let pauses = (1...1000).map(dice.pause)
    #expect(pauses.allSatisfy { $0 >= .milliseconds(10) && $0 < .milliseconds(15) })
    #expect(Set(pauses).count > 900)
    #expect(pauses == (1...1000).map(LatencyDice(latency, seed: 3).pause))
  }

  @Test("a rate limit admits so many in any one second, and refused ones do not count")
  func rateLimit() async throws {
    let clock = ManualTime()
    let configuration = SandboxConfiguration(requestsPerSecond: 3)
    try await withSandbox(configuration, time: clock.time) { (caller) async throws in
      func statuses(_ count: Int) async throws -> [Int?] {
        var statuses: [Int?] = []
        for _ in 0..<count { statuses.append(try await caller.generate(1).status) }
        return statuses
      }
      #expect(try await statuses(2) == [201, 201])
      clock.advance(by: .milliseconds(600))
      #expect(try await statuses(3) == [201, 429, 429])
      clock.advance(by: .milliseconds(399))
      let refused = try await caller.generate(1)
      #expect(refused.status == 429)
      #expect(refused.headers["retry-after"] == "1")
      #expect(try refused.decoded(ErrorShown.self).code == "rate_limited")
      clock.advance(by: .milliseconds(1))
      #expect(try await statuses(3) == [201, 201, 429])
      let team = try await caller.call("GET", "/v1/team")
      #expect(team.status == 429)
      let truth = try await caller.call("GET", "/sandbox/truth")
      #expect(truth.status == 200)
      #expect(caller.sandbox.truth.codes == 5)
      #expect(caller.sandbox.truth.generateRequests == 9)
    }
  }

  @Test("a graceful stop ends requests that a fault is holding back")
  func stopping() async throws {
    // The clock stands still, so only the stop itself can end these; `withSandbox` waits for that.
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .hang(seconds: 1000))
      try await caller.sendGenerate(1)
      await clock.sleepers(1)
      let other = Caller(caller.sandbox, port: caller.port)
      try caller.misbehave(.generate, .latency(seconds: 1000))
      try await other.sendGenerate(1)
      await clock.sleepers(2)
    }
  }

  @Test("one connection serves request after request, and pipelined ones too")
  func keepAlive() async throws {
    try await withSandbox { (caller) async throws in
      for _ in 0..<3 { try await caller.sendGenerate(1) }
      for _ in 0..<3 {
        let answer = try await caller.answer()
        #expect(answer.status == 201)
      }
      #expect(caller.sandbox.truth.codes == 3)
    }
  }
}
