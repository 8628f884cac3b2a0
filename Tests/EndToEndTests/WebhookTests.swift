import Backstage
import Foundation
import Sandbox
import Testing

@testable import codemint

@Suite("Webhooks", .timeLimit(Patience.limit))
struct WebhookTests {
  private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  private static let newSecret = "whsec_" + Data(repeating: 7, count: 32).base64EncodedString()

  /// A daemon that tries again soon.
  private static func settings(_ receivers: [(String, Receiver)], secrets: String? = nil)
    -> [String: String]
  {
    [
      "CODEMINT_WEBHOOKS_RECEIVERS":
        "[\(receivers.map { $1.setting($0) }.joined(separator: ", "))]",
      "CODEMINT_WEBHOOKS_SECRETS": secrets
        ?? receivers.map { "\($0.0)=\(secret)" }.joined(separator: " "),
      "CODEMINT_WEBHOOKS_TIMEOUT_SECONDS": "1", "CODEMINT_WEBHOOKS_FIRST_SECONDS": "0.02",
      "CODEMINT_WEBHOOKS_LONGEST_SECONDS": "0.2", "CODEMINT_POLL_SECONDS": "0.5",
      "CODEMINT_LEASE_SECONDS": "5",
    ]
  }

  /// Inserts jobs, and waits until a webhook has nothing more to get of them.
  private static func play(_ stage: Stage, jobs: Int) async throws {
    try await stage.database.insert((0..<jobs).map { Job(Reward.numbered($0 % 5), 700) })
    try await stage.database.allEnded()
    try await drained(stage)
  }

  private static func drained(_ stage: Stage) async throws {
    try await Patience.until {
      try await stage.database.holds(
        """
        NOT EXISTS (SELECT FROM codemint.unnumbered_events)
        AND (SELECT min(position) FROM codemint.webhooks) >= (SELECT max(id) FROM codemint.events)
        AND NOT EXISTS (SELECT FROM codemint.webhook_deliveries WHERE died_at IS NULL)
        """
      )
    }
  }

