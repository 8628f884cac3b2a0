import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("how a call ends in the ledger")
struct OutcomeTests {
  /// One row of the table in `SettlementRule`.
  struct Expectation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let outcome: CallOutcome
    var team: TeamAnswer = .accepted
    let call: CallState
    var job = JobState.running
    var isClosed = false
    var pause: PauseReason?
    var isBlocked = false
    var rewardFailures = 0
  }

  private static let table: [Expectation] = [
    Expectation(
      testDescription: "no connection",
      outcome: .unsent(.noConnection("refused")),
      call: .unsent,
      pause: .unreachable
    ),
    Expectation(testDescription: "lease lost", outcome: .unsent(.leaseLost), call: .unsent),
    Expectation(
      testDescription: "refused request",
      outcome: refusal(.request, 404),
      call: .rejected,
      job: .failed
    ),
    Expectation(
      testDescription: "refused key",
      outcome: refusal(.credentials, 401),
      call: .rejected,
      isBlocked: true
    ),
    Expectation(
      testDescription: "refused reward",
      outcome: refusal(.forbidden, 403),
      call: .rejected,
      rewardFailures: 1
    ),
    Expectation(
      testDescription: "refused team",
      outcome: refusal(.forbidden, 403),
      team: .refused(code: "team", message: "gone"),
      call: .rejected,
      isBlocked: true
    ),
    Expectation(
      testDescription: "too fast",
      outcome: refusal(.pace(pause: .seconds(100)), 429),
      call: .rejected,
      pause: .throttled
    ),
    Expectation(
      testDescription: "timeout",
      outcome: .unknown(.timeout),
      call: .inDoubt,
      isClosed: true,
      pause: .failing
    ),
    Expectation(
      testDescription: "connection lost",
      outcome: .unknown(.connectionLost("reset")),
      call: .inDoubt,
      isClosed: true,
      pause: .failing
    ),
    Expectation(
      testDescription: "server error",
      outcome: .unknown(.status(500, code: "c", message: "m")),
      call: .inDoubt,
      isClosed: true,
      pause: .failing
    ),
    Expectation(
      testDescription: "unreadable",
      outcome: .unknown(.unreadable("cut")),
      call: .inDoubt,
      isClosed: true,
      pause: .failing
    ),
    Expectation(
      testDescription: "too large",
      outcome: .unknown(.tooLarge),
      call: .inDoubt,
      isClosed: true,
      pause: .failing
    ),
  ]

  @Test("as the table of the settlement rule says", arguments: table)
  func ends(expectation: Expectation) throws {
    // Only the first call is examined: the others take longer than that.
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
      number == 1
        ? .init(ending: .outcome(expectation.outcome)) : .init(latency: .seconds(5))
    }
    let alone = Limits(
      requestsPerSecond: 100,
      burst: 1,
      maxInFlight: 1,
      maxInFlightPerReward: 1
    )
    try Trial.run(.init(limits: alone, script: script)) { trial in
      trial.issuer.teamSays(Array(repeating: expectation.team, count: 9))
      let id = trial.insert(100)
      trial.worker.wake()
      try await trial.until { ledger in ledger.calls.values.contains { $0.state != .sending } }
      let ledger = trial.memory.ledger
      let call = try #require(ledger.calls.values.first { $0.state != .sending })
      #expect(call.state == expectation.call)
      #expect(try trial.job(id).state == expectation.job)
      let reward = try #require(ledger.rewards[Samples.reward(1)])
      #expect((reward.closedAt != nil) == expectation.isClosed)
      #expect(reward.failures == expectation.rewardFailures)
      #expect(ledger.account.pauseReason == expectation.pause)
      #expect((ledger.account.blockedAt != nil) == expectation.isBlocked)
    }
  }

  @Test("short and empty answers are asked for again until the job is full")
  func inexact() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, call in
      switch number {
      case 1, 3: .init(ending: .codes(0))
      case 2: .init(ending: .codes(call.size / 2))
      default: .init()
      }
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      trial.insert(1000)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.memory.ledger.watches[Samples.reward(1)]?.since != nil)
    }
  }

  @Test("rule 7: the reward's previous 201 is no answer to the next call, and the log says so")
  func previousAnswer() throws {
    let codes = CodeMint().make(500, of: Samples.reward(1))
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
      number <= 2
        ? .init(ending: .outcome(.issued(Answer(codes: codes, nulls: 0, body: [])))) : .init()
    }
    try Trial.run(.init(script: script)) { trial in
      let id = trial.insert(1000)
      trial.worker.wake()
      try await trial.until { $0.calls.values.contains { $0.errorCode == "answer_repeated" } }
      let job = try trial.job(id)
      #expect(job.issued == 500 && job.outstanding == 500)
      let doubt =
        "the answer does not prove all that was asked for: the call is in doubt for the rest"
      #expect(trial.log.lines(doubt).count == 1)
    }
  }

  @Test("rule 7: what a short answer kept back is found by a listing that cannot be out of date")
  func keptBack() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
      number == 1 ? .init(ending: .shown(490)) : .init()
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      trial.insert(500)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.issuer.requests.count == 1 && trial.issuer.codesMade == 500)
      // reconcile.listing_gap_seconds is 10 here.
      #expect(trial.time.now - trial.start >= .seconds(10))
    }
  }

  @Test("an account that was refused sends again once a probe is accepted")
  func probes() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
      number == 1 ? .init(ending: .outcome(refusal(.credentials, 401))) : .init()
    }
    try Trial.run(.init(script: script)) { trial in
      let no = TeamAnswer.refused(code: "no", message: "key")
      trial.issuer.teamSays([no, .unreachable("gone"), no])
      trial.insert(700)
      trial.worker.wake()
      try await trial.untilAllCompleted()
      #expect(trial.issuer.teamChecks == 4)
      #expect(trial.log.lines("the API accepts the account again").count == 1)
      #expect(trial.elapsed > .seconds(90) && trial.elapsed < .seconds(120))
    }
  }

  @Test("an answer that the ledger cannot store is kept as bytes and does not block the others")
  func unstorable() throws {
    let bad = Answer(
      codes: [CodeMint.code(1_000_000, of: Samples.reward(1), text: "CODE-\u{0}")],
      nulls: 0,
      body: Array("raw".utf8)
    )
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { number, _ in
      number == 1 ? .init(ending: .outcome(.issued(bad))) : .init()
    }
    try Trial.run(.init(script: script)) { trial in
      trial.insert(1)
      trial.worker.wake()
      try await trial.until { !$0.answers.isEmpty }
      let other = trial.insert(600, of: 2)
      trial.worker.wake()
      try await trial.until { $0.jobs[other]?.state == .completed }
      let ledger = trial.memory.ledger
      let call = try #require(ledger.answers.keys.first)
      #expect(ledger.calls[call]?.state == .inDoubt && ledger.answers[call] == bad.body)
      #expect(trial.log.lines("answer kept as bytes: the database refused its content").count == 1)
    }
  }

  @Test("a refusal whose text cannot be stored is stored in plain characters")
  func plainText() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { _, _ in
      let rejection = Rejection(scope: .request, code: "a\u{0}b", message: "no\u{0}")
      return .init(ending: .outcome(.rejected(rejection)))
    }
    try Trial.run(.init(script: script)) { trial in
      let id = trial.insert(1)
      trial.worker.wake()
      try await trial.until { $0.jobs[id]?.state == .failed }
      #expect(try trial.job(id).errorCode == "a?b")
    }
  }
}
