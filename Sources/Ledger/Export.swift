public import Postgres

/// Reads the codes of a job out of the database, in constant memory: a cursor on the server hands
/// them over some thousand at a time. Who reads needs the role `codemint_reader`.
public struct ExportQueries: Sendable {
  private let pool: Pool

  /// Queries to this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// How codes are written down.
  public enum Format: String, Sendable, CaseIterable {
    /// Comma-separated values with a line of names first (RFC 4180, with LF for line ends). A text that a
    /// spreadsheet would take for a formula has an apostrophe in front.
    case csv
    /// The same with every text as it is, for programs.
    case verbatimCSV
    /// One JSON object a line.
    case jsonl

    /// What comes before the codes.
    var head: String {
      switch self {
      case .csv, .verbatimCSV: ExportStatements.columns + "\n"
      case .jsonl: ""
      }
    }

    var cursor: Query {
      switch self {
      case .csv: Query(ExportStatements.csv, [.bool(true)])
      case .verbatimCSV: Query(ExportStatements.csv, [.bool(false)])
      case .jsonl: Query(ExportStatements.jsonLines)
      }
    }
  }

  /// How much was written.
  public struct Summary: Hashable, Sendable {
    /// The number of codes.
    public var codes = 0
    /// Codes with an apostrophe in front of a text, which is not part of it.
    public var marked = 0
  }

  /// Hands over the codes that count for a job, as they stood when it began, as pieces of text that
  /// are whole lines. They are in no particular order.
  ///
  /// - Parameter write: Takes a piece. What it throws ends the export.
  /// - Returns: How many codes there were, and how many were marked for spreadsheets.
  /// - Throws: `LedgerError` if there is no such job, the database's error, or what `write` threw.
  public func export(
    _ job: Int64,
    as format: Format,
    _ write: (String) throws -> Void
  ) async throws -> Summary {
    var stopped: (any Error)?
    var summary = Summary()
    let found = try await pool.withConnection { (connection) throws(PostgresError) in
      try await connection.transaction { (connection) throws(PostgresError) in
        guard try await open(job, format, on: connection) else { return false }
        stopped = Self.attempt { try write(format.head) }
        while stopped == nil {
          let rows = try await connection.query(ExportStatements.next)
          if rows.isEmpty { break }
          summary.codes += rows.count
          var piece = ""
          for row in rows {
            if try row.bool("is_marked") { summary.marked += 1 }
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
    return summary
  }

  private func open(_ job: Int64, _ format: Format, on connection: Connection)
    async throws(PostgresError) -> Bool
  {
    _ = try await connection.query(ExportStatements.utc)
    guard try await connection.query(ExportStatements.exists, [.int8(job)]).count == 1 else {
      return false
    }
    let cursor = format.cursor
    _ = try await connection.query(cursor.statement, [.int8(job)] + cursor.parameters)
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

/// What an export runs, within one transaction. The database writes the lines.
private enum ExportStatements {
  static let utc: Statement = "SET LOCAL TIME ZONE 'UTC'"

  static let exists: Statement = "SELECT id FROM codemint.jobs WHERE id = $1"

  static let next: Statement = "FETCH 2000 FROM export"

  /// The names of the columns, in the order of a line.
  static let columns =
    "id,code,job_id,reward_id,status,sync_status,external_ids,created_at,expires_at,updated_at,"
    + "stored_at,synced_at"

  static let jsonLines: Statement = """
    DECLARE export NO SCROLL CURSOR FOR
    SELECT row_to_json(c)::text AS line, false AS is_marked
    FROM (SELECT id, code, job_id, reward_id, status, sync_status, external_ids, created_at,
                 expires_at, updated_at, stored_at, synced_at
          FROM codemint.codes WHERE job_id = $1 AND NOT surplus) AS c
    """

  /// Texts are put into quotes where they have to be; times are as in JSON.
  ///
  /// Spreadsheets take a cell for a formula if it begins with one of a few characters, quoted or not, and
  /// some split a line at semicolons and tabs too (source: OWASP, CSV Injection). A prefix comes from
  /// whoever inserts a job, and a formula acts with the rights of whoever opens the file.
  static let csv: Statement = """
    DECLARE export NO SCROLL CURSOR FOR
    SELECT q.is_marked, concat_ws(',', c.id::text, q.code, c.job_id::text, c.reward_id::text, q.status,
             c.sync_status, q.external_ids,
             coalesce(to_json(c.created_at) #>> '{}', ''),
             coalesce(to_json(c.expires_at) #>> '{}', ''),
             coalesce(to_json(c.updated_at) #>> '{}', ''),
             coalesce(to_json(c.stored_at) #>> '{}', ''),
             coalesce(to_json(c.synced_at) #>> '{}', '')) AS line
    FROM codemint.codes c
    CROSS JOIN LATERAL (
      SELECT CASE WHEN $2 AND c.code ~ '^[-=+@＝＋－＠\\t\\r\\n]' THEN '''' ELSE '' END AS code,
             CASE WHEN $2 AND c.status ~ '^[-=+@＝＋－＠\\t\\r\\n]' THEN '''' ELSE '' END AS status
    ) AS mark
    CROSS JOIN LATERAL (
      SELECT CASE WHEN c.code ~ '[",;\\t\\r\\n]'
                  THEN '"' || mark.code || replace(c.code, '"', '""') || '"'
                  ELSE mark.code || c.code END AS code,
             CASE WHEN c.status ~ '[",;\\t\\r\\n]'
                  THEN '"' || mark.status || replace(c.status, '"', '""') || '"'
                  ELSE mark.status || c.status END AS status,
             '"' || replace(c.external_ids::text, '"', '""') || '"' AS external_ids,
             (mark.code || mark.status) <> '' AS is_marked) AS q
    WHERE c.job_id = $1 AND NOT c.surplus
    """
}