  /// Every event was taken; of a job none came before an earlier one was taken; and a message that came again was the
  /// same.
  private static func judge(_ receiver: Receiver, _ stage: Stage) async throws {
    let messages = receiver.all
    let events = try await stage.database.texts("SELECT id FROM codemint.events ORDER BY id")
    #expect(!events.isEmpty)
    let taken = Set(messages.filter(\.isTaken).compactMap { $0.value("event") })
    #expect(
      Set(events).subtracting(taken).isEmpty,
      "lost: \(Set(events).subtracting(taken).sorted())"
    )
    var last: [String: Int] = [:]
    var bodies: [String: String] = [:]
    for message in messages {
      let job = message.value("job") ?? "?"
      let event = message.value("event").flatMap { Int($0) } ?? 0
      #expect(event >= last[job, default: 0], "job \(job): \(event) after \(last[job, default: 0])")
      last[job] = event
      #expect(bodies.updateValue(message.body, forKey: message.id) ?? message.body == message.body)
    }
    #expect(bodies.count == events.count)
  }

  @Test("each event comes once, in order for its job, signed with every secret, and without a code")
  func delivered() async throws {
    try await Stage.play { stage in
      let receiver = try Receiver()
      _ = try stage.daemon(
        Self.settings([("shop", receiver)], secrets: "shop=\(Self.secret) shop=\(Self.newSecret)")
      )
      try await stage.named("shop")
      try await Self.play(stage, jobs: 8)
      try await Self.judge(receiver, stage)
      let messages = receiver.all
      #expect(messages.count == Set(messages.map(\.id)).count)
      let secrets = [Self.secret, Self.newSecret].compactMap { WebhookSecret($0) }
      for message in messages {
        let signatures = secrets.map {
          $0.signature(id: message.id, timestamp: message.timestamp, body: Array(message.body.utf8))
        }
        #expect(message.signature == signatures.joined(separator: " "))
        #expect(abs(message.timestamp - Int64(Date().timeIntervalSince1970)) < 120)
      }
      let kinds = messages.filter { $0.value("job") == "1" }.compactMap { $0.value("type") }
      #expect(kinds.prefix(3) == ["job.queued", "job.running", "job.completed"])
      let codes = try await stage.database.texts("SELECT code FROM codemint.codes LIMIT 500")
      for message in messages { #expect(!codes.contains { message.body.contains($0) }) }
    }
  }

  @Test(
    "a receiver that misbehaves for a while loses nothing and gets nothing out of order",
    arguments: [
      "answers 500", "asks for a pause", "redirects", "closes", "hangs", "is slow", "is mixed",
      "is down",
    ]
  )
  func misbehaves(how: String) async throws {
    try await Stage.play { stage in
      let receiver = try Receiver(isDown: how == "is down") { number, _ in
        switch how {
        case "answers 500": .answer(500)
        case "asks for a pause": .answer(503, headers: ["retry-after: 1"])
        case "redirects": .answer(307, headers: ["location: http://127.0.0.1:1/"])
        case "closes": .close
        case "hangs": .hang
        case "is slow": .slow(200, milliseconds: 100)
        default: [.answer(200), .close, .answer(500), .slow(204, milliseconds: 30)][number % 4]
        }
      }
      _ = try stage.daemon(Self.settings([("shop", receiver)]))
      try await stage.named("shop")
      try await stage.database.insert((0..<6).map { Job(Reward.numbered($0), 700) })
      // Codes do not wait for a webhook.
      try await stage.database.allEnded()
      if !["is slow", "is mixed"].contains(how) {
        try await Patience.until {
          try await stage.database.holds("(SELECT failures FROM codemint.webhooks) > 3")
        }
        #expect(receiver.all.filter(\.isTaken).isEmpty)
        if how == "is down" { try receiver.comeUp() }
        receiver.behave { _, _ in .answer(204) }
      }
      try await Self.drained(stage)
      try await Self.judge(receiver, stage)
    }
  }

  @Test("a daemon that is killed loses no event: another one sends again, under the same ids")
  func killed() async throws {
    try await Stage.play { stage in
      let receiver = try Receiver { number, _ in
        number % 3 == 0 ? .answer(500) : .slow(200, milliseconds: 20)
      }
      let settings = Self.settings([("shop", receiver)])
      var daemon = try stage.daemon(settings)
      try await stage.named("shop")
      try await stage.database.insert((0..<25).map { Job(Reward.numbered($0 % 7), 600) })
      for count in [6, 30] {
        try await receiver.until { $0.count >= count }
        daemon.send(SIGKILL)
        #expect(try await daemon.end() == .signal(SIGKILL))
        daemon = try stage.daemon(settings)
      }
      try await stage.database.allEnded()
      try await Self.drained(stage)
      try await Self.judge(receiver, stage)
    }
  }

  @Test("what one producer has to send in bulk keeps the events of another waiting for a turn only")
  func turns() async throws {
    try await Stage.play { stage in
      let receiver = try Receiver { _, _ in .answer(503) }
      _ = try stage.daemon(Self.settings([("shop", receiver)]))
      try await stage.named("shop")
      try await stage.database.insert((1...300).map { Job(Reward.numbered($0 % 50), 1) })
      try await stage.database.allEnded()
      let quiet = try await stage.login("codemint_producer")
      let enqueue = try stage.codemint(["enqueue", Reward.first, "1", "--wait"], quiet)
      #expect(try await enqueue.end() == .status(0))
      try await Patience.until {
        try await stage.database.holds("NOT EXISTS (SELECT FROM codemint.unnumbered_events)")
      }
      receiver.behave { _, _ in .answer(204) }
      try await Self.drained(stage)
      let taken = receiver.all.filter(\.isTaken)
      let last = try #require(taken.lastIndex { $0.value("job") == "301" })
      #expect(taken.count > 900 && last < 50, "\(last) of \(taken.count)")
    }
  }

  @Test("one that never answers keeps no other webhook waiting, and two daemons share the work")
  func apart() async throws {
    try await Stage.play { stage in
      let (silent, quick) = (try Receiver { _, _ in .hang }, try Receiver())
      let settings = Self.settings([("silent", silent), ("quick", quick)])
      let daemons = try (0..<2).map { _ in try stage.daemon(settings) }
      try await stage.named("quick")
      try await stage.database.insert((0..<20).map { Job(Reward.numbered($0), 500) })
      try await stage.database.allEnded()
      try await quick.until { $0.count { $0.value("type") == "job.completed" } >= 20 }
      #expect(silent.all.filter(\.isTaken).isEmpty)
      #expect(quick.all.count == Set(quick.all.map(\.id)).count)
      // A daemon that is stopped waits a few seconds at most for what is under way.
      for daemon in daemons {
        daemon.send(SIGTERM)
        #expect(try await daemon.end() == .status(0))
      }
    }
  }

  @Test(
    "a dead letter is shown, and sent again with the command; a receiver that says 410 is asked no more for it"
  )
  func deadLetters() async throws {
    try await Stage.play { stage in
      let receiver = try Receiver { _, _ in .answer(410) }
      var settings = Self.settings([("shop", receiver)])
      let kinds = #""queued", "running", "completed""#
      settings["CODEMINT_WEBHOOKS_RECEIVERS"] = "[\(receiver.setting("shop", kinds: kinds))]"
      let daemon = try stage.daemon(settings)
      try await stage.named("shop")
      try await stage.database.insert(Job(Reward.first, 10))
      try await Patience.until {
        try await stage.database.holds(
          "(SELECT count(*) FROM codemint.webhook_problems WHERE died_at IS NOT NULL) = 3"
        )
      }
      #expect(receiver.all.count == 3)
      try await daemon.errors.line("event not delivered, a dead letter")
      let list = try await stage.command(["webhook", "list", "--json"])
      #expect(list.status == .status(0))
      #expect(
        list.text.contains(#""dead" : 3"#) && list.text.contains("gone for good"),
        "\(list.text)"
      )
      let table = try await stage.command(["webhook", "list"])
      #expect(table.text.contains("WEBHOOK") && table.text.contains("shop"))
      let status = try await stage.command(["status"])
      #expect(status.text.contains("3 events were not delivered to 127.0.0.1"), "\(status.text)")

      receiver.behave { _, _ in .answer(200) }
      let resend = try await stage.command(["webhook", "resend", "shop"])
      #expect(
        resend.status == .status(0) && resend.text.contains("3 events are sent to shop again")
      )
      try await Self.drained(stage)
      let taken = receiver.all.filter(\.isTaken).compactMap { $0.value("type") }
      #expect(taken == ["job.queued", "job.running", "job.completed"])
      let unknown = try await stage.command(["webhook", "resend", "shap"])
      #expect(unknown.status == .status(65) && unknown.text.contains("there is no webhook shap"))
    }
  }

  @Test("codemint webhook test sends one signed message, and its status says whether it was taken")
  func test() async throws {
    try await Stage.play { stage in
      let receiver = try Receiver { number, _ in [.answer(200), .answer(500), .hang][number - 1] }
      let settings = Self.settings([("shop", receiver)])
      let good = try await stage.command(["webhook", "test", "shop"], settings)
      #expect(
        good.status == .status(0) && good.text.contains("shop: answered 200 in "),
        "\(good.text)"
      )
      let message = try #require(receiver.all.first)
      #expect(message.value("type") == "webhook.test")
      let secret = try #require(WebhookSecret(Self.secret))
      #expect(
        message.signature
          == secret.signature(
            id: message.id,
            timestamp: message.timestamp,
            body: Array(message.body.utf8)
          )
      )
      let bad = try await stage.command(["webhook", "test", "shop", "--json"], settings)
      #expect(bad.status == .status(1))
      #expect(bad.text.contains(#""status" : 500"#) && bad.text.contains(#""delivered" : false"#))
      let silent = try await stage.command(["webhook", "test", "shop"], settings)
      #expect(silent.status == .status(1) && silent.text.contains("did not answer within 1 s"))
      let unknown = try await stage.command(["webhook", "test", "shap"], settings)
      #expect(unknown.status == .status(65) && unknown.text.contains("there is shop"))
      #expect(!(good.text + bad.text + silent.text + unknown.text).contains("MfKQ9r8"))
    }
  }

  @Test("a daemon does not start without the secret of a webhook, and never shows one")
  func secrets() async throws {
    try await Stage.play { stage in
      let receiver = try Receiver()
      var settings: [String: String?] = Self.settings([("shop", receiver)])
      settings["CODEMINT_WEBHOOKS_SECRETS"] = .some(nil)
      let daemon = try stage.daemon(settings)
      #expect(try await daemon.end() == .status(78))
      #expect(daemon.errors.all.contains { $0.contains("the webhook shop has no secret") })
      let private10 = try stage.daemon([
        "CODEMINT_WEBHOOKS_RECEIVERS": "[{name: shop, url: 'http://127.0.0.1:1/'}]",
        "CODEMINT_WEBHOOKS_SECRETS": "shop=\(Self.secret)",
      ])
      #expect(try await private10.end() == .status(78))
      #expect(!(daemon.errors.all + private10.errors.all).contains { $0.contains("MfKQ9r8") })
    }
  }

  @Test("four thousand events for a receiver that is down do not make the daemon larger")
  func memory() async throws {
    try await Stage.play { stage in
      let receiver = try Receiver(isDown: true)
      let daemon = try stage.daemon(Self.settings([("shop", receiver)]))
      try await stage.named("shop")
      try await stage.database.run(
        """
        INSERT INTO codemint.events (job_id, kind, at, created_by, detail)
        SELECT 100 + n / 4, 'running', now(), 'x', '{"count": 1}' FROM generate_series(1, 200) n;
        NOTIFY codemint_events
        """
      )
      try await Patience.until {
        try await stage.database.holds("(SELECT failures FROM codemint.webhooks) > 5")
      }
      let before = try Self.ownPages(daemon)
      try await stage.database.run(
        """
        INSERT INTO codemint.events (job_id, kind, at, created_by, detail)
        SELECT 1000 + n / 4, 'running', now(), 'x', '{"count": 1}' FROM generate_series(1, 4000) n;
        NOTIFY codemint_events
        """
      )
      try await Patience.until {
        try await stage.database.holds("(SELECT failures FROM codemint.webhooks) > 30")
      }
      try receiver.comeUp()
      try await Self.drained(stage)
      try await Self.judge(receiver, stage)
      let after = try Self.ownPages(daemon)
      #expect(after - before < 5000, "\(before) pages, then \(after)")
    }
  }

  /// What the process has in memory that is in no file: what is resident without what is shared (proc_pid_statm(5)).
  private static func ownPages(_ daemon: CodemintProcess) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(daemon.process)/statm", encoding: .utf8)
    let pages = text.split(separator: " ").compactMap { Int($0) }
    try #require(pages.count > 2)
    return pages[1] - pages[2]
  }
}

extension Stage {
  /// Waits until a daemon has named a webhook: from then on events are for it.
  func named(_ webhook: String) async throws {
    try await Patience.until {
      try await self.database.holds(
        "EXISTS (SELECT FROM codemint.webhooks WHERE name = '\(webhook)')"
      )
    }
  }

  /// Runs a command to its end.
  func command(_ arguments: [String], _ settings: [String: String] = [:]) async throws -> (
    status: CodemintProcess.Ending, text: String
  ) {
    let process = try codemint(arguments, settings)
    let status = try await process.end()
    return (status, try await process.everything().joined(separator: "\n"))
  }
}
