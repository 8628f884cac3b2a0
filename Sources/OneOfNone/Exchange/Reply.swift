internal import NIOHTTP1
internal import Provisioning

/// A complete answer, head and body.
struct Reply: Sendable {
  let status: Int
  let headers: HTTPHeaders
  let body: [UInt8]
  /// When it was complete, by this machine's clock; only for dates of answers that give none.
  let receivedAt: Timestamp
}

/// How a request ended, before anything is concluded from it.
enum Ending: Sendable {
  /// A complete answer.
  case reply(Reply)
  /// An answer longer than `Bounds.answerBytes`; the connection was closed.
  case tooLarge(status: Int)
  /// No complete answer in time; the connection was closed.
  case timeout(status: Int?)
  /// The caller gave up; the connection was closed.
  case cancelled
  /// No connection, or one that broke. The text is for people.
  case broken(status: Int?, String)

  /// The status of the answer, if its head arrived.
  var status: Int? {
    switch self {
    case .reply(let reply): reply.status
    case .tooLarge(let status): status
    case .timeout(let status), .broken(let status, _): status
    case .cancelled: nil
    }
  }

  /// The body of an answer of success that leaves the call in doubt: whatever it says of codes,
  /// nothing else may ever say.
  func bodyWorthKeeping(_ outcome: CallOutcome) -> [UInt8]? {
    guard case .unknown = outcome, case .reply(let reply) = self,
      (200..<300).contains(reply.status), !reply.body.isEmpty
    else { return nil }
    return reply.body
  }
}
