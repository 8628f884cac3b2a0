import ArgumentParser
import Ledger
import OneOfNone
import Postgres
import Provisioning

/// `codemint audit`: compares all codes upstream with the ledger.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Compares all codes of a reward upstream with the ledger.",
    discussion: """
      It changes nothing. It ends with status 0 if both sides are the same. If they differ it ends with \
      1 and names the codes by their ids, never by their values. Its requests keep the rate limit, of \
      which it takes slots with the daemon's login. If nothing may be sent for a minute, it ends with \
      status 75. Calls that are made during the audit show as differences, so run it when no job runs.
      """
  )

  @Argument(help: "The reward's id, a UUID.")
  var reward: String

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let id = try UniqueID(argument: reward, of: "reward")
    let settings = try options.load()
    let client = APIClient(try settings.apiConfiguration())
    let pool = Pool(try settings.connectionSettings(), limit: 1)
    let audit = Audit(
      reward: RewardID(id),
      client: client,
      pool: pool,
      pace: RequestPace(pool: pool, limits: settings.limits)
    )
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
    if json { return try output.json(report) }
    for line in report.lines { try output.line(line) }
  }
}
