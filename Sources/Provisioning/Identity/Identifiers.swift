/// Names one `Subject`: an identifier of one kind of thing cannot be used for another.
public struct Identifier<Subject>: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The identifier itself.
  public let id: UniqueID

  /// Wraps an identifier.
  public init(_ id: UniqueID) {
    self.id = id
  }

  /// Orders by the text form.
  public static func < (left: Self, right: Self) -> Bool {
    left.id < right.id
  }

  /// The text form of the identifier.
  public var description: String { id.description }
}

/// Names one call. The worker makes it before it asks for the claim, so that a claim or a settlement
/// whose acknowledgement was lost finds, when repeated, what it did (protocol, rule 1).
public typealias CallID = Identifier<Call>

/// The API's own identifier of a code. A code id belongs to one call and never moves.
public typealias CodeID = Identifier<IssuedCode>

/// Names one start of one worker process. A process that starts again is another worker, so it can
/// never renew the leases of the one before it (protocol, rule 3).
public typealias WorkerID = Identifier<WorkerPresence>

/// Names a reward of the API: the `{id}` of `POST /v1/rewards/{id}/codes/generate`.
public typealias RewardID = Identifier<Reward>

/// What a `RewardID` names. codemint knows nothing of a reward but its identifier.
public enum Reward {}

/// Names a job: `codemint.jobs.id`.
public struct JobID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The row's identity value, from 1.
  public let number: Int64

  /// Wraps a row's identity value.
  public init(_ number: Int64) {
    self.number = number
  }

  /// Orders by age: a later job has the greater number.
  public static func < (left: JobID, right: JobID) -> Bool {
    left.number < right.number
  }

  /// The number in decimal.
  public var description: String { String(number) }
}
