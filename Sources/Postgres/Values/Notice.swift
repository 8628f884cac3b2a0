/// A message that the server sent along with a statement and that is no error.
///
/// A WARNING that comes with a commit can mean that the commit is not what it seems, for instance
/// that a wait for a synchronous standby was cut short.
public struct Notice: Hashable, Sendable {
  /// WARNING, NOTICE, INFO, LOG or DEBUG, never translated.
  public let severity: String
  /// Five characters (PostgreSQL manual, appendix A); empty if the server gave none.
  public let sqlState: String
  /// The primary message.
  public let message: String

  /// Whether the server thinks that something is wrong.
  public var isWarning: Bool { severity == "WARNING" }
}
