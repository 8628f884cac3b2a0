import ArgumentParser
import Ledger

/// `codemint resolve`: what a person decides about a held call.
struct ResolveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "Decides a call that codemint could not decide: see the view codemint.doubts.",
    discussion: """
      adopt takes the codes that were found upstream for the call; absent says that it made none, \
      and frees its room, so that they are asked for again. Who decided, when and why is kept.
      """
  )

  /// The two things that can be said of a doubtful call.
  enum Decision: String, ExpressibleByArgument, CaseIterable {
    case adopt, absent
  }

  @Argument(help: "The call's id, a UUID.")
  var call: String

  @Argument(help: "adopt or absent.")
  var decision: Decision

  @Option(help: "Why; kept with the call.")
  var note: String

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let settings = try options.load()
    let outcome = try await JobSession.run(settings) { desk in
      do {
        let sentence = try await desk.resolve(call, adopts: decision == .adopt, note: note)
        return Outcome(call: call, done: true, outcome: sentence)
      } catch let error as LedgerError where json {
        return Outcome(call: call, done: false, outcome: error.description)
      }
    }
    let output = FileDescriptor.standardOutput
    guard json else { return output.line(outcome.outcome) }
    try output.json(outcome)
    if !outcome.done { throw ExitCode(ExitStatus.data.rawValue) }
  }

  /// What came of it.
  private struct Outcome: Encodable {
    let call: String
    let done: Bool
    let outcome: String
  }
}
