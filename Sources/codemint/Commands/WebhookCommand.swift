import ArgumentParser
import Foundation
import Ledger

/// `codemint webhook`: what operators do with webhooks.
struct WebhookCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "webhook",
    abstract: "Tries, lists and repeats webhooks.",
    discussion: """
      The daemon sends events of jobs to the webhooks of the settings (docs/webhooks.md). `codemint webhook list` \
      shows how each one is, `codemint webhook test NAME` sends it one message now, and `codemint webhook resend \
      NAME` sends again what it did not take for three days. Each takes --json.
      """,
    subcommands: [WebhookListCommand.self, WebhookTestCommand.self, WebhookResendCommand.self]
  )
}

/// `codemint webhook list`: how the webhooks are.
struct WebhookListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Shows how each webhook is, and how many events wait for it.",
    discussion: """
      The view codemint.webhook_backlog has the same. DEAD are events that it did not take for three days; the view \
      codemint.webhook_problems has each of them, and `codemint webhook resend` sends them again.
      """
  )

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var colours: ColourOptions

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let text = try await JobSession.run(try options.loadDatabase()) { try await $0.webhooks() }
    let output = FileDescriptor.standardOutput
    if json { return try output.json(text: text) }
    let webhooks: [LedgerReport.Webhook] = try LedgerReport.read(text)
    guard !webhooks.isEmpty else { return try output.line("no daemon has named a webhook") }
    try output.painted(TextTable.webhooks(webhooks).lines(colours.palette))
  }
}

extension TextTable {
  static func webhooks(_ webhooks: [LedgerReport.Webhook]) -> TextTable {
    var table = TextTable([
      ("WEBHOOK", .left), ("STATE", .left), ("WAITING", .right), ("DEAD", .right),
      ("LAST SUCCESS", .left), ("LAST FAILURE", .left), ("HOST", .left), ("LAST ERROR", .left),
    ])
    for webhook in webhooks {
      table.add(
        [
          webhook.webhook, webhook.state, "\(webhook.waiting)", "\(webhook.dead)",
          webhook.lastSuccessAt ?? "never", webhook.lastFailureAt ?? "never", webhook.host,
          webhook.trouble ?? "",
        ]
      )
    }
    return table
  }
}

/// `codemint webhook test`: sends one message.
struct WebhookTestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Sends one signed message to a webhook, and says what came of it.",
    discussion: """
      The message has the type webhook.test and is signed as those of events are. It needs the settings and secrets \
      of the daemon, and no database. It ends with status 0 if the receiver answered with 2xx, else with 1.
      """
  )

  @Argument(help: "The name of the webhook in the settings.")
  var name: String

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let senders = try options.load().webhookSenders()
    guard let sender = senders.first(where: { $0.entry.name == name }) else {
      let known = senders.map(\.entry.name).joined(separator: ", ")
      throw CommandError(
        .data,
        "there is no webhook \(name) in the settings" + (known.isEmpty ? "" : "; there is \(known)")
      )
    }
    let start = ContinuousClock.now
    let sent = await sender.send(
      Self.body,
      id: "test_\(UUID().uuidString.lowercased())",
      attempt: 1
    )
    let outcome = Outcome(
      webhook: name,
      delivered: sent.ending == .delivered,
      status: sent.status,
      durationMilliseconds: (ContinuousClock.now - start).milliseconds,
      outcome: sent.ending.error ?? "the receiver took it"
    )
    let output = FileDescriptor.standardOutput
    if json {
      try output.json(outcome)
    } else {
      let answer = sent.status.map { "answered \($0)" } ?? "no answer"
      try output.line(
        "\(name): \(answer) in \(outcome.durationMilliseconds) ms; \(outcome.outcome)"
      )
    }
    if !outcome.delivered { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  private static var body: String {
    let now = Date().formatted(.iso8601)
    return #"{"type":"webhook.test","timestamp":"\#(now)","data":{}}"#
  }

  /// What came of it.
  private struct Outcome: Encodable {
    let webhook: String
    let delivered: Bool
    let status: Int?
    let durationMilliseconds: Int64
    let outcome: String

    enum CodingKeys: String, CodingKey {
      case webhook, delivered, status, outcome
      case durationMilliseconds = "duration_ms"
    }
  }
}

/// `codemint webhook resend`: sends dead letters again.
struct WebhookResendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resend",
    abstract: "Sends events again that a webhook did not take.",
    discussion: """
      Those are the dead letters in codemint.webhook_problems. A daemon sends them within a second, those of a job in \
      their order, and as often as new ones. The function codemint.resend_webhook does the same. A webhook that \
      the ledger does not know is refused with status 65.
      """
  )

  @Argument(help: "The name of the webhook in the settings.")
  var name: String

  @Option(help: "Only the event with this number; all dead letters if not given.")
  var event: Int64?

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let outcome = try await JobSession.run(try options.loadDatabase()) { queries in
      try await queries.resend(to: name, event: event)
    }
    let output = FileDescriptor.standardOutput
    if json { return try output.json(["webhook": name, "outcome": outcome]) }
    try output.line(outcome)
  }
}
