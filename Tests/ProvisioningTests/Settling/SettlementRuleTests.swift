import Provisioning
import Testing

@Suite("From a call's ending to what is recorded: every row of the table")
struct SettlementRuleTests {
  static let call = Samples.call(size: 3)
  static let codes = (0..<3).map { Samples.code($0) }

  static func settle(
    _ outcome: CallOutcome,
    status: Int? = nil,
    team: TeamAnswer? = nil,
    failures: FailureCounts = .none,
    seed: UInt64 = 1
  ) -> Settlement {
    var random = SeededRandom(seed: seed)
    return SettlementRule.settle(
      call,
      by: Samples.worker,
      report: CallReport(outcome: outcome, httpStatus: status, duration: .milliseconds(40)),
      team: team,
      failures: failures,
      random: &random
    )
  }

  static func rejected(_ scope: Rejection.Scope, status: Int) -> CallOutcome {
    .rejected(Rejection(scope: scope, status: status, code: "the_code", message: "The message."))
  }

  @Test("unsent for want of a connection: the call is given back and everyone backs off")
  func noConnection() {
    let settlement = Self.settle(.unsent(.noConnection("refused")))
    #expect(settlement.result == .unsent)
    #expect(settlement.errorCode == "unreachable" && settlement.errorMessage == "refused")
    #expect(settlement.job == .goesOn && settlement.reward == .none)
    #expect(settlement.account.pause(for: .unreachable) != nil)
  }

  @Test("rule 8: the bytes of an answer that could not be read are recorded with the doubt")
  func unreadableBytes() {
    var random = SeededRandom(seed: 1)
    let settlement = SettlementRule.settle(
      Self.call,
      by: Samples.worker,
      report: CallReport(
        outcome: .unknown(.unreadable("not JSON")),
        httpStatus: 201,
        duration: .zero,
        rawAnswer: Array(repeating: 7, count: Bounds.unreadableAnswerBytes + 1)
      ),
      team: nil,
      failures: .none,
      random: &random
    )
    #expect(settlement.result == .inDoubt)
    #expect(settlement.rawAnswer?.count == Bounds.unreadableAnswerBytes)
  }

  @Test("unsent for another reason: the call is given back and nobody waits")
  func otherwiseUnsent() {
    for (reason, code) in [(UnsentReason.leaseLost, "lease_lost"), (.draining, "draining")] {
      let settlement = Self.settle(.unsent(reason))
      #expect(settlement.result == .unsent && settlement.errorCode == code)
      #expect(settlement.errorMessage?.isEmpty == false)
      #expect(settlement.job == .goesOn && settlement.reward == .none)
      #expect(settlement.account == .none)
    }
  }

  @Test("issued, exact: the codes are recorded and everything is proven")
  func exact() {
    let settlement = Self.settle(.issued(Samples.answer(Self.codes)), status: 201)
    #expect(settlement.result == .issued && settlement.codes == Self.codes)
    #expect(settlement.strays.isEmpty && settlement.received == 3 && settlement.httpStatus == 201)
    #expect(settlement.errorCode == nil && settlement.errorMessage == nil)
    #expect(settlement.reward == .proven && settlement.account == .proven)
    #expect(settlement.rawAnswer == nil)
  }

  @Test("issued, not exact: what is there is recorded, the reward is watched")
  func notExact() {
    let foreign = Samples.code(9, reward: Samples.otherReward)
    let answers: [(answer: Answer, codes: [IssuedCode], strays: [IssuedCode])] = [
      (Samples.answer([]), [], []),
      (Samples.answer([], nulls: 3), [], []),
      (Samples.answer([Self.codes[0]], nulls: 2), [Self.codes[0]], []),
      (Samples.answer(Self.codes + [Samples.code(3)]), Self.codes + [Samples.code(3)], []),
      (Samples.answer(Self.codes + [Self.codes[1]]), Self.codes, []),
      (Samples.answer([Self.codes[0], foreign]), [Self.codes[0]], [foreign]),
    ]
    for (answer, codes, strays) in answers {
      let settlement = Self.settle(.issued(answer), status: 201)
      #expect(settlement.result == .issued)
      #expect(settlement.codes == codes && settlement.strays == strays)
      #expect(settlement.received == answer.codes.count + answer.nulls)
      #expect(settlement.reward == .watched && settlement.account == .proven)
      #expect(settlement.job.pauseIfStalled != nil)
    }
  }

