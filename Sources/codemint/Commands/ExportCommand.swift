import ArgumentParser
import Ledger
import Postgres

/// `codemint export`: writes the codes of a job.
struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes the codes of a job, with their sync status, as CSV or JSON lines.",
    discussion: """
      This is the only command that shows codes. A login with the role codemint_reader exports every job, one \
      with codemint_producer its own. \
      In CSV, a code that a spreadsheet would take for a formula has an apostrophe in front, and the \
      command says how many there are; --verbatim and jsonl write every code as it is. Surplus codes are left \
      out. The column api has the base URL of the API that made the codes. A million codes take no more memory \
      than a thousand. With --output \
      the file appears under its name when it is complete, and only its owner may read it. On standard \
      output, a status other than 0 says that the output is incomplete.
      """
  )

  @Argument(help: "The job's number.")
  var job: Int64

  @Option(help: "csv, whose first line has the names, or jsonl, one object a line.")
  var format = Layout.csv

  @Flag(
    help: "With csv, write every code as it is, also one that a spreadsheet takes for a formula."
  )
  var verbatim = false

  @Option(
    help:
      "The columns to write, in this order, as names with commas between them; all if not given.",
    transform: { try Self.columns($0) }
  )
  var columns = ExportColumn.allCases

  @Option(
    help: "The file to write; standard output if not given.",
    completion: .file()
  )
  var output: String?

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let settings = try options.loadDatabase()
    var connection = try settings.connectionSettings()
    // The reader of the output may pause for any time.
    connection.idleInTransactionTimeout = nil
    let pool = Pool(connection, limit: 1)
    do {
      try await export(ExportQueries(pool: pool))
      await pool.close()
    } catch {
      await pool.close()
      throw JobSession.explained(error, settings)
    }
  }

  private func export(_ queries: ExportQueries) async throws {
    guard let output else {
      let summary = try await queries.export(job, as: chosen, columns: columns) {
        try FileDescriptor.standardOutput.write($0)
      }
      return warn(of: summary)
    }
    let file = try OutputFile(output)
    do {
      let summary = try await queries.export(job, as: chosen, columns: columns) {
        try file.write($0)
      }
      try file.finish()
      Complaint.say("\(summary.codes) codes written to \(output)")
      warn(of: summary)
    } catch {
      file.abandon()
      throw error
    }
  }
}

/// The values of --format.
enum Layout: String, ExpressibleByArgument, CaseIterable {
  case csv, jsonl
}

extension ExportCommand {
  private var chosen: ExportQueries.Format {
    switch format {
    case .csv: verbatim ? .verbatimCSV : .csv
    case .jsonl: .jsonl
    }
  }

  /// Nobody shall take a stand-in's code for a real one, or an apostrophe for a part of a code.
  private func warn(of summary: ExportQueries.Summary) {
    if let api = summary.api, summary.isStandIn {
      Complaint.say(
        "codemint: SANDBOX: these codes are of \(api), a stand-in: none of them is real"
      )
    }
    guard summary.marked > 0 else { return }
    Complaint.say(
      """
      codemint: \(summary.marked) codes begin with a character that spreadsheets take for a formula, so \
      they have an apostrophe in front; --verbatim writes them as they are
      """
    )
  }

  private static func columns(_ text: String) throws -> [ExportColumn] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { name in
      guard let column = ExportColumn(rawValue: String(name)) else {
        let known = ExportColumn.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("there is no column \"\(name)\"; there are \(known)")
      }
      return column
    }
  }
}
