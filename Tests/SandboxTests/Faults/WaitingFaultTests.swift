import Testing

@testable import Sandbox

@Suite("answers that do not come, or late")
struct WaitingFaultTests {
  /// Waits until the sandbox has made this many codes, which the clock does not tell.
  private func made(_ count: Int, _ caller: Caller) async {
    while caller.sandbox.truth.codes < count { await Task.yield() }
  }

  @Test("latency by fault adds to the configured one")
  func latency() async throws {
    let clock = ManualTime()
    let configuration = SandboxConfiguration(latency: SandboxLatency(fixed: .seconds(2)))
    try await withSandbox(configuration, time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .latency(seconds: 4))
      try await caller.sendGenerate(1)
      await clock.sleepers(1)
      clock.advance(by: .seconds(3))
      await clock.sleepers(1)
      #expect(caller.sandbox.truth.codes == 1)
      clock.advance(by: .seconds(3))
      #expect(try await caller.answer().status == 201)
    }
  }

  @Test("a hang before making makes nothing if the client hangs up")
  func hangBefore() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .hang(made: .none, seconds: 60))
      try await caller.sendGenerate(3)
      await clock.sleepers(1)
      caller.hangUp()
      try await noSleepers(clock)
      clock.advance(by: .seconds(120))
      try caller.misbehave(.generate)
      _ = try await caller.generate(1)
      #expect(caller.sandbox.truth.requests().map(\.made) == [0, 1])
      #expect(caller.sandbox.truth.requests()[0].answer == GenerateRequest.Answer.none)
    }
  }

  @Test("a hang after making has made the codes though nobody is answered")
  func hangAfter() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .hang(made: .all))
      try await caller.sendGenerate(3)
      await made(3, caller)
      caller.hangUp()
      #expect(caller.sandbox.truth.requests().map(\.made) == [3])
      #expect(caller.sandbox.truth.requests()[0].status == nil)
    }
  }

  @Test("a hang of some seconds ends in the true answer for a client that has waited")
  func patientClient() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      for made in [Making.none, .all, .part(1)] {
        try caller.misbehave(.generate, .hang(made: made, seconds: 60))
        try await caller.sendGenerate(3)
        await clock.sleepers(1)
        clock.advance(by: .seconds(60))
        let answer = try await caller.answer()
        #expect(answer.status == 201)
        #expect(try answer.codes().count == 3)
      }
      #expect(caller.sandbox.truth.codes == 9)
      #expect(Set(caller.sandbox.truth.ids(ofReward: Caller.reward)).count == 9)
    }
  }

  @Test("codes are made some seconds after the client hung up")
  func generateLate() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .generateLate(seconds: 7))
      try await caller.sendGenerate(3, prefix: "LATE")
      while caller.sandbox.truth.requests().first?.count == nil { await Task.yield() }
      #expect(caller.sandbox.truth.codes == 0)
      caller.hangUp()
      await clock.sleepers(1)
      clock.advance(by: .milliseconds(6999))
      #expect(caller.sandbox.truth.codes == 0)
      clock.advance(by: .milliseconds(1))
      await made(3, caller)
      let listed = try await caller.list().data()
      #expect(listed.map(\.createdAt) == Array(repeating: "2026-01-31T12:35:03.789Z", count: 3))
      #expect(caller.sandbox.truth.made(ofReward: Caller.reward).map(\.request) == [1, 1, 1])
      #expect(caller.sandbox.truth.requests()[0].answer == GenerateRequest.Answer.none)
    }
  }

  @Test("a listing can hang until the client gives up, or end in the true answer")
  func listing() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      _ = try await caller.generate(2)
      try caller.misbehave(.list, .hang(seconds: 9))
      try await caller.send("GET", "/v1/rewards/\(Caller.reward)/codes")
      await clock.sleepers(1)
      clock.advance(by: .seconds(9))
      let answer = try await caller.answer()
      #expect(try answer.data().count == 2)
    }
  }

  private func noSleepers(_ clock: ManualTime) async throws {
    while clock.sleeping > 0 { await Task.yield() }
  }
}
