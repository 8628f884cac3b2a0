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
      when the job ends: with status 0 if the job is completed, else with 1.
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

  @Option(help: "A key of your own; the job is refused if a job with this key was ever inserted.")
  var dedupeKey: String?

  @Option(help: "A JSON object of your own; it is kept with the job.")
  var metadata: String?

  @Flag(help: "Wait until the job ends.")
  var wait = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let reward = try UniqueID(argument: reward, of: "reward").description
    let settings = try options.load()
    try await JobSession.run(settings) { queries in
      let job = try await queries.enqueue(
        JobRequest(
          reward: reward,
          count: count,
          prefix: prefix,
          priority: priority,
          runAt: runAt,
          dedupeKey: dedupeKey,
          metadata: metadata
        )
      )
      try tell(job)
      if wait { try await waitForEnd(of: job, queries) }
    }
  }

  /// Prints the job's number. If that fails, the complaint has it: whoever does not know that there is a
  /// job would insert it again.
  private func tell(_ job: Int64) throws {
    let output = FileDescriptor.standardOutput
    do {
      if json { try output.json(["job": job]) } else { try output.line("\(job)") }
    } catch OutputError.failed(let reason) {
      throw CommandError(.ioError, "\(reason); the job was inserted, and its number is \(job)")
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
