import ArgumentParser
import Ledger

/// What the commands share that show records of the ledger, newest first.
struct RecordOptions: ParsableArguments {
  @Argument(help: "The job's number; all jobs if not given.")
  var job: Int64?

  @Option(help: "The most rows.")
  var limit = 20

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var colours: ColourOptions

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard (1...10_000).contains(limit) else {
      throw ValidationError("--limit must be from 1 to 10000")
    }
  }

  /// Prints the records, as the table that `table` makes of them.
  func show<Record: Decodable>(
    _ ask: (JobQueries) async throws -> String,
    as table: ([Record]) -> TextTable
  ) async throws {
    let text = try await JobSession.run(try options.loadDatabase(), ask)
    let output = FileDescriptor.standardOutput
    if json { return try output.json(text: text) }
    let records: [Record] = try LedgerReport.read(text)
    guard !records.isEmpty else { return try output.line("none") }
    try output.painted(table(records).lines(colours.palette))
  }
}

/// `codemint calls`: the requests that were made.
struct CallsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calls",
    abstract: "Shows the latest calls, newest first.",
    discussion: """
      A call is one request for at most 500 codes. The views codemint.call_log and codemint.doubts have the \
      same and more. REMARK is why a call made no codes, why it is held, and how a person decided it.
      """
  )

  @Option(
    help:
      "Only calls in this state: sending, issued, rejected, unsent, in_doubt, adopted or absent."
  )
  var state: String?

  @OptionGroup var records: RecordOptions

  func run() async throws {
    try await records.show(
      { try await $0.calls(of: records.job, state: state, limit: records.limit) },
      as: TextTable.calls
    )
  }
}

/// `codemint actions`: what operators did.
struct ActionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "actions",
    abstract: "Shows what operators and producers did to jobs: who, when and why, newest first.",
    discussion: """
      The table codemint.job_actions keeps what operators did for ever, also to jobs that were purged, and of what a \
      producer did to its job the latest hundred actions. Decisions about held \
      calls are among them; `codemint calls` has the note of each.
      """
  )

  @OptionGroup var records: RecordOptions

  func run() async throws {
    try await records.show(
      { try await $0.actions(on: records.job, limit: records.limit) },
      as: TextTable.actions
    )
  }
}
