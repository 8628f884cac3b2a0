import Backstage
import Foundation
import Testing

/// Every alert of config/prometheus fires on what a real daemon reports in the trouble, and is over on
/// what it reports afterwards. promtool does the arithmetic of Prometheus.
@Suite(
  "Alerts of daemons, database, events and webhooks",
  .timeLimit(Patience.limit),
  .enabled(if: AlertTrial.hasPromtool)
)
struct FleetAlertTests {
  @Test("a daemon that is stopped, and another one that is started")
  func nobody() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
      let before = try await web.get("/metrics").body
      await stage.killAll()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.workers WHERE process = \(daemon.process))"
      )
      let after = try await web.get("/metrics").body
      try await trial.judge("CodemintNobodyWorks", .init(before: before, during: nil, after: after))
    }
  }

  @Test("a fleet that stands still for a reason that nobody knows, and the job that waits for it")
  func stalled() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.refuseClaims()
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.passStall()
      let during = try await web.get("/metrics").body
      try await stage.database.run("DROP TRIGGER refuse ON codemint.calls")
      try await stage.database.allEnded()
      let after = try await web.get("/metrics").body
      let scrapes = AlertTrial.Scrapes(before: before, during: during, after: after)
      try await trial.judge("CodemintStalled", scrapes)
      try await trial.judge("CodemintJobUnexplained", scrapes)
    }
  }

  @Test("a database that is stopped, and started again")
  func down() async throws {
    try await Stage.playWithMortalServer { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.server.stop(.immediate)
      let during = try await web.get("/metrics").body
      try await stage.server.start()
      try await Patience.until {
        try await web.get("/metrics").body.contains("codemint_ledger_up 1\n")
      }
      let after = try await web.get("/metrics").body
      let scrapes = AlertTrial.Scrapes(before: before, during: during, after: after)
      try await trial.judge("CodemintDown", scrapes)
      try await trial.judge("CodemintDown", .init(before: before, during: nil, after: after))
    }
  }

  @Test("events that somebody's trigger keeps from being numbered, until it is gone")
  func unnumbered() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
      let before = try await web.get("/metrics").body
      try await stage.refuse("BEFORE INSERT ON codemint.events")
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.allEnded()
      // Two minutes pass.
      try await stage.database.run(
        "UPDATE codemint.unnumbered_events SET at = at - interval '2 minutes'"
      )
      let during = try await web.get("/metrics").body
      let needs = try await stage.database.texts("SELECT kind FROM codemint.needs_you")
      #expect(needs == ["events"])
      try await stage.database.run("DROP TRIGGER refuse ON codemint.events")
      try await Patience.until {
        try await stage.database.holds("NOT EXISTS (SELECT FROM codemint.unnumbered_events)")
      }
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintEventsUnnumbered",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("a webhook that takes nothing for an hour and gives up an event, until it takes it again")
  func webhooks() async throws {
    try await Stage.play { stage in
      let receiver = try Receiver { _, _ in .answer(500) }
      let (web, trial) = try await AlertTrial.begin(
        stage,
        [
          "CODEMINT_WEBHOOKS_RECEIVERS": "[\(receiver.setting("shop"))]",
          "CODEMINT_WEBHOOKS_SECRETS": "shop=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
          "CODEMINT_WEBHOOKS_FIRST_SECONDS": "0.1", "CODEMINT_WEBHOOKS_LONGEST_SECONDS": "0.2",
          "CODEMINT_POLL_SECONDS": "0.2",
        ]
      )
      try await stage.named("shop")
      let before = try await web.get("/metrics").body
      try await stage.database.insert(Job(Reward.first, 10))
      try await receiver.until { $0.count > 4 }
      // Two hours pass, and for one event four days.
      try await stage.database.run(
        """
        UPDATE codemint.webhooks SET failing_since = failing_since - interval '2 hours';
        UPDATE codemint.webhook_deliveries SET first_tried_at = first_tried_at - interval '4 days'
        """
      )
      try await Patience.until {
        try await web.get("/metrics").body.contains("codemint_webhook_dead_letters 1\n")
      }
      let during = try await web.get("/metrics").body
      receiver.behave { _, _ in .answer(200) }
      try await stage.database.run("SELECT codemint.resend_webhook('shop')")
      try await Patience.until {
        try await stage.database.holds("NOT EXISTS (SELECT FROM codemint.webhook_deliveries)")
      }
      let after = try await web.get("/metrics").body
      let scrapes = AlertTrial.Scrapes(before: before, during: during, after: after)
      try await trial.judge("CodemintWebhookFailing", scrapes)
      try await trial.judge("CodemintWebhookDeadLetters", scrapes)
    }
  }

  @Test("a session that listens in an open transaction, until it is gone")
  func unread() async throws {
    try await Stage.play { stage in
      let (web, trial) = try await AlertTrial.begin(stage)
      // The queue has 8 GB, so codemint is told to stop where a test can get.
      try await stage.database.run(
        """
        CREATE OR REPLACE FUNCTION codemint.wakes_up_to() RETURNS double precision
        LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'SELECT 0.0001::double precision'
        """
      )
      let before = try await web.get("/metrics").body
      let during = try await stage.whileListening {
        try await stage.database.run(
          "SELECT pg_notify('shop', repeat('x', 7900) || n) FROM generate_series(1, 200) n"
        )
        #expect(
          try await stage.database.texts("SELECT kind FROM codemint.needs_you") == ["notifications"]
        )
        return try await web.get("/metrics").body
      }
      try await Patience.until {
        try await stage.database.holds("codemint.unread_share() < 0.5")
      }
      let after = try await web.get("/metrics").body
      try await trial.judge(
        "CodemintNotificationsUnread",
        .init(before: before, during: during, after: after)
      )
    }
  }

  @Test("no alert is without its trial")
  func all() throws {
    let here = URL(filePath: #filePath).deletingLastPathComponent()
    var tried: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(
      at: here,
      includingPropertiesForKeys: nil
    )
    where file.lastPathComponent.hasSuffix("AlertTests.swift") {
      let text = try String(contentsOf: file, encoding: .utf8)
      tried.formUnion(text.matches(of: /trial\.judge\(\s*"(\w+)"/).map { String($0.1) })
    }
    #expect(try AlertTrial.alerts() == tried)
  }
}
