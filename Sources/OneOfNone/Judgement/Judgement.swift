internal import Provisioning

/// What the ending of a generate request proves. One pure function, so that the table of the
/// protocol (rule 5) can be read and tested in one place.
struct Judgement: Sendable {
  let texts: PublicText

  /// Whether a status is the API's word that it made nothing.
  ///
  /// Everything else proves nothing: 303 is the usual answer of a POST that worked, 408 and 409 do
  /// not say that nothing happened, and behind a 5xx anything may have happened.
  enum Refusal: Hashable, Sendable {
    case request, credentials, forbidden, pace

    init?(status: Int) {
      switch status {
      case 400, 404, 405, 410, 413, 415, 422, 307, 308: self = .request
      case 401: self = .credentials
      case 403: self = .forbidden
      case 429: self = .pace
      default: return nil
      }
    }
  }

  /// What the ending proves, given what became of the request's body.
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

  /// A server may answer the head alone. What it refuses then is refused, and codes that it shows
  /// exist all the same; anything else is simply a request that was not sent.
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
        return .unknown(.unreadable(texts.clean(error.description)))
      }
    }
    let said = ErrorBody(status: reply.status, body: reply.body, texts: texts)
    guard let scope = scope(of: reply) else {
      return .unknown(.status(reply.status, code: said.code, message: said.message))
    }
    return .rejected(
      Rejection(scope: scope, status: reply.status, code: said.code, message: said.message)
    )
  }

  private func scope(of reply: Reply) -> Rejection.Scope? {
    switch Refusal(status: reply.status) {
    case .request: .request
    case .credentials: .credentials
    case .forbidden: .forbidden
    case .pace: .pace(pause: Pause.asked(by: reply.headers, receivedAt: reply.receivedAt))
    case nil: nil
    }
  }
}
