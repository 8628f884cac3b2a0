/// Why the store did not do what it was asked.
public struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure it is, which is all that callers decide by.
  public struct Code: Hashable, Sendable {
    private enum Value: Hashable { case unavailable, contentRefused, failed }
    private let value: Value
    private init(_ value: Value) { self.value = value }

    /// The database cannot be reached, or the statement's outcome is not known. Asking again is
    /// right, and safe, since every statement finds what it did before.
    public static let unavailable = Code(.unavailable)
    /// The database refused a value for its content (SQLSTATE class 22). Asking again is useless.
    public static let contentRefused = Code(.contentRefused)
    /// Anything else, such as a missing table or privilege. Asking again may help once somebody
    /// has mended it.
    public static let failed = Code(.failed)
  }

  /// The kind of failure.
  public let code: Code
  /// What happened and what to do; holds no secret and no code value.
  public let description: String

  /// An error of this kind.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
