/// The API's own identifier of a code. A code id belongs to one call and never moves.
public struct CodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The identifier itself.
  public let id: UniqueID

  /// Wraps an identifier.
  public init(_ id: UniqueID) {
    self.id = id
  }

  /// Orders by the text form.
  public static func < (left: CodeID, right: CodeID) -> Bool {
    left.id < right.id
  }

  /// The text form of the identifier.
  public var description: String { id.description }
}
