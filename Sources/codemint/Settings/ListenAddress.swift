/// Where the web surface listens, if it does.
enum ListenAddress: Hashable, Sendable {
  case off
  case address(host: String, port: Int)

  /// What is meant if nothing is said: this machine alone.
  static let standard = ListenAddress.address(host: "127.0.0.1", port: 9420)

  /// Reads `HOST:PORT`, with an IPv6 address in brackets, or nothing at all for `off`; nil if the
  /// text is neither.
  init?(_ text: String) {
    guard !text.isEmpty else {
      self = .off
      return
    }
    guard let colon = text.lastIndex(of: ":"),
      let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port),
      text[text.index(after: colon)...].allSatisfy(\.isNumber)
    else { return nil }
    var host = text[..<colon]
    if host.first == "[", host.last == "]" {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    let isClean = host.allSatisfy { $0.isLetter || $0.isNumber || ".:-_%".contains($0) }
    guard !host.isEmpty, isClean else { return nil }
    self = .address(host: String(host), port: port)
  }
}

extension ListenAddress: CustomStringConvertible {
  /// As it is written in the settings.
  var description: String {
    switch self {
    case .off: "off"
    case .address(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }
}
