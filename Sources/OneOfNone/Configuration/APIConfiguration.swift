internal import NIOSSL
internal import Provisioning

/// The settings of the client, checked once at the start.
public struct APIConfiguration: Sendable {
  let baseURL: BaseURL
  let key: APIKey
  let timeout: Duration
  let userAgent: String
  /// The only trusted certificate authorities; nil for those of the system.
  let authorities: [NIOSSLCertificate]?

  /// Checks the settings of one API account.
  ///
  /// - Parameters:
  ///   - baseURL: For example `https://api.oneofnone.io`. A path goes in front of `/v1`. Plain http is
  ///     allowed only for 127.0.0.0/8, ::1 and localhost.
  ///   - key: The API key.
  ///   - timeout: The time from the start of a request to its complete answer, head and body. More than
  ///     zero, and at most the upper bound of `Bounds.apiTimeoutSeconds`.
  ///   - caFile: A PEM file with the certificates of a private authority, which is trusted instead of
  ///     the system's.
  ///   - version: codemint's version, for the header `user-agent`.
  /// - Throws: `ConfigurationError`, which names the setting and the broken rule.
  public init(
    baseURL: String,
    key: APIKey,
    timeout: Duration,
    caFile: String? = nil,
    version: String
  ) throws(ConfigurationError) {
    self.baseURL = try BaseURL(baseURL)
    self.key = key
    let longest = Bounds.apiTimeoutSeconds.upperBound
    guard timeout > .zero, timeout <= .seconds(longest) else {
      throw ConfigurationError(
        .timeout,
        "the timeout of the API must be more than 0 and at most \(longest) seconds"
      )
    }
    self.timeout = timeout
    guard !version.isEmpty, version.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw ConfigurationError(.version, "the version must be visible ASCII without spaces")
    }
    userAgent = "codemint/\(version)"
    authorities = try caFile.map(Self.readAuthorities(file:))
  }

  static func readAuthorities(
    file: String
  ) throws(ConfigurationError) -> [NIOSSLCertificate] {
    let certificates: [NIOSSLCertificate]
    do {
      certificates = try NIOSSLCertificate.fromPEMFile(file)
    } catch {
      throw ConfigurationError(
        .caFile,
        "the file of the certificate authority cannot be read, or is not PEM: \(file)"
      )
    }
    guard !certificates.isEmpty else {
      throw ConfigurationError(
        .caFile,
        "the file of the certificate authority has no certificate in it: \(file)"
      )
    }
    return certificates
  }
}

/// The API key. Its value goes only into the header of requests. No description, dump, interpolation or
/// error shows it.
public struct APIKey: Sendable, Equatable {
  /// The key itself, for the header, and for removing it from texts that may quote it.
  let value: String

  /// A key. White space around it is removed, because files end with a line break.
  ///
  /// - Throws: `ConfigurationError` if the key is empty or has a character that is not visible ASCII.
  ///   Not every HTTP server accepts other characters in a header (RFC 9110, section 5.5).
  public init(_ text: String) throws(ConfigurationError) {
    let trimmed = String(Self.trim(Substring(text)))
    guard !trimmed.isEmpty else {
      throw ConfigurationError(.key, "the API key is empty")
    }
    guard trimmed.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw ConfigurationError(
        .key,
        "the API key has a character that is not visible ASCII, so it cannot be sent in a header"
      )
    }
    value = trimmed
  }

  private static func trim(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first.isWhitespace { text = text.dropFirst() }
    while let last = text.last, last.isWhitespace { text = text.dropLast() }
    return text
  }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always the same text; never the value.
  public var description: String { "(secret)" }

  /// Always the same text; never the value.
  public var debugDescription: String { description }

  /// No children, so that `dump` does not show the value either.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why the client cannot start: a setting breaks a rule.
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
    /// The version in the header `user-agent`.
    public static let version = Code(.version)
  }

  /// Which setting it is.
  public let code: Code
  /// The broken rule, for people; it never contains the key.
  public let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