  @Test("an answer without progress lets the job pause longer each time, within bounds")
  func stalledPause() {
    for stalls in 0...100 {
      let failures = FailureCounts(job: stalls, reward: 50, account: 50)
      let settlement = Self.settle(.issued(Samples.answer([])), failures: failures)
      let pause = settlement.job.pauseIfStalled ?? .seconds(-1)
      #expect(pause >= .zero && pause <= Backoff.job.ceiling(failures: stalls + 1))
    }
  }

  @Test(
    "rejected for the request: the job fails with the API's own words",
    arguments: [400, 404, 422, 308]
  )
  func request(status: Int) {
    let settlement = Self.settle(Self.rejected(.request, status: status), status: status)
    #expect(settlement.result == .rejected && settlement.httpStatus == status)
    #expect(settlement.job == .fails(code: "the_code", message: "The message."))
    #expect(settlement.errorCode == "the_code" && settlement.errorMessage == "The message.")
    #expect(settlement.reward == .none && settlement.account == .proven)
    #expect(settlement.codes.isEmpty && settlement.received == nil)
  }

  @Test("rejected for the key: the account is blocked and no job fails")
  func credentials() {
    for team in [nil, TeamAnswer.accepted, .unreachable("reset")] {
      let settlement = Self.settle(Self.rejected(.credentials, status: 401), team: team)
      #expect(settlement.result == .rejected && settlement.job == .goesOn)
      #expect(settlement.reward == .none)
      #expect(settlement.account == .blocked(code: "the_code", message: "The message."))
    }
  }

  @Test("forbidden, and the team is refused too: the account is blocked, in the team's words")
  func forbiddenTeam() {
    let team = TeamAnswer.refused(code: "key_revoked", message: "The key was revoked.")
    let settlement = Self.settle(Self.rejected(.forbidden, status: 403), team: team)
    #expect(settlement.result == .rejected && settlement.job == .goesOn)
    #expect(settlement.reward == .none)
    #expect(settlement.account == .blocked(code: "key_revoked", message: "The key was revoked."))
  }

  @Test("forbidden, and nothing says that the key is refused: only that reward waits")
  func forbiddenReward() {
    for team in [nil, TeamAnswer.accepted, .unreachable("reset")] {
      for refusals in 0...20 {
        let settlement = Self.settle(
          Self.rejected(.forbidden, status: 403),
          team: team,
          failures: FailureCounts(job: 0, reward: refusals, account: 0),
          seed: UInt64(refusals)
        )
        #expect(settlement.result == .rejected && settlement.job == .goesOn)
        #expect(settlement.account == .proven)
        let pause = settlement.reward.refusalPause ?? .seconds(-1)
        #expect(pause >= .zero && pause <= Backoff.reward.ceiling(failures: refusals + 1))
      }
    }
  }

  @Test("too fast: everyone waits as long as was asked for")
  func paceAsked() {
    for asked in [Duration.zero, .milliseconds(1), .seconds(7), .seconds(3600)] {
      let settlement = Self.settle(Self.rejected(.pace(pause: asked), status: 429), status: 429)
      #expect(settlement.result == .rejected && settlement.job == .goesOn)
      #expect(settlement.reward == .none)
      #expect(settlement.account == .paused(asked, reason: .throttled))
    }
  }

  @Test("too fast: a pause asked for beyond the longest is cut to it")
  func paceCapped() {
    for asked in [Duration.seconds(3601), .seconds(1_000_000), .seconds(Int64.max)] {
      let settlement = Self.settle(Self.rejected(.pace(pause: asked), status: 429))
      #expect(settlement.account == .paused(Bounds.longestPause, reason: .throttled))
    }
  }

  @Test("too fast, and no pause is stated: everyone backs off")
  func paceUnstated() {
    for failures in 0...100 {
      let settlement = Self.settle(
        Self.rejected(.pace(pause: nil), status: 429),
        failures: FailureCounts(job: 0, reward: 0, account: failures)
      )
      let pause = settlement.account.pause(for: .throttled) ?? .seconds(-1)
      #expect(pause >= .zero && pause <= Backoff.api.ceiling(failures: failures + 1))
    }
  }

  static let doubts: [(reason: DoubtReason, code: String)] = [
    (.timeout, "timeout"), (.connectionLost("reset"), "connection_lost"),
    (.status(503, code: "http_503", message: "Service Unavailable"), "http_503"),
    (.unreadable("not JSON"), "unreadable_answer"), (.tooLarge, "answer_too_large"),
    (.unstorable("a zero byte"), "unstorable_answer"),
  ]

