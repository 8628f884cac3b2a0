import MemoryStore
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
    feedback: PaceFeedback? = nil
  ) -> Settlement {
    SettlementRule.settle(
      call,
      by: Samples.worker,
      lengths: Samples.lengths,
      report: CallReport(
        outcome: outcome,
        httpStatus: status,
        duration: .milliseconds(40),
        feedback: feedback
      ),
      team: team,
      jitter: 0.25
    )
  }

  static func rejected(_ scope: Rejection.Scope, status: Int) -> CallOutcome {
    .rejected(Rejection(scope: scope, code: "the_code", message: "The message."))
  }

  @Test("unsent for want of a connection: the call is given back and everyone backs off")
  func noConnection() {
    let settlement = Self.settle(.unsent(.noConnection("refused")))
    #expect(settlement.result == .unsent)
    #expect(settlement.errorCode == "unreachable" && settlement.errorMessage == "refused")
    #expect(settlement.job == .proceeds && settlement.reward == .none)
    #expect(settlement.account == .unreachable)
  }

  @Test("rule 8: the bytes of an answer that could not be read are recorded with the doubt")
  func unreadableBytes() {
    let settlement = SettlementRule.settle(
      Self.call,
      by: Samples.worker,
      lengths: Samples.lengths,
      report: CallReport(
        outcome: .unknown(.unreadable("not JSON")),
        httpStatus: 201,
        duration: .zero,
        rawAnswer: Array(repeating: 7, count: Bounds.unreadableAnswerBytes + 1)
      ),
      team: nil,
      jitter: 0
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
      #expect(settlement.job == .proceeds && settlement.reward == .none)
      #expect(settlement.account == .none)
    }
  }

  @Test("issued, exact: the codes are recorded and everything is proven")
  func exact() {
    let settlement = Self.settle(.issued(Samples.answer(Self.codes)), status: 201)
    #expect(settlement.result == .issued && settlement.codes == Self.codes)
    #expect(
      settlement.unattributed.isEmpty && settlement.received == 3 && settlement.httpStatus == 201
    )
    #expect(settlement.errorCode == nil && settlement.errorMessage == nil)
    #expect(settlement.reward == .proven && settlement.account == .proven)
    #expect(settlement.rawAnswer == nil)
  }

  @Test("issued, not exact: what is there is recorded, the reward is watched")
  func notExact() {
    let foreign = Samples.code(9, reward: Samples.otherReward)
    let answers: [(answer: Answer, codes: [IssuedCode], unattributed: [IssuedCode])] = [
      (Samples.answer([]), [], []),
      (Samples.answer([], nulls: 3), [], []),
      (Samples.answer([Self.codes[0]], nulls: 2), [Self.codes[0]], []),
      (Samples.answer(Self.codes + [Samples.code(3)]), Self.codes + [Samples.code(3)], []),
      (Samples.answer(Self.codes + [Self.codes[1]]), Self.codes, []),
      (Samples.answer([Self.codes[0], foreign]), [Self.codes[0]], [foreign]),
    ]
    for (answer, codes, unattributed) in answers {
      let settlement = Self.settle(.issued(answer), status: 201)
      #expect(settlement.result == .issued)
      #expect(settlement.codes == codes && settlement.unattributed == unattributed)
      #expect(settlement.received == answer.codes.count + answer.nulls)
      #expect(settlement.reward == .none && settlement.account == .proven)
      #expect(settlement.job == .proceeds)
    }
  }

  @Test(
    "rejected for the request: the job fails with the API's own words",
    arguments: [400, 404, 422, 308]
  )
  func request(status: Int) {
    let settlement = Self.settle(Self.rejected(.request, status: status), status: status)
    #expect(settlement.result == .rejected && settlement.httpStatus == status)
    #expect(settlement.job == .fails)
    #expect(settlement.errorCode == "the_code" && settlement.errorMessage == "The message.")
    #expect(settlement.reward == .none && settlement.account == .proven)
    #expect(settlement.codes.isEmpty && settlement.received == nil)
  }

  @Test("rejected for the key: the account is blocked and no job fails")
  func credentials() {
    for team in [nil, TeamAnswer.accepted, .unreachable("reset")] {
      let settlement = Self.settle(Self.rejected(.credentials, status: 401), team: team)
      #expect(settlement.result == .rejected && settlement.job == .proceeds)
      #expect(settlement.reward == .none)
      #expect(settlement.account == .blocked(code: "the_code", message: "The message."))
    }
  }

  @Test("forbidden, and the team is refused too: the account is blocked, in the team's words")
  func forbiddenTeam() {
    let team = TeamAnswer.refused(code: "key_revoked", message: "The key was revoked.")
    let settlement = Self.settle(Self.rejected(.forbidden, status: 403), team: team)
    #expect(settlement.result == .rejected && settlement.job == .proceeds)
    #expect(settlement.reward == .none)
    #expect(settlement.account == .blocked(code: "key_revoked", message: "The key was revoked."))
  }

  @Test("forbidden, and nothing says that the key is refused: only that reward waits")
  func forbiddenReward() {
    for team in [nil, TeamAnswer.accepted, .unreachable("reset")] {
      let settlement = Self.settle(Self.rejected(.forbidden, status: 403), team: team)
      #expect(settlement.result == .rejected && settlement.job == .proceeds)
      #expect(settlement.reward == .refused && settlement.errorCode == "the_code")
      #expect(settlement.errorMessage == "The message.")
      #expect(settlement.account == .proven)
    }
  }

  @Test("too fast: everyone waits, and what was asked for is passed on")
  func pace() {
    for asked in [nil, Duration.zero, .milliseconds(1), .seconds(7), .seconds(Int64.max)] {
      let settlement = Self.settle(Self.rejected(.pace(pause: asked), status: 429), status: 429)
      #expect(settlement.result == .rejected && settlement.job == .proceeds)
      #expect(settlement.reward == .none)
      #expect(settlement.account == .throttled(asked: asked))
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
      let settlement = Self.settle(.unknown(reason))
      #expect(settlement.result == .inDoubt && settlement.job == .proceeds)
      #expect(settlement.reward == .closed && settlement.codes.isEmpty)
      #expect(settlement.errorCode == code && settlement.errorMessage?.isEmpty == false)
      #expect(settlement.account == .failing)
    }
  }

  @Test(
    "a 5xx: in doubt as well, and a failure that may be the reward's own",
    arguments: [500, 503]
  )
  func failed(status: Int) {
    let reason = DoubtReason.status(status, code: "http_\(status)", message: "down")
    let settlement = Self.settle(.unknown(reason), status: status)
    #expect(settlement.result == .inDoubt && settlement.account == .failing)
    #expect(settlement.reward == .failed)
  }

  @Test("an answer that the database refuses: in doubt, closed, the answer kept, nobody waits")
  func unstorable() {
    let answer = Samples.answer(Self.codes)
    let issued = Self.settle(.issued(answer), status: 201)
    let settlement = SettlementRule.unstorable(issued, answer: answer, cause: "a zero byte")
    #expect(settlement.result == .inDoubt && settlement.errorCode == "unstorable_answer")
    #expect(settlement.httpStatus == 201 && settlement.duration == issued.duration)
    #expect(settlement.codes.isEmpty && settlement.unattributed.isEmpty)
    #expect(settlement.rawAnswer == answer.body)
    #expect(settlement.job == .proceeds && settlement.reward == .closed)
    #expect(settlement.account == .none)
  }

  @Test("every settlement carries the whole call, its worker, its duration and its jitter")
  func wholeCall() {
    let outcomes: [CallOutcome] = [
      .unsent(.leaseLost), .issued(Samples.answer(Self.codes)), .unknown(.timeout),
      Self.rejected(.credentials, status: 401),
    ]
    for outcome in outcomes {
      let settlement = Self.settle(outcome)
      #expect(settlement.call == Self.call && settlement.worker == Samples.worker)
      #expect(settlement.duration == .milliseconds(40) && settlement.jitter == 0.25)
    }
  }

  @Test("what the answer asks of the pace stays with the settlement, whatever becomes of it")
  func feedback() {
    let feedback = PaceFeedback(pause: .seconds(3), ceiling: 2)
    let answer = Samples.answer(Self.codes)
    let settlement = Self.settle(.issued(answer), status: 201, feedback: feedback)
    #expect(settlement.feedback == feedback)
    #expect(SettlementRule.plain(settlement) == settlement)
    let bytes = SettlementRule.unstorable(settlement, answer: answer, cause: "a zero byte")
    #expect(bytes.feedback == feedback && bytes.jitter == 0.25)
    #expect(Self.settle(.issued(answer)).feedback == nil)
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
