/// What a complete, fresh reading of a reward's codes showed and the ledger does not know, as far as it
/// can concern a case: what was made since its first call could be sent, or everything where
/// `createdAt` cannot be believed.
public struct Listing: Hashable, Sendable {
  /// The codes, each once.
  public let codes: [IssuedCode]
  /// Items that were null: each counts as an unknown code that fits every pool.
  public let nulls: Int

  /// A listing with these parts.
  public init(codes: [IssuedCode], nulls: Int) {
    self.codes = codes
    self.nulls = nulls
  }

  /// Whether another listing showed the same codes.
  public func agrees(with other: Listing) -> Bool {
    nulls == other.nulls && Set(codes.map(\.id)) == Set(other.codes.map(\.id))
  }
}
