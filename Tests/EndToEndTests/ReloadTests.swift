import Backstage
import Foundation
import LocalPostgres
import Sandbox
import Testing

@testable import codemint

@Suite("Settings read again", .timeLimit(Patience.limit))
struct ReloadTests {
  @Test("SIGHUP takes over limits and log level; a wrong file is refused and changes nothing")
  func reload() async throws {
    try await Stage.play { stage in
      let file = stage.directory + "/codemint.yaml"
      func write(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
      }
      func rate() async throws -> Int {
        try await stage.database.number("SELECT requests_per_second::bigint FROM codemint.account")
      }
      try write("limits:\n  requests_per_second: 7\nlog:\n  level: debug\n")
      let daemon = try stage.daemon([
        "CODEMINT_CONFIG": file, "CODEMINT_LIMITS_REQUESTS_PER_SECOND": nil,
      ])
      try await daemon.errors.line("SIGHUP reads limits, webhooks and log level")
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.account WHERE requests_per_second = 7)"
      )
      try write("limits:\n  requests_per_second: 9\nlog:\n  level: info\n")
      daemon.send(SIGHUP)
      try await daemon.errors.line("limits, webhooks and log level read again")
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.account WHERE requests_per_second = 9)"
      )
      try write("limits:\n  requests_per_second: many\n")
      daemon.send(SIGHUP)
      let refusal = try await daemon.errors.line("the settings are refused")
      #expect(refusal.contains("limits.requests_per_second"))
      #expect(try await rate() == 9)

      // A heartbeat puts in force what an operator sets.
      try await stage.database.run("SELECT codemint.set_limits(requests_per_second => 30)")
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.account WHERE requests_per_second = 30)"
      )
      try await stage.database.insert(Job(Reward.first, 1200))
      try await stage.database.allEnded()
      #expect(try await rate() == 30)
      #expect(try await stage.count() == Stage.Count(stored: 1200, distinct: 1200, made: 1200))
    }
  }

  @Test(
    "SIGHUP takes over webhooks: a new one gets events, a removed one none, and a new secret signs; a wrong file changes nothing"
  )
  func webhooks() async throws {
    try await Stage.play { stage in
      let (first, second) = (try Receiver(), try Receiver())
      let (old, new) = (Self.secret(1), Self.secret(2))
      let credentials = URL(fileURLWithPath: stage.directory + "/credentials")
      try FileManager.default.createDirectory(at: credentials, withIntermediateDirectories: true)
      let file = stage.directory + "/codemint.yaml"
      func write(_ receivers: String, _ secrets: String) throws {
        let text =
          "webhooks: {first_seconds: 0.02, longest_seconds: 0.2, receivers: [\(receivers)]}\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try Data(secrets.utf8).write(to: credentials.appending(path: "webhook-secrets"))
      }
      var jobs = 0
      /// Runs a job, and returns its number.
      func job() async throws -> String {
        jobs += 1
        try await stage.database.insert(Job(Reward.numbered(jobs), 10))
        try await stage.database.allEnded()
        return "\(jobs)"
      }
      func signed(_ message: Receiver.Message, with secrets: String...) -> Bool {
        let signatures = secrets.compactMap { WebhookSecret($0) }.map {
          $0.signature(id: message.id, timestamp: message.timestamp, body: Array(message.body.utf8))
        }
        return message.signature == signatures.joined(separator: " ")
      }

      try write("", "\n")
      let daemon = try stage.daemon([
        "CODEMINT_CONFIG": file, "CREDENTIALS_DIRECTORY": credentials.path,
      ])
      try await daemon.errors.line("ready")
      _ = try await job()
      // Events are for those who are there when they are numbered.
      try await Patience.until {
        try await stage.database.holds("NOT EXISTS (SELECT FROM codemint.unnumbered_events)")
      }

      try write(first.setting("shop"), "shop=\(old)\n")
      try await daemon.reload()
      try await stage.named("shop")
      var number = try await job()
      var message = try await first.completed(number)
      #expect(signed(message, with: old))
      #expect(!first.all.contains { $0.value("job") == "1" })

      try write(first.setting("shop"), "shop=\(old)\nshop=\(new)\n")
      try await daemon.reload()
      number = try await job()
      message = try await first.completed(number)
      #expect(signed(message, with: old, new))

      // Nothing of a wrong file counts, whatever else is in it.
      for (receivers, secrets) in [
        (second.setting("shop"), "other=\(new)\n"), (second.setting("shop"), "shop=whsec_x\n"),
        (second.setting("shop", kinds: #""nothing""#), "shop=\(new)\n"),
      ] {
        try write(receivers, secrets)
        try await daemon.reload("the settings are refused")
        number = try await job()
        message = try await first.completed(number)
        #expect(signed(message, with: old, new))
      }
      #expect(second.all.isEmpty)

      // A secret may be left when its webhook is gone: systemd keeps it until the next start.
      first.behave { _, _ in .answer(500) }
      _ = try await job()
      try await first.until { $0.contains { !$0.isTaken } }
      try write(second.setting("stock"), "shop=\(new)\nstock=\(new)\n")
      try await daemon.reload()
      try await stage.named("stock")
      number = try await job()
      message = try await second.completed(number)
      #expect(signed(message, with: new))
      // What was under way has been taken or not, and nothing follows.
      try await Patience.until {
        try await stage.database.holds(
          """
          NOT EXISTS (SELECT FROM codemint.webhook_deliveries
                      WHERE webhook = 'shop' AND next_try_at > now() + interval '5 seconds')
          """
        )
      }
      let tried = first.all.count
      number = try await job()
      _ = try await second.completed(number)
      #expect(first.all.count == tried)
      for secret in [old, new] { #expect(daemon.errors.count(secret) == 0) }
    }
  }

  private static func secret(_ byte: UInt8) -> String {
    "whsec_" + Data(repeating: byte, count: 32).base64EncodedString()
  }
}

extension CodemintProcess {
  /// Makes a daemon read its settings again, and waits for what it says about that.
  fileprivate func reload(_ answer: String = "limits, webhooks and log level read again")
    async throws
  {
    let earlier = errors.all.count { $0.contains(answer) }
    send(SIGHUP)
    try await Patience.until { self.errors.all.count { $0.contains(answer) } > earlier }
  }
}

extension Receiver {
  /// Waits for the message that a job is completed.
  fileprivate func completed(_ job: String) async throws -> Message {
    @Sendable func find(_ messages: [Message]) -> Message? {
      messages.first { $0.value("job") == job && $0.value("type") == "job.completed" && $0.isTaken }
    }
    try await until { find($0) != nil }
    return try #require(find(all))
  }
}
