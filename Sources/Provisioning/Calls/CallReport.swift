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

/// A 201 answer: the codes that it proves, in the order given.
public struct Answer: Hashable, Sendable {
  /// Every code of the list, doubled and foreign ones included.
  public let codes: [IssuedCode]
  /// Items that were `null`. Why the API sends them is not stated; they are never counted.
  public let nulls: Int
  /// The body as received, kept until the codes are stored, in case the database refuses a part
  /// of its content.
  public let body: [UInt8]

  /// An answer as it was decoded.
  public init(codes: [IssuedCode], nulls: Int, body: [UInt8]) {
    self.codes = codes
    self.nulls = nulls
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