  @Test("unknown: the call is in doubt, its reward closed, everyone backs off")
  func unknown() {
    for (reason, code) in Self.doubts {
      for failures in 0..<Bounds.breakerFailures - 1 {
        let counts = FailureCounts(job: 0, reward: 0, account: failures)
        let settlement = Self.settle(.unknown(reason), failures: counts)
        #expect(settlement.result == .inDoubt && settlement.job == .goesOn)
        #expect(settlement.reward == .closed && settlement.codes.isEmpty)
        #expect(settlement.errorCode == code && settlement.errorMessage?.isEmpty == false)
        let pause = settlement.account.pause(for: .failing) ?? .seconds(-1)
        #expect(pause >= .zero && pause <= Backoff.api.ceiling(failures: failures + 1))
      }
    }
  }

  @Test("from the failure on that opens the breaker, pauses have a least length too")
  func breaker() {
    for failures in Bounds.breakerFailures - 1...20 {
      for seed in 0..<20 as Range<UInt64> {
        let counts = FailureCounts(job: 0, reward: 0, account: failures)
        let settlement = Self.settle(.unknown(.timeout), failures: counts, seed: seed)
        let longest = Backoff.breaker.ceiling(failures: failures + 2 - Bounds.breakerFailures)
        let pause = settlement.account.pause(for: .failing) ?? .zero
        #expect(pause >= longest / 2 && pause <= longest)
      }
    }
  }

  @Test(
    "a 5xx: in doubt as well, and a failure that may be the reward's own",
    arguments: [500, 503]
  )
  func failed(status: Int) {
    let reason = DoubtReason.status(status, code: "http_\(status)", message: "down")
    for failures in 0..<Bounds.rewardRefusals {
      let counts = FailureCounts(job: 0, reward: failures, account: 0)
      let settlement = Self.settle(.unknown(reason), status: status, failures: counts)
      #expect(settlement.result == .inDoubt && settlement.account.pause(for: .failing) != nil)
      guard case .failed(let pause) = settlement.reward else {
        Issue.record("\(settlement.reward)")
        continue
      }
      #expect(pause <= Backoff.reward.ceiling(failures: failures + 1))
    }
  }

  @Test("an answer that the database refuses: in doubt, closed, the answer kept, nobody waits")
  func unstorable() {
    let answer = Samples.answer(Self.codes)
    let issued = Self.settle(.issued(answer), status: 201)
    let settlement = SettlementRule.unstorable(issued, answer: answer, cause: "a zero byte")
    #expect(settlement.result == .inDoubt && settlement.errorCode == "unstorable_answer")
    #expect(settlement.httpStatus == 201 && settlement.duration == issued.duration)
    #expect(settlement.codes.isEmpty && settlement.strays.isEmpty)
    #expect(settlement.rawAnswer == answer.body)
    #expect(settlement.job == .goesOn && settlement.reward == .closed)
    #expect(settlement.account == .none)
  }

  @Test("every settlement carries the whole call, its worker and its duration")
  func wholeCall() {
    let outcomes: [CallOutcome] = [
      .unsent(.leaseLost), .issued(Samples.answer(Self.codes)), .unknown(.timeout),
      Self.rejected(.credentials, status: 401),
    ]
    for outcome in outcomes {
      let settlement = Self.settle(outcome)
      #expect(settlement.call == Self.call && settlement.worker == Samples.worker)
      #expect(settlement.duration == .milliseconds(40))
    }
  }

  @Test("only an ending that proves something frees the call's room")
  func room() {
    #expect(!Self.settle(.unsent(.draining)).result.holdsRoom)
    #expect(!Self.settle(.issued(Samples.answer([]))).result.holdsRoom)
    #expect(!Self.settle(Self.rejected(.request, status: 404)).result.holdsRoom)
    for (reason, _) in Self.doubts {
      #expect(Self.settle(.unknown(reason)).result.holdsRoom)
    }
  }
}

extension JobEffect {
  fileprivate var pauseIfStalled: Duration? {
    if case .goesOnIfNew(let pause) = self { pause } else { nil }
  }
}

extension RewardEffect {
  fileprivate var refusalPause: Duration? {
    if case .refused(let pause, "the_code", "The message.") = self { pause } else { nil }
  }
}

extension AccountEffect {
  fileprivate func pause(for wanted: PauseReason) -> Duration? {
    if case .paused(let pause, wanted) = self { pause } else { nil }
  }
}
