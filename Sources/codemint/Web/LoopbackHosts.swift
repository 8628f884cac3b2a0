/// The names under which the web surface answers where it listens on this machine alone.
///
/// A web page that a person of this machine looks at may let its own name lead to 127.0.0.1 (DNS
/// rebinding), and could then read what is served there as its own. The browser still says in `Host`
/// whose page it is, so only names that nobody else can own are let in.
struct LoopbackHosts: Sendable {
  /// The host of `http.listen`, which is the operator's own name for it.
  let configured: String

  /// Whether a request with this `Host` may be answered; no browser leaves it out.
  func accept(_ authority: String?) -> Bool {
    guard let authority else { return true }
    let host = Self.host(of: authority).lowercased()
    return host == "localhost" || host == configured.lowercased() || Self.isLoopback(host)
  }

  /// Whether an address leads to this machine, and cannot be anybody's name.
  static func isLoopback(_ address: String) -> Bool {
    if address == "::1" { return true }
    let parts = address.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// The host without its port and without the brackets of IPv6.
  private static func host(of authority: String) -> Substring {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      let rest = authority[end...].dropFirst()
      guard rest.isEmpty || rest.hasPrefix(":") else { return authority[...] }
      return authority[..<end].dropFirst()
    }
    return authority.prefix { $0 != ":" }
  }
}
