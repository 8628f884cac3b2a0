/// How one request ended: what that proves, and what is worth recording about it.
public struct CallReport: Hashable, Sendable {
  /// What the ending proves.
  public let outcome: CallOutcome
  /// The status of the answer, if its head arrived.
  public let httpStatus: Int?
  /// From handing the request to the client until the end.
  public let duration: Duration
  /// The body of a successful answer from which no codes could be read, at most
  /// `Bounds.unreadableAnswerBytes`. It may be the only trace of these codes (protocol, rule 8).
  public let rawAnswer: [UInt8]?
  /// The pause and the ceiling that the answer's headers ask for, if any. Nil for a 429, whose
  /// pause is part of the outcome.
  public let feedback: PaceFeedback?

  /// A report; of `rawAnswer` it keeps the first `Bounds.unreadableAnswerBytes`.
  public init(
    outcome: CallOutcome,
    httpStatus: Int?,
    duration: Duration,
    rawAnswer: [UInt8]? = nil,
    feedback: PaceFeedback? = nil
  ) {
    self.outcome = outcome
    self.httpStatus = httpStatus
    self.duration = duration
    self.rawAnswer = rawAnswer.map { Array($0.prefix(Bounds.unreadableAnswerBytes)) }
    self.feedback = feedback
  }
}

extension CallReport: CustomReflectable {
  /// Every part, but only the length of `rawAnswer`: its bytes may hold codes' values, and this is
  /// what `dump`, string interpolation and test failures show.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "outcome": outcome, "httpStatus": httpStatus as Any, "duration": duration,
        "rawAnswerBytes": rawAnswer?.count as Any, "feedback": feedback as Any,
      ],
      displayStyle: .struct
    )
  }
}
