/// How one request ended: what that proves, and what is worth recording about it.
public struct CallReport: Hashable, Sendable {
  /// What the ending proves.
  public let outcome: CallOutcome
  /// The status of the answer, if its head arrived.
  public let httpStatus: Int?
  /// From handing the request to the client until the end.
  public let duration: Duration

  /// A report with these parts.
  public init(outcome: CallOutcome, httpStatus: Int?, duration: Duration) {
    self.outcome = outcome
    self.httpStatus = httpStatus
    self.duration = duration
  }
}

/// What `GET /v1/team`, the harmless check of the API key, showed.
public enum TeamAnswer: Hashable, Sendable {
  /// The key is accepted.
  case accepted
  /// The key is refused: 401 or 403.
  case refused(code: String, message: String)
  /// The API could not be asked; says nothing about the key. The text is for people.
  case unreachable(String)
}
