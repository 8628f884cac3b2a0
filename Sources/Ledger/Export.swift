public import Postgres

/// Reads the codes of a job out of the database, in constant memory: a cursor on the server hands
/// them over some thousand at a time. A login with the role `codemint_reader` reads the codes of every job, one
/// with `codemint_producer` those of its own.
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
    func head(_ columns: [ExportColumn]) -> String {
      switch self {
      case .csv, .verbatimCSV: columns.map(\.rawValue).joined(separator: ",") + "\n"
      case .jsonl: ""
      }
    }

    fileprivate func cursor(_ columns: [ExportColumn], of sight: ExportSight) -> Statement {
      switch self {
      case .csv: sight.csv(columns, marks: true)
      case .verbatimCSV: sight.csv(columns, marks: false)
      case .jsonl: sight.jsonLines(columns)
      }
    }
  }

  /// How much was written.
  public struct Summary: Hashable, Sendable {
    /// The base URL of the API that made the codes; nil if none was asked.
    public var api: String?
    /// Whether that API is a stand-in, so that no code of it is real.
    public var isStandIn = false
    /// The number of codes.
    public var codes = 0
    /// Codes with an apostrophe in front of a text, which is not part of it.
    public var marked = 0
  }

  /// Hands over the codes that count for a job, as they stood when it began, as pieces of text that
  /// are whole lines. They are in no particular order.
  ///
  /// - Parameters:
  ///   - columns: What is written of each code.
  ///   - write: Takes a piece. What it throws ends the export.
  /// - Returns: Whose codes they are, how many, and how many were marked for spreadsheets.
  /// - Throws: `LedgerError` if there is no such job, the database's error, or what `write` threw.
  public func export(
    _ job: Int64,
    as format: Format,
    columns: [ExportColumn] = ExportColumn.allCases,
    _ write: (String) throws -> Void
  ) async throws -> Summary {
    var stopped: (any Error)?
    var summary = Summary()
    let found = try await pool.withConnection { (connection) throws(PostgresError) in
      try await connection.transaction { (connection) throws(PostgresError) in
        _ = try await connection.query(ExportSight.utc)
        let seesOwn = try await connection.query(ExportSight.isProducer).one().bool("is_producer")
        let sight = seesOwn ? ExportSight.own : .all
        guard let found = try await connection.query(sight.job, [.int8(job)]).first else {
          return false
        }
        summary.api = try found.optionalText("api")
        summary.isStandIn = try found.optionalBool("is_stand_in") ?? false
        _ = try await connection.query(format.cursor(columns, of: sight), [.int8(job)])
        stopped = Self.attempt { try write(format.head(columns)) }
        while stopped == nil {
          let rows = try await connection.query(ExportSight.next)
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

  private static func attempt(_ body: () throws -> Void) -> (any Error)? {
    do {
      try body()
      return nil
    } catch {
      return error
    }
  }
}

/// What an export can write of a code.
public enum ExportColumn: String, Sendable, CaseIterable {
  case id, code
  case job = "job_id"
  case reward = "reward_id"
  case status
  case syncStatus = "sync_status"
  case externalIDs = "external_ids"
  case createdAt = "created_at"
  case expiresAt = "expires_at"
  case updatedAt = "updated_at"
  case storedAt = "stored_at"
  case syncedAt = "synced_at"
  /// The base URL of the API that made the code.
  case api

  /// What has it, in a query of codes as `c` with their job as `j`.
  fileprivate var source: String { (self == .api ? "j." : "c.") + rawValue }

  /// Whether others choose its text.
  fileprivate var isText: Bool { self == .code || self == .status || self == .api }

  /// Spreadsheets take a cell for a formula if it begins with one of a few characters, quoted or not, and
  /// some split a line at semicolons and tabs too (source: OWASP, CSV Injection). A prefix comes from
  /// whoever inserts a job, and a formula acts with the rights of whoever opens the file.
  fileprivate var isFormula: String { #"\#(source) ~ '^[-=+@＝＋－＠\t\r\n]'"# }

  /// Its cell in a line of CSV. Texts are put into quotes where they have to be; times are as in JSON.
  fileprivate func cell(marks: Bool) -> String {
    switch self {
    case .code, .status, .api:
      let mark = marks ? "CASE WHEN \(isFormula) THEN '''' ELSE '' END || " : ""
      return #"""
        CASE WHEN \#(source) ~ '[",;\t\r\n]' THEN '"' || \#(mark)replace(\#(source), '"', '""') || '"'
             ELSE \#(mark)\#(source) END
        """#
    case .externalIDs: return #"'"' || replace(\#(source)::text, '"', '""') || '"'"#
    case .createdAt, .expiresAt, .updatedAt, .storedAt, .syncedAt:
      return "to_json(\(source)) #>> '{}'"
    case .id, .job, .reward, .syncStatus: return "\(source)::text"
    }
  }
}

/// What an export reads, within one transaction. The database writes the lines.
private enum ExportSight {
  /// The codes of all jobs, for readers.
  case all
  /// Those of the login's own jobs, for producers.
  case own

  static let utc: Statement = "SET LOCAL TIME ZONE 'UTC'"

  /// Whether the login may read its own codes and no others.
  static let isProducer: Statement = """
    SELECT NOT has_column_privilege('codemint.codes', 'code', 'SELECT')
           AND has_column_privilege('codemint.my_codes', 'code', 'SELECT') AS is_producer
    """

  static let next: Statement = "FETCH 2000 FROM export"

  private var jobs: String {
    switch self {
    case .all: "codemint.jobs"
    case .own: "codemint.my_jobs"
    }
  }

  private var codes: String {
    let source =
      switch self {
      case .all: "(SELECT * FROM codemint.codes WHERE NOT surplus)"
      case .own: "codemint.my_codes"
      }
    return
      "FROM \(source) c CROSS JOIN (SELECT api FROM \(jobs) WHERE id = $1) j WHERE c.job_id = $1"
  }

  var job: Statement {
    Statement("SELECT api, codemint.is_stand_in(api) AS is_stand_in FROM \(jobs) WHERE id = $1")
  }

  func jsonLines(_ columns: [ExportColumn]) -> Statement {
    Statement(
      """
      DECLARE export NO SCROLL CURSOR FOR
      SELECT row_to_json(l)::text AS line, false AS is_marked
      FROM (SELECT \(columns.map(\.source).joined(separator: ", ")) \(codes)) AS l
      """
    )
  }

  func csv(_ columns: [ExportColumn], marks: Bool) -> Statement {
    let cells = columns.map { "coalesce(\($0.cell(marks: marks)), '')" }
    let formulas = marks ? columns.filter(\.isText).map { "coalesce(\($0.isFormula), false)" } : []
    return Statement(
      """
      DECLARE export NO SCROLL CURSOR FOR
      SELECT concat_ws(',', \(cells.joined(separator: ",\n"))) AS line,
             \((formulas + ["false"]).joined(separator: " OR ")) AS is_marked
      \(codes)
      """
    )
  }
}
