/// Names a reward of the API: the `{id}` of `POST /v1/rewards/{id}/codes/generate`.
public struct RewardID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The identifier itself.
  public let id: UniqueID

  /// Wraps an identifier.
  public init(_ id: UniqueID) {
    self.id = id
  }

  /// Orders by the text form.
  public static func < (left: RewardID, right: RewardID) -> Bool {
    left.id < right.id
  }

  /// The text form of the identifier.
  public var description: String { id.description }
}
