internal import Glibc
internal import NIOHTTP1
internal import Provisioning

/// A complete answer, head and body.
struct Reply: Sendable {
  let status: Int
  let headers: HTTPHeaders
  let body: [UInt8]
  /// When the answer was complete, by this machine's clock. Used only if the answer has no `Date`.
  let receivedAt: Timestamp
  /// Such as `HTTP/1.1`.
  var httpVersion = "HTTP/1.1"
  /// The memory that the body takes, until nobody holds the answer any more.
  var place: AnswerMemory.Place?

  /// Why the body cannot be read as JSON. A coding that codemint neither asked for nor can undo is the
  /// reason if there is one.
  func complaint(_ failure: JSONFailure, _ texts: PublicText) -> String {
    let undone = ["identity", "gzip", "deflate"]
    let coding = headers[canonicalForm: "content-encoding"].first { coding in
      !undone.contains(coding.lowercased())
    }
    if let coding {
      return
        "the body is compressed as \(texts.quote(String(coding))), which codemint did not ask for"
    }
    // The first bytes of every gzip file (RFC 1952, section 2.3.1).
    if body.starts(with: [0x1F, 0x8B]) { return "the body is compressed, and no header says so" }
    return failure.description
  }
}

/// How a request ended, before anything is concluded from it. The description is for people.
enum Ending: Sendable, CustomStringConvertible {
  /// A complete answer.
  case reply(Reply)
  /// An answer longer than `Bounds.answerBytes`, or beyond what all answers may take together; the
  /// connection was closed.
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

  /// What happened, for people; holds no secret and no code value.
  var description: String {
    switch self {
    case .reply(let reply): "the API answered \(reply.status)"
    case .tooLarge: DoubtReason.tooLarge.message
    case .timeout: "no complete answer of the API in time"
    case .cancelled: "the request was given up"
    case .broken(_, let cause): cause
    }
  }

  /// The pace that the answer's headers ask for; nil if they ask for nothing or there is no answer.
  var feedback: PaceFeedback? {
    if case .reply(let reply) = self { Feedback.of(reply) } else { nil }
  }

  /// The body of a successful answer that leaves the call in doubt. It may be the only information
  /// about the codes that there will ever be.
  func bodyWorthKeeping(_ outcome: CallOutcome) -> [UInt8]? {
    guard case .unknown = outcome, case .reply(let reply) = self,
      (200..<300).contains(reply.status), !reply.body.isEmpty
    else { return nil }
    return reply.body
  }
}

extension Timestamp {
  /// The present time by this machine's clock.
  static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(
      microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    )
  }
}
