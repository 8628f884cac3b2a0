internal import NIOSSL
internal import Provisioning

/// What the client needs to know, checked once, at the start.
public struct APIConfiguration: Sendable {
  let baseURL: BaseURL
  let key: APIKey
  let timeout: Duration
  let userAgent: String
  /// The only authorities trusted; nil for those of the system.
  let authorities: [NIOSSLCertificate]?

  /// Checks the settings of one API account.
  ///
  /// - Parameters:
  ///   - baseURL: Such as `https://api.oneofnone.io`; a path is kept in front of `/v1`. Plain http
  ///     only for 127.0.0.0/8, ::1 and localhost.
  ///   - key: The API key.
  ///   - timeout: Until an answer must be complete, head and body, counted from the start of its
  ///     request; more than nothing and at most the greatest of `Bounds.apiTimeoutSeconds`.
  ///   - caFile: A PEM file with the certificates of a private authority, which is then trusted
  ///     instead of the system's.
  ///   - version: codemint's version, for the header `user-agent`.
  /// - Throws: `ConfigurationError`, which names the setting and the rule that it breaks.
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
        "the timeout of the API must be more than nothing and at most \(longest) seconds"
      )
    }
    self.timeout = timeout
    guard !version.isEmpty, version.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw ConfigurationError(.version, "the version must be visible ASCII without spaces")
    }
    userAgent = "codemint/\(version)"
    authorities = try caFile.map(Self.readAuthorities(file:))
  }

  private static func readAuthorities(
    file: String
  ) throws(ConfigurationError) -> [NIOSSLCertificate] {
    let certificates: [NIOSSLCertificate]
    do {
      certificates = try NIOSSLCertificate.fromPEMFile(file)
    } catch {
      throw ConfigurationError(
        .caFile,
        "the file of the certificate authority cannot be read, or holds no PEM: \(file)"
      )
    }
    guard !certificates.isEmpty else {
      throw ConfigurationError(
        .caFile,
        "the file of the certificate authority holds no certificate: \(file)"
      )
    }
    return certificates
  }
}
