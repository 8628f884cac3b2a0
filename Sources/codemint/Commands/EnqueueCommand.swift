import ArgumentParser
import Ledger
import Provisioning

/// `codemint enqueue`: inserts one job without SQL.
struct EnqueueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enqueue",
    abstract: "Inserts a job: COUNT codes for REWARD.",
    discussion: """
      It prints the job's number. With --wait it then shows the progress on standard error and ends \
      when the job ends: with status 0 if the job is completed, else with 1. With --check nothing is inserted: it \
      says whether such a job would be taken, what it would wait for, and about how long it would take. The status is \
      then 65 if the job would be refused.
      """
  )

  @Argument(help: "The reward's id, a UUID.")
  var reward: String

  @Argument(help: "How many codes, 1 to 1000000.")
  var count: Int32

  @Option(help: "The first characters of every code, 1 to 32.")
  var prefix: String?

  @Option(help: "0 is served first, 9 last; 5 if not given.")
  var priority: Int16?

  @Option(help: "The earliest time to begin, for example \"2026-12-24 08:00+01\" or tomorrow.")
  var runAt: String?

  @Option(
    help:
      "A key of your own: the same job is inserted once, however often you ask; another job with it is refused."
  )
  var dedupeKey: String?

  @Option(help: "A JSON object of your own; it is kept with the job.")
  var metadata: String?

  @Flag(help: "Wait until the job ends.")
  var wait = false

  @Flag(help: "Insert nothing; say whether such a job would be taken, and what it would wait for.")
  var check = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard !(check && wait) else {
      throw ValidationError("--check inserts nothing that --wait could wait for")
    }
  }

  func run() async throws {
    let reward = try UniqueID(argument: reward, of: "reward").description
    let settings = try options.loadDatabase()
    let request = JobRequest(
      reward: reward,
      count: count,
      prefix: prefix,
      priority: priority,
      runAt: runAt,
      dedupeKey: dedupeKey,
      metadata: metadata
    )
    try await JobSession.run(settings) { queries in
      if check { return try tell(try await queries.check(request)) }
      let (job, isNew, differs) = try await queries.enqueue(request)
      try tell(job, isNew: isNew, differs: differs)
      if wait { try await waitForEnd(of: job, queries) }
    }
  }

  /// What is known beforehand, with `--json`.
  private struct Check: Encodable {
    let taken: Bool
    let findings: [JobFinding]
  }

  private func tell(_ findings: [JobFinding]) throws {
    let output = FileDescriptor.standardOutput
    let isTaken = findings.first?.verdict != "refused"
    if json {
      try output.json(Check(taken: isTaken, findings: findings))
    } else {
      for (number, finding) in findings.enumerated() {
        let words = "\(finding.verdict.padded(10))\(finding.about): \(finding.finding)"
        try output.line(number == 0 ? finding.finding : "  \(words)")
      }
    }
    if !isTaken { throw ExitCode(ExitStatus.data.rawValue) }
  }

  /// The job, with `--json`.
  private struct Inserted: Encodable {
    let job: Int64
    let isNew: Bool

    enum CodingKeys: String, CodingKey {
      case job
      case isNew = "is_new"
    }
  }

  /// Prints the job's number. If that fails, the complaint has it: whoever does not know that there is a
  /// job would insert it again.
  private func tell(_ job: Int64, isNew: Bool, differs: String?) throws {
    let output = FileDescriptor.standardOutput
    do {
      if json {
        try output.json(Inserted(job: job, isNew: isNew))
      } else {
        try output.line("\(job)")
      }
    } catch OutputError.failed(let reason) {
      throw CommandError(.ioError, "\(reason); the job was inserted, and its number is \(job)")
    }
    if !isNew {
      try? FileDescriptor.standardError.line(
        "job \(job) was inserted before with this key; nothing was inserted now"
          + (differs.map { ", and it has \($0)" } ?? "")
      )
    }
  }

  private func waitForEnd(of job: Int64, _ queries: JobQueries) async throws {
    let ended = try await JobWatch(queries: queries, output: .standardError).follow([job])
    guard let status = ended.first, status.state != "completed" else { return }
    throw CommandError(
      .failed,
      "job \(job) is \(status.state): \(status.errorMessage ?? "no reason is recorded")"
    )
  }
}
