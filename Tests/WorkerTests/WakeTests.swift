import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("what makes a worker claim")
struct WakeTests {
  @Test("a wake leads to a claim at once")
  func wake() throws {
    try Trial.run(.init(poll: .seconds(3600))) { trial in
      await trial.time.pass(.seconds(5))
      trial.insert(5)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let sent = try #require(trial.issuer.requests.first)
      #expect(sent.at - trial.start < .milliseconds(5010))
    }
  }

  @Test("a flood of wakes is one claim each few milliseconds, and none of them is lost")
  func hail() throws {
    try Trial.run(.init(poll: .seconds(3600))) { trial in
      await trial.time.pass(.seconds(5))
      let before = trial.store.entries(.claim).count
      for _ in 0..<1000 {
        trial.worker.wake()
        await trial.time.pass(.microseconds(100))
      }
      #expect(trial.store.entries(.claim).count - before <= 21)
      trial.insert(5)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let sent = try #require(trial.issuer.requests.first)
      #expect(sent.at - trial.start < .milliseconds(5120))
    }
  }

  @Test("work is found by polling when nobody wakes")
  func poll() throws {
    try Trial.run(.init(poll: .seconds(5))) { trial in
      await trial.time.pass(.seconds(7))
      trial.insert(5)
      try await trial.untilAllCompleted()
      let sent = try #require(trial.issuer.requests.first)
      #expect(sent.at - trial.start < .milliseconds(12_010))
    }
  }

  @Test("a job's run_at comes without a wake")
  func runAt() throws {
    try Trial.run(.init(poll: .seconds(3600))) { trial in
      trial.insert(5, delay: .seconds(30))
      trial.worker.wake()
      try await trial.untilAllCompleted()
      let sent = try #require(trial.issuer.requests.first).at - trial.start
      #expect(sent >= .seconds(30) && sent < .milliseconds(30_200))
    }
  }

  @Test("a job that comes while lanes are free does not wait for those that are busy")
  func freeLanes() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
      .init(latency: number == 1 ? .seconds(25) : .milliseconds(10))
    }
    try Trial.run(.init(poll: .seconds(3600), script: script)) { trial in
      trial.insert(5)
      trial.worker.wake()
      await trial.time.pass(.seconds(1))
      let second = trial.insert(5, of: 2)
      trial.worker.wake()
      try await trial.until(within: .seconds(1)) { $0.jobs[second]?.state == .completed }
    }
  }

  /// Reasons why nothing can be claimed.
  enum Standstill: CaseIterable {
    case noJobs, blocked, closedReward, pausedReward, pausedAccount, farAway, busy
  }

  @Test("there is no hot loop when nothing can be claimed", arguments: Standstill.allCases)
  func idle(standstill: Standstill) throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { _, _ in
      switch standstill {
      case .noJobs, .farAway: .init()
      case .blocked: .init(ending: .outcome(refusal(.credentials, 401)))
      case .closedReward: .init(ending: .outcome(.unknown(.timeout)))
      case .pausedReward: .init(ending: .outcome(refusal(.forbidden, 403)))
      case .pausedAccount: .init(ending: .outcome(refusal(.pace(pause: .seconds(3600)), 429)))
      case .busy: .init(latency: .seconds(3700))
      }
    }
    let limits = Limits(
      requestsPerSecond: 100,
      burst: 1,
      maxInFlight: 1,
      maxInFlightPerReward: 1
    )
    try Trial.run(.init(limits: limits, script: script)) { trial in
      trial.issuer.teamSays(
        standstill == .blocked
          ? Array(repeating: .refused(code: "no", message: "key"), count: 1000) : []
      )
      if standstill != .noJobs {
        trial.insert(100_000, delay: standstill == .farAway ? .seconds(40_000) : .zero)
      }
      trial.worker.wake()
      await trial.time.pass(.seconds(3600))
      // A poll is one heartbeat and one claim every 5 s; a lease is renewed as often.
      #expect(trial.store.entries(.heartbeat).count <= 1000)
      #expect(trial.store.entries(.claim).count <= 1100)
      #expect(trial.store.entries.count <= 3000)
      #expect(trial.log.lines.count <= 300)
      #expect(trial.issuer.requests.count <= 20)
      #expect(trial.progress >= 1800)
    }
  }
}

/// A refusal with this status.
func refusal(_ scope: Rejection.Scope, _ status: Int) -> CallOutcome {
  .rejected(Rejection(scope: scope, code: "c\(status)", message: "m\(status)"))
}
