/// Why a server that answers lets nobody in. Waiting helps only against `crowd`, unless somebody changes the server.
public enum LoginRefusal: Sendable, CaseIterable {
  /// There is no such database (3D000).
  case database
  /// The password is wrong (28P01). Servers say the same of a role that does not exist.
  case password
  /// There is no such role, or the server does not let it in (class 28).
  case role
  /// It takes no more connections, in all, of the role or to the database (53300).
  case crowd

  init?(sqlState: String) {
    switch (sqlState, sqlState.prefix(2)) {
    case ("3D000", _): self = .database
    case ("28P01", _): self = .password
    case (_, "28"): self = .role
    case ("53300", _): self = .crowd
    default: return nil
    }
  }

  /// What happened, in plain words.
  public var words: String {
    switch self {
    case .database: "the database does not exist"
    case .password: "the server refuses the password"
    case .role: "the server does not let the role in"
    case .crowd: "the server takes no more connections"
    }
  }

  /// What helps.
  public var remedy: String {
    switch self {
    case .database: "create the database, or correct its name in the URL"
    case .password: "correct the user or the password in the URL"
    case .role: "create the role, let it log in (pg_hba.conf), or correct the user in the URL"
    case .crowd:
      "end sessions that nobody needs, or raise max_connections or the CONNECTION LIMIT of the role or the database"
    }
  }

  /// Whether it may pass without anybody's doing.
  public var mayPass: Bool { self == .crowd }
}

/// Tells a login that is refused from a server that cannot be reached. libpq has no SQLSTATE for an
/// attempt to connect, only the server's words, so this knows the words in which English servers refuse.
extension LoginRefusal {
  /// What the words mean, and the SQLSTATE that the server had.
  private static let refusals: [(part: String, sqlState: String)] = [
    ("authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("pg_hba.conf rejects connection", "28000"),
    ("is not permitted to log in", "28000"),
    ("role \"", "28000"),
    ("database \"", "3D000"),
    ("sorry, too many clients already", "53300"),
    ("too many connections for ", "53300"),
    ("remaining connection slots are reserved", "53300"),
  ]

  /// The SQLSTATE of a refusal, class 28, 3D000 or 53300; nil for any other failure.
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
      refusals.first { line.contains($0.part) && isRefusal(line, $0.part) }?.sqlState
    }
    return states.allSatisfy { $0 != nil } ? states.first.flatMap(\.self) : nil
  }

  /// A role or database is named in many messages; only one that does not exist is a refusal.
  private static func isRefusal(_ line: Substring, _ part: String) -> Bool {
    !part.hasSuffix("\"") || line.contains("\" does not exist")
  }
}
