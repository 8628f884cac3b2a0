import ArgumentParser
import Ledger
import Postgres

/// `codemint export`: writes the codes of a job.
struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes the codes of a job, with their sync status, as CSV or JSON lines.",
    discussion: """
      This is the only command that shows codes; the database login needs the role codemint_reader. \
      Surplus codes are left out. A million codes take no more memory than a thousand. With --output \
      the file appears under its name when it is complete, and only its owner may read it. On standard \
      output, a status other than 0 says that the output is incomplete.
      """
  )

  @Argument(help: "The job's number.")
  var job: Int64

  @Option(help: "csv, whose first line has the names, or jsonl, one object a line.")
  var format = Layout.csv

  @Option(
    help: "The file to write; standard output if not given.",
    completion: .file()
  )
  var output: String?

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    var connection = try options.load().connectionSettings()
    // The reader of the output may pause for any time.
    connection.idleInTransactionTimeout = nil
    let pool = Pool(connection, limit: 1)
    do {
      try await export(ExportQueries(pool: pool))
      await pool.close()
    } catch {
      await pool.close()
      throw error
    }
  }

  private func export(_ queries: ExportQueries) async throws {
    guard let output else {
      _ = try await queries.export(job, as: format.format) {
        try FileDescriptor.standardOutput.write($0)
      }
      return
    }
    let file = try OutputFile(output)
    do {
      let count = try await queries.export(job, as: format.format) { try file.write($0) }
      try file.finish()
      Complaint.say("\(count) codes written to \(output)")
    } catch {
      file.abandon()
      throw error
    }
  }
}

/// The values of --format.
enum Layout: String, ExpressibleByArgument, CaseIterable {
  case csv, jsonl

  var format: ExportQueries.Format {
    switch self {
    case .csv: .csv
    case .jsonl: .jsonl
    }
  }
}
