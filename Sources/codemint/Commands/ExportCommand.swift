import ArgumentParser
import Ledger
import Postgres

/// `codemint export`: the codes of a job, which is what they are bought for.
struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes the codes of a job, with their sync status, as CSV or JSON lines.",
    discussion: """
      This is the one command that shows codes; the database login needs the role codemint_reader. \
      Codes that no job has room for are left out. A million codes take no more memory than a \
      thousand. With --output the file appears under its name when it is whole, for its owner alone; \
      on standard output a status other than 0 says that something is missing.
      """
  )

  @Argument(help: "The job's number.")
  var job: Int64

  @Option(help: "csv, with a line of names first, or jsonl, one object a line.")
  var format = Layout.csv

  @Option(
    help: "The file to write; standard output if not given.",
    completion: .file()
  )
  var output: String?

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    var connection = try options.load().connectionSettings()
    // Whoever reads the output may take a break.
    connection.idleInTransactionTimeout = nil
    let pool = Pool(connection, limit: 1)
    do {
      try await export(ExportDesk(pool: pool))
      await pool.close()
    } catch {
      await pool.close()
      throw error
    }
  }

  private func export(_ desk: ExportDesk) async throws {
    guard let output else {
      _ = try await desk.export(job, as: format.format) {
        try FileDescriptor.standardOutput.writeAll($0)
      }
      return
    }
    let file = try OutputFile(output)
    do {
      let count = try await desk.export(job, as: format.format) { try file.write($0) }
      try file.finish()
      FileDescriptor.standardError.line("\(count) codes written to \(output)")
    } catch {
      file.abandon()
      throw error
    }
  }
}

/// What --format takes.
enum Layout: String, ExpressibleByArgument, CaseIterable {
  case csv, jsonl

  var format: ExportDesk.Format {
    switch self {
    case .csv: .csv
    case .jsonl: .jsonl
    }
  }
}
