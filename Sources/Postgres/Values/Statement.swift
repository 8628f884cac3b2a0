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

/// A statement with its parameters.
public struct Query: Sendable {
  /// The statement.
  public let statement: Statement
  /// The values of `$1`, `$2` and so on.
  public let parameters: [Parameter]

  /// A statement with its parameters.
  public init(_ statement: Statement, _ parameters: [Parameter] = []) {
    self.statement = statement
    self.parameters = parameters
  }
}

/// The statements that a connection's server process keeps prepared.
struct PreparedStatements {
  /// A statement is prepared for the types of its parameters: a null can have another one.
  struct Key: Hashable {
    let sql: String
    let types: [UInt32]

    init(_ query: Query) {
      sql = query.statement.sql
      types = query.parameters.map(\.type)
    }
  }

  /// More than any program has constant statements. What comes after them runs unprepared, so that
  /// text made up on the fly cannot fill the server's memory.
  static let limit = 256

  private var names: [Key: String] = [:]
  private var lastNumber = 0

  var isFull: Bool { names.count >= Self.limit }

  func name(_ key: Key) -> String? { names[key] }

  /// A name that this connection has not used before.
  mutating func makeName() -> String {
    lastNumber += 1
    return "statement_\(lastNumber)"
  }

  mutating func remember(_ key: Key, as name: String) {
    names[key] = name
  }

  mutating func forgetAll() {
    names = [:]
  }
}
