import ArgumentParser
import Ledger
import Provisioning

/// What the commands that steer jobs share: they take several jobs and act on each one separately.
struct SteeringOptions: ParsableArguments {
  @Argument(help: "Numbers of jobs.")
  var jobs: [Int64]

  @Option(help: "The reason; it is kept in codemint.job_actions.")
  var note: String?

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  /// Does `action` to each job and prints each result. Ends with 65 if one job was refused.
  func steer(_ action: JobAction) async throws {
    try await steer { queries, job in try await queries.steer(job, action, note: note) }
  }

  /// The same with an action of any kind, which returns a sentence.
  func steer(_ act: (JobQueries, Int64) async throws -> String) async throws {
    let settings = try options.loadDatabase()
    let outcomes = try await JobSession.run(settings) { queries in
      var outcomes: [Outcome] = []
      for job in jobs {
        do {
          let sentence = try await act(queries, job)
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

  /// The result for one job.
  private struct Outcome: Encodable {
    let job: Int64
    let done: Bool
    let outcome: String
  }

  private func print(_ outcomes: [Outcome]) throws {
    if json { return try FileDescriptor.standardOutput.json(outcomes) }
    for outcome in outcomes {
      if outcome.done {
        try FileDescriptor.standardOutput.line(outcome.outcome)
      } else {
        Complaint.say("codemint: \(outcome.outcome)")
      }
    }
  }
}

/// `codemint cancel`: stops jobs for ever.
struct CancelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Stops jobs for ever; codes already issued stay.",
    discussion: """
      Calls that are already claimed are still made, and their codes count; until they have an outcome \
      the job is "ending". A job that is completed or failed is refused with status 65; the other jobs \
      are cancelled all the same.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.cancel) }
}

/// `codemint pause`: makes no new calls for jobs.
struct PauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Makes no new calls for jobs until they are resumed.",
    discussion: """
      Calls that are already claimed are still made, and their codes count. A job that has ended is \
      refused with status 65.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.pause) }
}

/// `codemint resume`: continues paused jobs.
struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Continues paused jobs.",
    discussion: """
      Of a job that is not paused the command says that nothing was done; a job that has ended is \
      refused with status 65. A held job stays held; `codemint resolve` or `codemint retry` releases it.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.resume) }
}

/// `codemint retry`: opens failed or cancelled jobs again.
struct RetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Opens failed or cancelled jobs again, for the codes that are missing.",
    discussion: """
      Surplus codes of the job are used first; only the rest is asked for. A job that is held because \
      the API refused its reward continues too. A job that is held for a call in doubt needs `codemint \
      resolve` first. Of a job that is queued or running and not held the command says that nothing was \
      done; a completed job is refused with status 65.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.retry) }
}

/// `codemint resolve`: records a person's decision about a held call.
struct ResolveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "Decides about a held call, which codemint cannot decide by itself.",
    discussion: """
      The view codemint.doubts lists held calls. adopt takes the codes that were found upstream for \
      the call. absent says that the call made no codes; they are then asked for again. The decision \
      is kept with its time, its author and its reason.
      """
  )

  /// The two possible decisions.
  enum Decision: String, ExpressibleByArgument, CaseIterable {
    case adopt, absent
  }

  @Argument(help: "The call's id, a UUID.")
  var call: String

  @Argument(help: "adopt or absent.")
  var decision: Decision

  @Option(help: "The reason; it is kept with the call.")
  var note: String

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let call = try UniqueID(argument: call, of: "call").description
    let settings = try options.loadDatabase()
    let outcome = try await JobSession.run(settings) { queries in
      do {
        let sentence = try await queries.resolve(call, adopts: decision == .adopt, note: note)
        return Outcome(call: call, done: true, outcome: sentence)
      } catch let error as LedgerError where json {
        return Outcome(call: call, done: false, outcome: error.description)
      }
    }
    let output = FileDescriptor.standardOutput
    guard json else { return try output.line(outcome.outcome) }
    try output.json(outcome)
    if !outcome.done { throw ExitCode(ExitStatus.data.rawValue) }
  }

  /// The result of the decision.
  private struct Outcome: Encodable {
    let call: String
    let done: Bool
    let outcome: String
  }
}
