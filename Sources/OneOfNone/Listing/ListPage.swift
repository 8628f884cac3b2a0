public import Provisioning

/// One page of a reward's codes.
public struct ListPage: Hashable, Sendable {
  /// The codes in the order given, doubles included: pages shift while codes are being made.
  public let codes: [IssuedCode]
  /// Items that were `null`, each perhaps a code that cannot be read back.
  public let nulls: Int
  /// Those of them that stand behind the last code.
  public let trailingNulls: Int
  /// How many items there are in all, if the API says so in a way known here.
  public let total: Int?
  /// Whether the answer came out of some cache (it had an `Age` header), so that newer codes may
  /// be missing (protocol, rule 10).
  public let isStored: Bool
  /// The answer's own `Date`, in whole seconds of the server's clock.
  public let answeredAt: Timestamp?

  /// Whether nothing stands on the page: the only sign that the listing is at its end.
  public var isEmpty: Bool { codes.isEmpty && nulls == 0 }

  /// A page with these parts.
  public init(
    codes: [IssuedCode],
    nulls: Int,
    trailingNulls: Int,
    total: Int?,
    isStored: Bool,
    answeredAt: Timestamp?
  ) {
    self.codes = codes
    self.nulls = nulls
    self.trailingNulls = trailingNulls
    self.total = total
    self.isStored = isStored
    self.answeredAt = answeredAt
  }
}
