/// Names one call. The worker makes it before it asks for the claim, so that a claim or a settle whose
/// acknowledgement was lost finds, when repeated, what it did (protocol, rule 1).
public struct CallID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The identifier itself.
  public let id: UniqueID

  /// Wraps an identifier.
  public init(_ id: UniqueID) {
    self.id = id
  }

  /// Orders by the text form.
  public static func < (left: CallID, right: CallID) -> Bool {
    left.id < right.id
  }

  /// The text form of the identifier.
  public var description: String { id.description }
}
