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
  /// The HTTP status.
  public let status: Int
  /// The API's own error code, or `http_<status>` where it gave none.
  public let code: String
  /// The API's own message, or one made from the status.
  public let message: String

  /// A refusal in the API's own words.
  public init(scope: Scope, status: Int, code: String, message: String) {
    self.scope = scope
    self.status = status
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
  /// An answer longer than `Bounds.answerBytes`.
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
    case .tooLarge: "the answer was longer than \(Bounds.answerBytes) bytes"
    case .unstorable(let cause): "the database refused the answer's content: \(cause)"
    }
  }
}
