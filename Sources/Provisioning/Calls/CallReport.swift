/// How one request ended: what that proves, and what is worth recording about it.
public struct CallReport: Hashable, Sendable {
  /// What the ending proves.
  public let outcome: CallOutcome
  /// The status of the answer, if its head arrived.
  public let httpStatus: Int?
  /// From handing the request to the client until the end.
  public let duration: Duration
  /// The body of an answer of success out of which no codes could be read, at most
  /// `Bounds.unreadableAnswerBytes`: it may be all that ever tells of them (protocol, rule 8).
  public let rawAnswer: [UInt8]?

  /// A report with these parts.
  public init(
    outcome: CallOutcome,
    httpStatus: Int?,
    duration: Duration,
    rawAnswer: [UInt8]? = nil
  ) {
    self.outcome = outcome
    self.httpStatus = httpStatus
    self.duration = duration
    self.rawAnswer = rawAnswer.map { Array($0.prefix(Bounds.unreadableAnswerBytes)) }
  }
}

extension CallReport: CustomReflectable {
  /// Every part, but of `rawAnswer` only its length: its bytes may hold codes' values, and this is
  /// what `dump`, string interpolation and test failures show.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "outcome": outcome, "httpStatus": httpStatus as Any, "duration": duration,
        "rawAnswerBytes": rawAnswer?.count as Any,
      ],
      displayStyle: .struct
    )
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
