import Logging
import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("the API away")
struct APIOutageTests {
  private static let limits = Limits(
    requestsPerSecond: 10,
    burst: 5,
    maxInFlight: 8,
    maxInFlightPerReward: 2
  )

  /// How calls end while the API is away.
  enum Failure: CaseIterable {
    case timeouts, errors, noConnection
  }

  private static func scene(_ failure: Failure) -> ScriptedIssuer.Scene {
    switch failure {
    case .timeouts: .init(ending: .outcome(.unknown(.timeout)), latency: .seconds(30))
    case .errors:
      .init(ending: .outcome(.unknown(.status(500, code: "c", message: "m"))))
    case .noConnection: .init(ending: .outcome(.unsent(.noConnection("refused"))))
    }
  }

  /// A worker that is busy with many rewards meets an outage of an hour.
  /// - Parameter body: Gets the number of calls that the ledger has of that hour.
  private static func meetOutage(
    _ failure: Failure,
    teamAnswers: Bool,
    _ body: @escaping @Sendable (Trial, Int) async throws -> Void
  ) throws {
    let outage = Switch()
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { _, _ in
      outage.isOn ? scene(failure) : .init(latency: .milliseconds(200))
    }
    try Trial.run(.init(limits: limits, script: script)) { trial in
      // Few codes, all of which are checked after every request.
      trial.memory.change { ledger, _ in ledger.largestCall = 1 }
      for reward in 1...100 { trial.insert(500_000, of: reward) }
      trial.worker.wake()
      await trial.time.pass(.seconds(5))
      let before = trial.memory.ledger.calls.count
      #expect(before > 45)
      outage.isOn = true
      if !teamAnswers { trial.issuer.teamSays(Array(repeating: .unreachable("gone"), count: 121)) }
      await trial.time.pass(.seconds(3600))
      let during = trial.memory.ledger.calls.count - before
      outage.isOn = false
      trial.issuer.teamSays([])
      try await body(trial, during)
    }
  }

  @Test(
    "in an hour without one answer as many calls are made as were in flight, and two",
    arguments: Failure.allCases
  )
  func nothingAnswers(failure: Failure) throws {
    try Self.meetOutage(failure, teamAnswers: false) { trial, calls in
      #expect(calls <= Self.limits.maxInFlight + 2)
    }
  }

  @Test(
    "in an hour in which only the harmless request is answered, at most twenty more are made",
    arguments: Failure.allCases
  )
  func onlyTeamAnswers(failure: Failure) throws {
    try Self.meetOutage(failure, teamAnswers: true) { trial, calls in
      #expect(calls >= 8 && calls <= Self.limits.maxInFlight + 20)
    }
  }

  @Test("a key that is refused during an outage is said, once, and once that it is accepted again")
  func refusedKey() throws {
    try Self.meetOutage(.errors, teamAnswers: false) { trial, _ in
      let no = TeamAnswer.refused(code: "key_expired", message: "the key has expired")
      trial.issuer.teamSays(Array(repeating: no, count: 3))
      try await trial.until { $0.account.breaker == nil }
      await trial.time.pass(.seconds(60))
      let said = trial.log.lines("nothing is sent until this is resolved")
      #expect(said.count == 1 && said.first?.level == .warning)
      #expect(trial.log.lines("this is resolved").map(\.level) == [.notice])
    }
  }

  @Test("the fleet comes back slowly, and says once that the API went and once that it is back")
  func recovery() throws {
    try Self.meetOutage(.errors, teamAnswers: false) { trial, _ in
      try await trial.until { $0.account.breaker == nil }
      let back = trial.time.now
      await trial.time.pass(.seconds(10))
      let first = trial.issuer.requests.count { $0.at >= back }
      #expect(first >= 5 && first <= 14)
      await trial.time.pass(.seconds(300))
      let recovered = trial.time.now
      await trial.time.pass(.seconds(10))
      #expect(trial.issuer.requests.count { $0.at >= recovered } >= 95)
      let gone = trial.log.lines(
        "the API fails; no call is sent until it answers a harmless request"
      )
      #expect(gone.count == 1 && gone.first?.level == .warning)
      #expect(trial.log.lines("the API answers again").map(\.level) == [.notice])
      #expect(trial.log.lines("nothing is sent until this is resolved").isEmpty)
    }
  }
}
