/// What a statement returned: rows, and the server's notices.
public struct Rows: Sendable, RandomAccessCollection {
  struct ColumnDescription: Sendable {
    let name: String
    let type: UInt32
  }

  private let storage: ResultStorage
  private let columns: [ColumnDescription]

  /// What the server said beside the result, until the statement's transaction had ended if the
  /// statement was one by itself.
  public let notices: [Notice]

  /// The index of the first row.
  public let startIndex = 0
  /// The number of rows.
  public let endIndex: Int

  init(_ storage: ResultStorage, notices: [Notice]) {
    self.storage = storage
    self.notices = notices
    endIndex = storage.handle.rowCount
    columns = (0..<storage.handle.columnCount).map { column in
      ColumnDescription(
        name: storage.handle.columnName(column),
        type: storage.handle.columnType(column)
      )
    }
  }

  /// The server's name for what it did, for instance COMMIT or `INSERT 0 1`.
  var commandTag: String { storage.handle.commandTag }

  /// Whether a WARNING came along.
  public var hasWarning: Bool { notices.contains { $0.isWarning } }

  /// The row at `index`, counted from 0.
  public subscript(index: Int) -> Row {
    precondition(index >= 0 && index < endIndex, "no such row")
    return Row(storage: storage, columns: columns, index: index)
  }

  /// The only row of a statement that returns exactly one.
  /// - Throws: `unexpectedResult` if there are none or several.
  public func one() throws(PostgresError) -> Row {
    guard count == 1 else {
      throw PostgresError(.unexpectedResult, "expected one row, got \(count)")
    }
    return self[0]
  }
}

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
