/// Checks a database URL before libpq reads it. libpq takes the first `@` or `/` for an end, whatever was
/// meant. So in a URL with an `@` or a `/` too many, a part of the password becomes a host or a port, and
/// these are shown in errors.
enum DatabaseURL {
  /// - Throws: `invalidSettings`, with a sentence that shows nothing of the URL. A text that is no URL
  ///   passes.
  static func check(_ text: String) throws(PostgresError) {
    let schemes = ["postgresql://", "postgres://"]
    guard let scheme = schemes.first(where: text.hasPrefix) else { return }
    let rest = text.dropFirst(scheme.count)
    let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    let authority = rest[..<end]
    guard !rest[end...].contains("@") else {
      throw refusal(
        "has an @ behind its first / ? or #; inside of a user, password or other value, "
          + "write @ as %40, / as %2F, ? as %3F and # as %23"
      )
    }
    let parts = authority.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count <= 2, let hosts = parts.last else {
      throw refusal("has more than one @; inside of a user or password, write @ as %40")
    }
    for host in hosts.split(separator: ",", omittingEmptySubsequences: false) {
      try check(host: host)
    }
  }

  /// A host, perhaps with a port: `name:5432`, `[::1]:5432`, `%2Frun%2Fpostgresql`.
  private static func check(host text: Substring) throws(PostgresError) {
    var name = text.prefix { $0 != ":" }
    var rest = text[name.endIndex...]
    if text.first == "[" {
      guard let close = text.firstIndex(of: "]") else { throw refusal("has a [ without a ]") }
      name = text[..<close].dropFirst()
      rest = text[close...].dropFirst()
      guard name.contains(":") else { throw refusal("has no IPv6 address between its [ and ]") }
    }
    let isName = name.unicodeScalars.allSatisfy { scalar in
      scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        || "-._~%:".unicodeScalars.contains(scalar)
    }
    guard isName else { throw refusal("has a character in its host that no host has") }
    let port = rest.dropFirst()
    let number = port.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(port) : nil
    let isPort = rest.first == ":" && (port.isEmpty || (1...65_535).contains(number ?? 0))
    guard rest.isEmpty || isPort else {
      throw refusal("has a port that is not a number from 1 to 65535")
    }
  }

  private static func refusal(_ rule: String) -> PostgresError {
    PostgresError(.invalidSettings, "the database URL \(rule)")
  }
}
