import ArgumentParser
import Ledger

/// `codemint approve`: lets large jobs proceed.
struct ApproveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approve",
    abstract: "Lets jobs proceed that ask for so many codes that a person has to look first.",
    discussion: """
      codemint.set_approve_above says above how many codes a job waits. `codemint cancel` refuses it. Of a \
      job that does not wait for an approval the command says that nothing was done; a job that has ended \
      is refused with status 65.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.approve) }
}

/// `codemint accept-api`: says that codes may be bought from an API.
struct AcceptAPICommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "accept-api",
    abstract: "Says that codes may be bought from the API of the settings.",
    discussion: """
      A ledger that has never had an answer from an API sends one job of at most 500 codes by itself, and \
      its first answer accepts the API. If more waits, nothing is sent before somebody accepts the API, \
      because this may be a queue of a trial. The same holds if api.base_url is changed. A stand-in on this \
      machine (plain http) is used without a word. Open jobs that \
      have begun at another API are then held, and what was seen of that API is forgotten. While a call \
      has no outcome, another API is refused with status 65.
      """
  )

  @Option(help: "The base URL to accept; that of the settings if not given.")
  var url: String?

  @Option(help: "The reason; it is kept in codemint.api_acceptances.")
  var note: String?

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let settings = try options.load()
    let url = url ?? settings.api.identity
    let (question, outcome) = try await JobSession.run(settings) { queries in
      (try await queries.askedPurchase(), try await queries.acceptAPI(url, note: note))
    }
    let output = FileDescriptor.standardOutput
    if json { return try output.json(["url": url, "outcome": outcome]) }
    if let question { try output.line("this was asked: \(question)") }
    try output.line(outcome)
  }
}
