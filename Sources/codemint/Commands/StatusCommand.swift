import ArgumentParser
import Ledger

/// `codemint status`: how it all is, what needs a person, and the jobs.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Says whether all is well, what needs you, and how jobs stand.",
    discussion: """
      The first line is the verdict, which the view codemint.verdict has too. Then comes what needs a \
      person (codemint.needs_you), each with the command that helps. Of the jobs, those that are held come \
      first, then those that run, those that wait, and those that have ended. WHY is why a job waits or how it \
      failed (codemint.waits). SYNC is the number of codes that Shopify or Stripe has not taken yet, or has \
      refused. Producers see their own jobs, without the verdict.
      """
  )

  @Argument(help: "Numbers of jobs.")
  var jobs: [Int64] = []

  @Option(
    help:
      "Only jobs in this state: open, held, paused, queued, running, ending, completed, failed or cancelled.",
    completion: .list(JobFilter.states)
  )
  var state: String?

  @Option(help: "Only jobs of this reward; the beginning of its id will do.")
  var reward: String?

  @Option(help: "Only jobs that this login has inserted.")
  var creator: String?

  @Option(help: "Only jobs inserted since then, for example today or \"2026-12-24 08:00+01\".")
  var since: String?

  @Option(help: "The most jobs to show if no numbers are given.")
  var limit = 20

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var colours: ColourOptions

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard (1...10_000).contains(limit) else {
      throw ValidationError("--limit must be from 1 to 10000")
    }
    guard state.map(JobFilter.states.contains) ?? true else {
      throw ValidationError("--state must be one of \(JobFilter.states.joined(separator: ", "))")
    }
  }

  func run() async throws {
    let settings = try options.loadDatabase()
    let filter = JobFilter(state: state, reward: reward, creator: creator, since: since)
    let text = try await JobSession.run(settings) { queries in
      // A number that does not exist is an error that names it.
      if !jobs.isEmpty { _ = try await queries.status(of: jobs) }
      return try await queries.report(
        filter,
        jobs: jobs.isEmpty ? nil : jobs,
        limit: jobs.isEmpty ? limit : max(1, Set(jobs).count)
      )
    }
    if json { return try FileDescriptor.standardOutput.json(text: text) }
    let report: LedgerReport.Status = try LedgerReport.read(text)
    let board = StatusText(
      report: report,
      isFiltered: filter != JobFilter(),
      isChosen: !jobs.isEmpty,
      palette: colours.palette
    )
    try FileDescriptor.standardOutput.painted(board.lines)
  }
}

/// What `codemint status` prints for people.
struct StatusText {
  let report: LedgerReport.Status
  /// Whether the jobs match a filter.
  let isFiltered: Bool
  /// Whether the jobs were named by number.
  let isChosen: Bool
  let palette: Palette

  /// The lines, made harmless.
  var lines: [String] {
    var lines: [String] = []
    if let verdict = report.verdict {
      lines.append(palette.paint(verdict.words, Palette.Tint(level: verdict.level)))
    }
    lines.append(palette.paint(accountLine, nil))
    if let contradictions = report.account.apiContradictions {
      lines.append(palette.paint("the API contradicts itself: \(contradictions)", .warning))
    }
    if let needs = report.needsYou, !needs.isEmpty, !isChosen {
      lines.append("")
      lines += needs.prefix(Self.mostNeeds).flatMap(need)
      if needs.count > Self.mostNeeds {
        lines.append("... and \(needs.count - Self.mostNeeds) more: see codemint.needs_you")
      }
    }
    lines.append("")
    guard !report.jobs.isEmpty else { return lines + [isFiltered ? "no such jobs" : "no jobs"] }
    return lines + table.lines(palette) + (more.map { [$0] } ?? [])
  }

  private static let mostNeeds = 20

  private func need(_ need: LedgerReport.Need) -> [String] {
    let since = need.since.map { ", since \($0.asTime)" } ?? ""
    // The command does what a statement of codemint does. Everything else is said besides.
    let words = need.whatToDo.hasPrefix("SELECT codemint.") ? [] : [need.whatToDo]
    return [
      palette.paint("\(need.subject)\(since)", .bad) + ": "
        + palette.paint(need.why, nil)
    ] + words.map { "  " + palette.paint($0, nil) } + ["  " + palette.paint(need.command, .strong)]
  }

  private var accountLine: String {
    let account = report.account
    var line = "account \(account.state)"
    if let reason = account.reason { line += " (\(reason))" }
    if let message = account.message { line += ": \(message)" }
    if let until = account.pausedUntil { line += " until \(until.asTime)" }
    if let api = account.apiWords { line += ", API \(api)" }
    if let left = account.codesLeftToday { line += ", \(left) code(s) left today" }
    return line + ", \(pace), \(account.inFlight) in flight, \(account.workers) worker(s)"
  }

  /// The configured pace, and the current pace if that is lower.
  private var pace: String {
    let account = report.account
    guard let configured = account.requestsPerSecond else { return "no limits known" }
    let text = "\(Setting.plain(configured)) requests/s"
    guard let reason = account.paceReason, let pace = account.currentRequestsPerSecond else {
      return text
    }
    return "\(Setting.plain(pace)) of \(text) (\(reason))"
  }

  /// How many jobs are not shown, and how to see them.
  private var more: String? {
    let open = report.jobs.count { !$0.isFinished }
    let shown = isFiltered || isChosen ? report.jobs.count : open
    guard shown < report.total else { return nil }
    let total = report.total > 10_000 ? "over 10000" : "\(report.total)"
    return "\n\(shown) of \(total) \(isFiltered ? "such" : "open") jobs; to see more or others: "
      + "--limit, --state, --reward, --creator, --since"
  }

  private var table: TextTable {
    var table = TextTable([
      ("JOB", .right), ("STATE", .left), ("ISSUED", .right), ("COUNT", .right), ("LEFT", .left),
      ("SYNC", .left), ("REWARD", .left), ("PREFIX", .left), ("BY", .left), ("WHY", .left),
    ])
    for job in report.jobs {
      table.add(
        [
          "\(job.id)", job.states.joined(separator: ","), "\(job.issued)", "\(job.count)",
          job.timeLeft ?? "", sync(of: job), job.rewardId.shortID, job.prefix ?? "",
          [job.createdBy, job.dedupeKey ?? job.campaign].compactMap(\.self).joined(separator: " "),
          job.explanation,
        ],
        tints: [nil, Palette.Tint(state: job.state, isStuck: job.isStuck)]
      )
    }
    return table
  }

  private func sync(of job: LedgerReport.Job) -> String {
    JobSync.words(
      pending: job.syncPending ?? 0,
      error: job.syncError ?? 0,
      isDone: job.syncDoneAt != nil && job.issued > 0
    )
  }
}
