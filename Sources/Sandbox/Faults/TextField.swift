/// A text in a code that a fault can spoil.
public enum TextField: String, Sendable, Hashable, Codable {
  /// The code itself.
  case code
  /// Who reserved it.
  case reservedFor
  /// Why it could not be synced.
  case error
}
