/// What a statement returned: rows, the number of rows that it touched, and the server's notices.
public struct Rows: Sendable, RandomAccessCollection {
  struct ColumnDescription: Sendable {
    let name: String
    let type: UInt32
  }

  private let storage: ResultStorage
  private let columns: [ColumnDescription]

  /// The number of rows that the statement inserted, updated, deleted or returned; zero for
  /// statements to which that does not apply.
  public let affectedRows: Int
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
    affectedRows = storage.handle.affectedRows ?? 0
    columns = (0..<storage.handle.columnCount).map { column in
      ColumnDescription(
        name: storage.handle.columnName(column),
        type: storage.handle.columnType(column)
      )
    }
  }

  /// The names of the columns, in the statement's order.
  public var columnNames: [String] { columns.map(\.name) }

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

  /// The row of a statement that returns at most one.
  /// - Throws: `unexpectedResult` if there are several.
  public func oneOrNone() throws(PostgresError) -> Row? {
    guard count <= 1 else {
      throw PostgresError(.unexpectedResult, "expected at most one row, got \(count)")
    }
    return first
  }
}
