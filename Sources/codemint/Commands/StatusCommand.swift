import ArgumentParser
import Ledger

/// `codemint status`: the state of jobs and of the account.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows the state of jobs, and whether calls may be sent.",
    discussion: """
      Without job numbers it shows open jobs and the latest finished jobs. The views \
      codemint.job_status, codemint.account_status, codemint.doubts and codemint.sync_problems show \
      the same and more. SYNC is the number of codes that Shopify or Stripe has not taken yet, or has \
      refused.
      """
  )

  @Argument(help: "Numbers of jobs.")
  var jobs: [Int64] = []

  @Option(help: "The most jobs to show if no numbers are given.")
  var limit = 20

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard (1...10_000).contains(limit) else {
      throw ValidationError("--limit must be from 1 to 10000")
    }
  }

  func run() async throws {
    let settings = try options.load()
    let report = try await JobSession.run(settings) { queries in
      let found =
        jobs.isEmpty ? try await queries.recent(limit: limit) : try await queries.status(of: jobs)
      let sync = try await queries.sync(of: found.map(\.id))
      return Report(
        account: try await queries.account(),
        jobs: found.map { .init(status: $0, sync: sync[$0.id]) }
      )
    }
    if json {
      try FileDescriptor.standardOutput.json(report)
    } else {
      for line in report.lines { try FileDescriptor.standardOutput.line(line) }
    }
  }

  /// The account and the jobs, for JSON and for people.
  private struct Report: Encodable {
    let account: AccountStatus
    let jobs: [Entry]

    /// One job. In JSON, the members of both parts are members of one object.
    struct Entry: Encodable {
      let status: JobStatus
      let sync: JobSync?

      func encode(to encoder: any Encoder) throws {
        try status.encode(to: encoder)
        try sync?.encode(to: encoder)
      }
    }

    var lines: [String] {
      let facts = account.apiContradictions.map { "the API contradicts itself: \($0)".onOneLine }
      return [accountLine.onOneLine] + (facts.map { [$0] } ?? []) + [""]
        + (jobs.isEmpty ? ["no jobs"] : table.lines)
    }

    private var accountLine: String {
      var line = "account \(account.state)"
      if let reason = account.reason { line += " (\(reason))" }
      if let message = account.message { line += ": \(message)" }
      if let until = account.pausedUntil { line += " until \(until)" }
      if let api = account.api { line += ", API \(api)" }
      if let left = account.codesLeftToday { line += ", \(left) code(s) left today" }
      return line + ", \(pace), \(account.inFlight) in flight, \(account.workers) worker(s)"
    }

    /// The configured pace, and the current pace if that is lower.
    private var pace: String {
      guard let configured = account.requestsPerSecond else { return "no limits known" }
      let text = "\(Setting.plain(configured)) requests/s"
      guard let reason = account.paceReason, let pace = account.currentPace else { return text }
      return "\(Setting.plain(pace)) of \(text) (\(reason))"
    }

    private var table: TextTable {
      var table = TextTable([
        ("JOB", .right), ("STATE", .left), ("ISSUED", .right), ("COUNT", .right),
        ("DOUBT", .right), ("CODES/S", .right), ("LEFT", .left), ("SYNC", .left),
        ("REWARD", .left), ("ERROR", .left),
      ])
      for entry in jobs {
        let job = entry.status
        let flags = [job.paused ? "paused" : nil, job.held ? "held" : nil].compactMap { $0 }
        table.add([
          "\(job.id)", ([job.state] + flags).joined(separator: ","), "\(job.issued)",
          "\(job.count)", "\(job.inDoubt)", job.codesPerSecond.map { "\($0)" } ?? "",
          job.timeLeft ?? "", entry.sync?.words ?? "", job.reward,
          [job.errorCode, job.errorMessage].compactMap { $0 }.joined(separator: ": "),
        ])
      }
      return table
    }
  }
}
