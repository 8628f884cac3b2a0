/// Why the client does not start: a setting breaks a rule.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Which setting it is.
  public struct Code: Hashable, Sendable {
    private enum Value: Hashable { case baseURL, key, timeout, caFile, version }
    private let value: Value
    private init(_ value: Value) { self.value = value }

    /// `api.base_url`.
    public static let baseURL = Code(.baseURL)
    /// `api.key`.
    public static let key = Code(.key)
    /// `api.timeout_seconds`.
    public static let timeout = Code(.timeout)
    /// `api.ca_file`.
    public static let caFile = Code(.caFile)
    /// The version in the name that the client gives itself.
    public static let version = Code(.version)
  }

  /// Which setting it is.
  public let code: Code
  /// The rule that it breaks, for people; never holds the key.
  public let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
