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
    SELECT row_to_json(c)::text AS line
    FROM (SELECT id, code, job_id, reward_id, status, sync_status, external_ids, created_at,
                 expires_at, updated_at, stored_at, synced_at
          FROM codemint.codes WHERE job_id = $1 AND NOT surplus) AS c
    """

  /// Texts are put into quotes where they have to be; times are as in JSON.
  static let csv: Statement = """
    DECLARE export NO SCROLL CURSOR FOR
    SELECT concat_ws(',', c.id::text, q.code, c.job_id::text, c.reward_id::text, q.status,
             c.sync_status, q.external_ids,
             coalesce(to_json(c.created_at) #>> '{}', ''),
             coalesce(to_json(c.expires_at) #>> '{}', ''),
             coalesce(to_json(c.updated_at) #>> '{}', ''),
             coalesce(to_json(c.stored_at) #>> '{}', ''),
             coalesce(to_json(c.synced_at) #>> '{}', '')) AS line
    FROM codemint.codes c
    CROSS JOIN LATERAL (
      SELECT CASE WHEN c.code ~ '[",\\r\\n]' THEN '"' || replace(c.code, '"', '""') || '"'
                  ELSE c.code END AS code,
             CASE WHEN c.status ~ '[",\\r\\n]' THEN '"' || replace(c.status, '"', '""') || '"'
                  ELSE c.status END AS status,
             '"' || replace(c.external_ids::text, '"', '""') || '"' AS external_ids) AS q
    WHERE c.job_id = $1 AND NOT c.surplus
    """
}
