/// Names one start of one worker process. A process that starts again is another worker, so it can
/// never renew the leases of the one before it (protocol, rule 3).
public struct WorkerID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The identifier itself.
  public let id: UniqueID

  /// Wraps an identifier.
  public init(_ id: UniqueID) {
    self.id = id
  }

  /// Orders by the text form.
  public static func < (left: WorkerID, right: WorkerID) -> Bool {
    left.id < right.id
  }

  /// The text form of the identifier.
  public var description: String { id.description }
}
