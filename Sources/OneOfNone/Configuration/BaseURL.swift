/// A URL that requests go to: the base URL of the API, with a path in front of `/v1`, or that of a webhook.
///
/// Every request to the API carries the key, so plain http is accepted only if requests cannot leave this
/// machine. A user name or password in the URL is refused, because it would get into texts.
public struct BaseURL: Hashable, Sendable {
  /// The URL. That of the API has no slash at its end, so that a path can be appended.
  public let text: String
  /// The host, without the brackets of an IPv6 address.
  public let host: String
  /// Whether it begins with `http://`.
  public let isPlain: Bool

  /// The base URL of the API.
  init(_ text: String) throws(ConfigurationError) {
    try self.init(text, isWhole: false)
  }

  /// The URL of a webhook, which may end with a slash or a query.
  public init(webhook text: String) throws(ConfigurationError) {
    try self.init(text, isWhole: true)
  }

  private init(_ text: String, isWhole: Bool) throws(ConfigurationError) {
    let isPlain: Bool
    let afterScheme: Substring
    if let rest = Self.drop("https://", from: text) {
      (isPlain, afterScheme) = (false, rest)
    } else if let rest = Self.drop("http://", from: text) {
      (isPlain, afterScheme) = (true, rest)
    } else {
      throw Self.error("must begin with https:// (or with http:// if the host is this machine)")
    }
    let end = afterScheme.firstIndex { "/?#".contains($0) } ?? afterScheme.endIndex
    let authority = afterScheme[..<end]
    guard !authority.contains("@") else {
      throw Self.error("must not have a user name or a password")
    }
    let host = try Self.checkAuthority(authority)
    if isPlain && !Self.isLoopback(host) {
      throw Self.error(
        "must begin with https://; plain http is for 127.0.0.0/8, ::1 and localhost only"
      )
    }
    let path = try Self.checkPath(afterScheme[end...], isWhole: isWhole)
    self.text = (isPlain ? "http://" : "https://") + authority.lowercased() + path
    self.host = host.lowercased()
    self.isPlain = isPlain
  }

  /// The host, without the brackets of an IPv6 address, after checking it and the port.
  private static func checkAuthority(
    _ authority: Substring
  ) throws(ConfigurationError) -> Substring {
    let host: Substring
    let afterHost: Substring
    if authority.first == "[" {
      guard let close = authority.firstIndex(of: "]") else {
        throw error("has a [ in its host without a ]")
      }
      host = authority[authority.index(after: authority.startIndex)..<close]
      afterHost = authority[authority.index(after: close)...]
      guard host.contains(":"), host.utf8.allSatisfy({ isHex($0) || ":.".utf8.contains($0) })
      else { throw error("has something in brackets that is not an IPv6 address") }
    } else {
      let colon = authority.firstIndex(of: ":") ?? authority.endIndex
      host = authority[..<colon]
      afterHost = authority[colon...]
      guard !host.isEmpty else { throw error("has no host") }
      guard host.utf8.allSatisfy({ isLetterOrDigit($0) || "-._".utf8.contains($0) })
      else { throw error("has a character in its host that is not allowed there") }
    }
    guard afterHost.isEmpty || isPort(afterHost) else {
      throw error("has a port that is not a number from 1 to 65535")
    }
    return host
  }

  private static func checkPath(
    _ path: Substring,
    isWhole: Bool
  ) throws(ConfigurationError) -> Substring {
    guard !path.contains(where: { (isWhole ? "#" : "?#").contains($0) }) else {
      throw error(isWhole ? "must not have a fragment" : "must not have a query or a fragment")
    }
    guard path.utf8.allSatisfy({ isLetterOrDigit($0) || "?/-._~%!$&'()*+,;=:".utf8.contains($0) })
    else { throw error("has a character in its path that is not allowed there") }
    if isWhole { return path }
    let trimmed = path.last == "/" ? path.dropLast() : path
    let segments = trimmed.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    guard !segments.contains(where: { ["", ".", ".."].contains($0) }) else {
      throw error("has an empty segment, a . or a .. in its path")
    }
    return trimmed
  }

  private static func isPort(_ afterHost: Substring) -> Bool {
    let digits = afterHost.dropFirst()
    guard afterHost.first == ":", digits.utf8.allSatisfy(isDigit), digits.utf8.count <= 5,
      let port = Int(digits)
    else { return false }
    return (1...65_535).contains(port)
  }

  /// Whether a host can only be this machine. Other spellings of the same addresses are refused,
  /// because resolvers treat them differently.
  private static func isLoopback(_ host: Substring) -> Bool {
    if host.lowercased() == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts.first == "127" else { return false }
    return parts.allSatisfy { part in
      guard let number = UInt8(part) else { return false }
      return String(number) == part
    }
  }

  private static func drop(_ scheme: String, from text: String) -> Substring? {
    guard text.utf8.count >= scheme.utf8.count,
      text.prefix(scheme.count).lowercased() == scheme
    else { return nil }
    return text.dropFirst(scheme.count)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func error(_ rule: String) -> ConfigurationError {
    ConfigurationError(.baseURL, "the URL \(rule)")
  }
}
