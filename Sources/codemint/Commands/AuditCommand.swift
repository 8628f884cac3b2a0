import ArgumentParser
import Ledger
import OneOfNone
import Postgres
import Provisioning

/// `codemint audit`: everything upstream compared with the ledger.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Compares all codes of a reward upstream with the ledger.",
    discussion: """
      Changes nothing. Ends with status 0 if both are the same, with 1 if they differ, and then \
      names the codes by their ids, never by their values. Pages of the listing keep the rate \
      limit; while nothing may be sent it waits, and after a minute ends with status 75. Calls \
      that are being made meanwhile show as differences: audit when nothing runs.
      """
  )

  @Argument(help: "The reward's id, a UUID.")
  var reward: String

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    guard let id = UniqueID(reward) else {
      throw CommandError(.usage, "the reward's id is a UUID, and \(reward) is none")
    }
    let settings = try options.load()
    let client = APIClient(try settings.apiConfiguration())
    let pool = Pool(try settings.connectionSettings(), limit: 1)
    let audit = Audit(reward: RewardID(id), client: client, pool: pool)
    let report: AuditReport
    do {
      report = try await audit.run()
    } catch {
      await client.shutdown()
      await pool.close()
      throw error
    }
    await client.shutdown()
    await pool.close()
    try show(report)
    if !report.isClean { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  private func show(_ report: AuditReport) throws {
    let output = FileDescriptor.standardOutput
    guard json else { return report.lines.forEach(output.line) }
    try output.json(report)
  }
}
