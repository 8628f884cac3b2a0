/// Tells a login that is refused from a server that cannot be reached. libpq has no SQLSTATE for an
/// attempt to connect, only the server's words, so this knows the words in which English servers refuse.
enum LoginRefusal {
  /// What the words mean, and the SQLSTATE that the server had.
  private static let words: [(part: String, sqlState: String)] = [
    ("authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("pg_hba.conf rejects connection", "28000"),
    ("is not permitted to log in", "28000"),
    ("role \"", "28000"),
    ("database \"", "3D000"),
  ]

  /// The SQLSTATE of a refusal, class 28 or 3D000; nil for any other failure.
  ///
  /// - Parameters:
  ///   - message: libpq's message, with a line for each attempt. If one of several servers failed for
  ///     another reason, the login may yet be accepted, so that is no refusal.
  ///   - needsPassword: Whether the server asked for a password and there was none.
  static func sqlState(of message: String, needsPassword: Bool) -> String? {
    if needsPassword { return "28P01" }
    let lines = message.split(whereSeparator: \.isNewline)
      .filter { !$0.hasPrefix("password retrieved from file") }
    let states = lines.map { line -> String? in
      words.first { line.contains($0.part) && isRefusal(line, $0.part) }?.sqlState
    }
    return states.allSatisfy { $0 != nil } ? states.first.flatMap(\.self) : nil
  }

  /// A role or database is named in many messages; only one that does not exist is a refusal.
  private static func isRefusal(_ line: Substring, _ part: String) -> Bool {
    !part.hasSuffix("\"") || line.contains("\" does not exist")
  }
}
