import NIOHTTP1
import Provisioning
import Testing

@testable import OneOfNone

@Suite("What an ending proves")
struct JudgementTests {
  private static let texts = Texts.public
  private let judgement = Judgement(texts: Self.texts)

  private func reply(_ status: Int, _ body: String = "") -> Ending {
    .reply(
      Reply(
        status: status,
        headers: [:],
        body: Array(body.utf8),
        receivedAt: Timestamp(microseconds: 0)
      )
    )
  }

  @Test("rule 5: the table of statuses, every status from 100 to 599")
  func statuses() {
    let request: Set = [400, 404, 405, 410, 413, 415, 422, 307, 308]
    for status in 100...599 {
      let body = Sample.answerText(Sample.codeText())
      let outcome = judgement.outcome(of: reply(status, body), body: .handedOver)
      switch (status, outcome) {
      case (201, .issued(let answer)):
        #expect(answer.codes.count == 1)
      case (401, .rejected(let rejection)):
        #expect(rejection.scope == .credentials)
      case (403, .rejected(let rejection)):
        #expect(rejection.scope == .forbidden)
      case (429, .rejected(let rejection)):
        #expect(rejection.scope == .pace(pause: nil))
      case (_, .rejected(let rejection)):
        #expect(request.contains(status))
        #expect(rejection.scope == .request)
        #expect(rejection.code == "http_\(status)")
      case (_, .unknown(.status(let told, let code, _))):
        #expect(!request.contains(status))
        #expect(![201, 401, 403, 429].contains(status))
        #expect(told == status)
        #expect(code == "http_\(status)")
      case (_, .issued), (_, .unsent), (_, .unknown):
        Issue.record("unexpected outcome of \(status): \(outcome)")
      }
    }
  }

  @Test("a 201 that cannot be read proves nothing", arguments: ["", "null", "{}", "[]", "<html>"])
  func unreadable(body: String) {
    let outcome = judgement.outcome(of: reply(201, body), body: .handedOver)
    guard case .unknown(.unreadable) = outcome else {
      Issue.record("not unreadable: \(outcome)")
      return
    }
  }

  @Test("a 201 with an empty list or with nulls only is issued, for no codes")
  func empty() {
    for (body, nulls) in [("{\"codes\":[]}", 0), ("{\"codes\":[null,null]}", 2)] {
      guard case .issued(let answer) = judgement.outcome(of: reply(201, body), body: .handedOver)
      else {
        Issue.record("not issued")
        continue
      }
      #expect(answer.codes.isEmpty)
      #expect(answer.nulls == nulls)
      #expect(answer.body == Array(body.utf8))
    }
  }

  @Test("rule 5: after the body was sent, an ending without an answer proves nothing")
  func sent() {
    #expect(outcome(.tooLarge(status: 201)) == .unknown(.tooLarge))
    #expect(outcome(.tooLarge(status: 400)) == .unknown(.tooLarge))
    #expect(outcome(.timeout(status: 404)) == .unknown(.timeout))
    #expect(outcome(.broken(status: nil, "gone")) == .unknown(.connectionLost("gone")))
    #expect(outcome(.cancelled).isConnectionLost)
  }

  private func outcome(_ ending: Ending) -> CallOutcome {
    judgement.outcome(of: ending, body: .handedOver)
  }

  @Test("a body that was refused or withdrawn is unsent, whatever else happened")
  func gate() {
    let endings: [Ending] = [
      reply(201, Sample.answerText(Sample.codeText())), reply(400), reply(500), .cancelled,
      .tooLarge(status: 201), .timeout(status: nil), .broken(status: nil, "gone"),
    ]
    for ending in endings {
      #expect(judgement.outcome(of: ending, body: .leaseLost) == .unsent(.leaseLost))
      #expect(judgement.outcome(of: ending, body: .withdrawn) == .unsent(.draining))
    }
  }

  @Test(
    "a body that was never asked for is unsent, unless the server's answer to the head proves more"
  )
  func neverAsked() {
    for ending: Ending in [
      .tooLarge(status: 200), .timeout(status: nil), .broken(status: nil, "refused"),
      reply(500), reply(200), reply(408), reply(201, "{}"),
    ] {
      #expect(judgement.outcome(of: ending, body: .neverAsked).isWithoutConnection)
    }
    #expect(judgement.outcome(of: .cancelled, body: .neverAsked) == .unsent(.draining))
    let codes = reply(201, Sample.answerText(Sample.codeText()))
    #expect(judgement.outcome(of: codes, body: .neverAsked).isIssued)
    guard case .rejected(let rejection) = judgement.outcome(of: reply(401), body: .neverAsked)
    else {
      Issue.record("not rejected")
      return
    }
    #expect(rejection.scope == .credentials)
  }
}

/// Texts that hide the key of the tests.
enum Texts {
  static let `public` = PublicText(hiding: key)

  private static var key: APIKey {
    do {
      return try APIKey(testKey)
    } catch {
      preconditionFailure("the key of the tests is a good key: \(error)")
    }
  }
}
