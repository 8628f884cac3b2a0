/// The text of one SQL statement, with `$1`, `$2`, ... for its parameters.
///
/// A literal is a statement; an interpolated string is not, so that no value gets into SQL text by
/// accident.
public struct Statement: Hashable, Sendable, ExpressibleByStringLiteral {
  /// The text.
  public let sql: String

  /// A statement whose text is not a literal, for instance read from a file of one's own.
  public init(_ sql: String) {
    self.sql = sql
  }

  /// A statement from its literal text.
  public init(stringLiteral sql: String) {
    self.sql = sql
  }
}
