import ArgumentParser
import Ledger

/// `codemint watch`: live progress.
struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Shows the progress of jobs while they run.",
    discussion: """
      With numbers it ends when all of these jobs have: with status 0 if every one is completed, \
      else with 1. Without, it shows open jobs and the latest finished ones until Ctrl-C. On a \
      terminal the bars redraw themselves; elsewhere, and with TERM=dumb, each tenth and each \
      change of state is a line. "sync" tells how many codes other systems have yet to take, or \
      refused.
      """
  )

  @Argument(help: "Numbers of jobs.")
  var jobs: [Int64] = []

  @Option(help: "How many jobs to show at most, if none is named.")
  var limit = 10

  @OptionGroup var options: SettingsOptions

  func validate() throws {
    guard (1...100).contains(limit) else { throw ValidationError("--limit must be from 1 to 100") }
  }

  func run() async throws {
    let settings = try options.load()
    try await JobSession.run(settings) { desk in
      let watch = JobWatch(desk: desk, output: .standardOutput)
      guard !jobs.isEmpty else { return try await watch.followOpen(limit: limit) }
      let ended = try await watch.follow(jobs)
      guard ended.allSatisfy({ $0.state == "completed" }) else {
        throw ExitCode(ExitStatus.failed.rawValue)
      }
    }
  }
}
