public import Postgres

/// Reads the codes of a job out of the database, in constant memory: a cursor on the server hands
/// them over some thousand at a time. Who reads needs the role `codemint_reader`.
public struct ExportDesk: Sendable {
  private let pool: Pool

  /// A desk at this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// How codes are written down.
  public enum Format: String, Sendable, CaseIterable {
    /// Comma-separated values with a line of names first (RFC 4180, with LF for line ends).
    case csv
    /// One JSON object a line.
    case jsonl

    /// What comes before the codes.
    var head: String {
      switch self {
      case .csv: ExportStatements.columns + "\n"
      case .jsonl: ""
      }
    }

    var cursor: Statement {
      switch self {
      case .csv: ExportStatements.csv
      case .jsonl: ExportStatements.jsonLines
      }
    }
  }

  /// Hands over the codes that count for a job, as they stood when it began, as pieces of text that
  /// are whole lines. They are in no particular order.
  ///
  /// - Parameter write: Takes a piece. What it throws ends the export.
  /// - Returns: How many codes there were.
  /// - Throws: `LedgerError` if there is no such job, the database's error, or what `write` threw.
  public func export(
    _ job: Int64,
    as format: Format,
    _ write: (String) throws -> Void
  ) async throws -> Int {
    var stopped: (any Error)?
    var count = 0
    let found = try await pool.withConnection { (connection) throws(PostgresError) in
      try await connection.transaction { (connection) throws(PostgresError) in
        guard try await open(job, format, on: connection) else { return false }
        stopped = Self.attempt { try write(format.head) }
        while stopped == nil {
          let rows = try await connection.query(ExportStatements.next)
          if rows.isEmpty { break }
          count += rows.count
          var piece = ""
          for row in rows {
            piece += try row.text("line")
            piece += "\n"
          }
          stopped = Self.attempt { try write(piece) }
        }
        return true
      }
    }
    if let stopped { throw stopped }
    guard found else { throw LedgerError(.job, "there is no job \(job)") }
    return count
  }

  private func open(_ job: Int64, _ format: Format, on connection: Connection)
    async throws(PostgresError) -> Bool
  {
    _ = try await connection.query(ExportStatements.utc)
    guard try await connection.query(ExportStatements.exists, [.int8(job)]).count == 1 else {
      return false
    }
    _ = try await connection.query(format.cursor, [.int8(job)])
    return true
  }

  private static func attempt(_ body: () throws -> Void) -> (any Error)? {
    do {
      try body()
      return nil
    } catch {
      return error
    }
  }
}
