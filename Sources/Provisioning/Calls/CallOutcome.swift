/// What the ending of a request proves. Only these four things can be known.
public enum CallOutcome: Hashable, Sendable {
  /// The request's body was never handed to the network: nothing can have been made.
  case unsent(UnsentReason)
  /// A 201 with a body that decodes: these codes exist.
  case issued(Answer)
  /// The API stated that it made nothing.
  case rejected(Rejection)
  /// Everything else proves nothing: codes may or may not have been made.
  case unknown(DoubtReason)
}

/// Why a call was never sent.
public enum UnsentReason: Hashable, Sendable {
  /// No connection could be had: name resolution, connect, TLS, or none in time. The text is for
  /// people and holds no secret.
  case noConnection(String)
  /// The lease had run out when the body was to be produced.
  case leaseLost
  /// The worker is stopping, and the call had not been sent.
  case draining
  /// The worker came too late for the call's slot, and no other slot was near.
  case slotMissed
}

/// What the API said with a refusal that proves that nothing was made.
public struct Rejection: Hashable, Sendable {
  /// Whom a refusal concerns.
  public enum Scope: Hashable, Sendable {
    /// The request itself: 400, 404, 405, 410, 413, 415, 422, 307, 308.
    case request
    /// The API key: 401.
    case credentials
    /// The key or the reward, which only `GET /v1/team` can tell apart: 403.
    case forbidden
    /// Everybody, for a while: 429. The pause is what `Retry-After` or `RateLimit` asked for.
    case pace(pause: Duration?)
  }

  /// Whom it concerns.
  public let scope: Scope
  /// The API's own error code, or `http_<status>` where it gave none.
  public let code: String
  /// The API's own message, or one made from the status.
  public let message: String

  /// A refusal in the API's own words.
  public init(scope: Scope, code: String, message: String) {
    self.scope = scope
    self.code = code
    self.message = message
  }
}

/// How a request ended without proving anything.
public enum DoubtReason: Hashable, Sendable {
  /// No complete answer within `api.timeout_seconds`.
  case timeout
  /// The connection broke after the body was handed over.
  case connectionLost(String)
  /// A status that proves neither success nor refusal.
  case status(Int, code: String, message: String)
  /// A 201 whose body cannot be read as codes.
  case unreadable(String)
  /// An answer longer than `Bounds.answerBytes`, or one for which others had left no memory.
  case tooLarge
  /// The database refused the answer's content, which is kept as bytes (protocol, rule 8).
  case unstorable(String)

  /// The short code that the ledger records.
  public var code: String {
    switch self {
    case .timeout: "timeout"
    case .connectionLost: "connection_lost"
    case .status(_, let code, _): code
    case .unreadable: "unreadable_answer"
    case .tooLarge: "answer_too_large"
    case .unstorable: "unstorable_answer"
    }
  }

  /// A sentence for people; holds no secret and no code value.
  public var message: String {
    switch self {
    case .timeout: "no complete answer in time; it is not known whether codes were made"
    case .connectionLost(let cause): "the connection was lost after the request was sent: \(cause)"
    case .status(_, _, let message): message
    case .unreadable(let cause): "the answer could not be read: \(cause)"
    case .tooLarge:
      "the answer was longer than \(Bounds.answerBytes) bytes, or answers of \(Bounds.answersBytes) bytes "
        + "came at the same time"
    case .unstorable(let cause): "the database refused the answer's content: \(cause)"
    }
  }
}

/// A 201 answer: the codes that it proves, in the order given.
public struct Answer: Hashable, Sendable {
  /// Every code of the list, doubled and foreign ones included.
  public let codes: [IssuedCode]
  /// Items that were `null`, or that could not be read. Why the API sends nulls is not stated; they are
  /// never counted.
  public let nulls: Int
  /// Whether an item could not be read. It may have been a code, and `body` alone has what is known of it.
  public let hasUnreadable: Bool
  /// The body as received, kept until the codes are stored, in case the database refuses a part
  /// of its content.
  public let body: [UInt8]

  /// An answer as it was decoded.
  public init(codes: [IssuedCode], nulls: Int, hasUnreadable: Bool = false, body: [UInt8]) {
    self.codes = codes
    self.nulls = nulls
    self.hasUnreadable = hasUnreadable
    self.body = body
  }

  /// The codes of this reward, each once, and those that name another reward.
  public func sorted(for reward: RewardID) -> (own: [IssuedCode], foreign: [IssuedCode]) {
    var seen = Set<CodeID>(minimumCapacity: codes.count)
    var own: [IssuedCode] = []
    var foreign: [IssuedCode] = []
    own.reserveCapacity(codes.count)
    for code in codes where seen.insert(code.id).inserted {
      if code.reward == reward { own.append(code) } else { foreign.append(code) }
    }
    return (own, foreign)
  }

  /// Whether the answer is exactly what was asked for: `size` codes, all of them the reward's `own`
  /// and each there once, as `sorted` finds them.
  public func isExact(size: Int, own: [IssuedCode]) -> Bool {
    nulls == 0 && codes.count == size && own.count == size
  }
}

extension Answer: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// How much it lists; never a code's value, which `body` holds.
  public var description: String { "answer of \(codes.count) codes and \(nulls) nulls" }

  /// How much it lists; never a code's value.
  public var debugDescription: String { description }

  /// The counts alone, so that `dump` and test failures do not show the body's bytes either.
  public var customMirror: Mirror {
    Mirror(self, children: ["codes": codes.count, "nulls": nulls], displayStyle: .struct)
  }
}
