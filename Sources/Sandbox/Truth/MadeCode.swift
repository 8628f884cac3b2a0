/// A code that exists, whether or not anybody was told.
public struct MadeCode: Sendable, Hashable {
  /// Its id, a UUID in lower case.
  public let id: String
  /// Its text; treat it as the secret that it is worth.
  public let code: String
  /// The request that it was made for, see `GenerateRequest.number`; nil if somebody else made it.
  public let request: Int?
}
