import ArgumentParser
import Ledger

/// What the commands that steer jobs have in common: several jobs at once, each for itself.
struct SteeringOptions: ParsableArguments {
  @Argument(help: "Numbers of jobs.")
  var jobs: [Int64]

  @Option(help: "Why; kept in codemint.job_actions.")
  var note: String?

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  /// Does it to each job, tells how each stands, and ends with 65 if one was refused.
  func steer(_ action: JobAction) async throws {
    let settings = try options.load()
    let outcomes = try await JobSession.run(settings) { desk in
      var outcomes: [Outcome] = []
      for job in jobs {
        do {
          let sentence = try await desk.steer(job, action, note: note)
          outcomes.append(Outcome(job: job, done: true, outcome: sentence))
        } catch let error as LedgerError {
          outcomes.append(Outcome(job: job, done: false, outcome: error.description))
        }
      }
      return outcomes
    }
    try print(outcomes)
    if !outcomes.allSatisfy(\.done) { throw ExitCode(ExitStatus.data.rawValue) }
  }

  /// What came of it for one job.
  private struct Outcome: Encodable {
    let job: Int64
    let done: Bool
    let outcome: String
  }

  private func print(_ outcomes: [Outcome]) throws {
    if json { return try FileDescriptor.standardOutput.json(outcomes) }
    for outcome in outcomes {
      if outcome.done {
        FileDescriptor.standardOutput.line(outcome.outcome)
      } else {
        FileDescriptor.standardError.line("codemint: \(outcome.outcome)")
      }
    }
  }
}
