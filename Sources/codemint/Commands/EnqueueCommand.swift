import ArgumentParser
import Ledger

/// `codemint enqueue`: one job, without writing SQL.
struct EnqueueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enqueue",
    abstract: "Inserts a job: COUNT codes for REWARD.",
    discussion: """
      Prints the job's number. With --wait it then shows the progress on standard error and ends \
      when the job does: with status 0 if it is completed, else with 1.
      """
  )

  @Argument(help: "The reward's id, a UUID.")
  var reward: String

  @Argument(help: "How many codes, 1 to 1000000.")
  var count: Int32

  @Option(help: "What the codes shall begin with, 1 to 32 characters.")
  var prefix: String?

  @Option(help: "0 goes first, 9 last; 5 if not given.")
  var priority: Int16?

  @Option(help: "Not before this time, for example \"2026-12-24 08:00+01\" or tomorrow.")
  var runAt: String?

  @Option(help: "Refused if a job with this key was ever inserted.")
  var dedupeKey: String?

  @Option(help: "A JSON object of your own, kept with the job.")
  var metadata: String?

  @Flag(help: "Wait for the job's end.")
  var wait = false

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let settings = try options.load()
    try await JobSession.run(settings) { desk in
      let job = try await desk.enqueue(
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
      let output = FileDescriptor.standardOutput
      if json { try output.json(["job": job]) } else { output.line("\(job)") }
      if wait { try await follow(job, desk) }
    }
  }

  private func follow(_ job: Int64, _ desk: JobDesk) async throws {
    let ended = try await JobWatch(desk: desk, output: .standardError).follow([job])
    guard let status = ended.first, status.state != "completed" else { return }
    throw CommandError(
      .failed,
      "job \(job) is \(status.state): \(status.errorMessage ?? "no reason is recorded")"
    )
  }
}
