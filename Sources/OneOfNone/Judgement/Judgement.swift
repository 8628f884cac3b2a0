internal import Provisioning

/// What the ending of a generate request proves. It is one pure function, so that the table of the
/// protocol (rule 5) can be read and tested in one place.
struct Judgement: Sendable {
  let texts: PublicText

  /// What the ending proves, given what happened to the request's body.
  func outcome(of ending: Ending, body passage: BodyGate.Passage) -> CallOutcome {
    switch passage {
    case .leaseLost: .unsent(.leaseLost)
    case .withdrawn: .unsent(.draining)
    case .handedOver: outcomeOfSent(ending)
    case .neverAsked: outcomeOfUnsent(ending)
    }
  }

  private func outcomeOfSent(_ ending: Ending) -> CallOutcome {
    switch ending {
    case .reply(let reply): outcome(of: reply)
    case .tooLarge: .unknown(.tooLarge)
    case .timeout: .unknown(.timeout)
    case .cancelled: .unknown(.connectionLost("the request was given up"))
    case .broken(_, let cause): .unknown(.connectionLost(cause))
    }
  }

  /// A server may answer after the head. A refusal then is a refusal, and codes in the answer exist.
  /// After every other answer, the request was simply not sent.
  private func outcomeOfUnsent(_ ending: Ending) -> CallOutcome {
    switch ending {
    case .reply(let reply):
      switch outcome(of: reply) {
      case .issued(let answer): .issued(answer)
      case .rejected(let rejection): .rejected(rejection)
      case .unsent, .unknown:
        .unsent(.noConnection("the server answered \(reply.status) before the request was sent"))
      }
    case .tooLarge(let status):
      .unsent(.noConnection("the server answered \(status) before the request was sent"))
    case .timeout: .unsent(.noConnection("no connection in time"))
    case .cancelled: .unsent(.draining)
    case .broken(_, let cause): .unsent(.noConnection(cause))
    }
  }

  private func outcome(of reply: Reply) -> CallOutcome {
    if reply.status == 201 {
      do {
        return .issued(try AnswerDecoder.decode(reply.body))
      } catch {
        return .unknown(.unreadable(reply.complaint(error, texts)))
      }
    }
    let said = ErrorBody(status: reply.status, body: reply.body, texts: texts)
    guard let scope = scope(of: reply) else {
      return .unknown(.status(reply.status, code: said.code, message: said.message))
    }
    return .rejected(
      Rejection(scope: scope, code: said.code, message: said.message)
    )
  }

  /// Whom a refusal concerns; nil if the status does not prove that the API made nothing.
  ///
  /// 303 is the usual answer to a POST that worked, 408 and 409 do not say that nothing happened, and
  /// before a 5xx anything may have happened.
  private func scope(of reply: Reply) -> Rejection.Scope? {
    switch reply.status {
    case 400, 404, 405, 410, 413, 415, 422, 307, 308: .request
    case 401: .credentials
    case 403: .forbidden
    case 429: .pace(pause: Pause.asked(by: reply.headers, receivedAt: reply.receivedAt))
    default: nil
    }
  }
}
