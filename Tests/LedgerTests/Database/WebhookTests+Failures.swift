import Ledger
import Postgres
import Provisioning
import Testing

// What becomes of events that a webhook does not take, and of those that nobody needs any more.
extension WebhookTests {
  @Test(
    "after three failures in a row a webhook rests, and then gets one event at a time until it takes one"
  )
  func rests() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.happen(ledger, jobs: 6)
      for delivery in try await Self.claim(deliveries, 3) {
        try await Self.settle(
          delivery,
          .failed("no"),
          deliveries,
          pause: .seconds(60),
          rest: .seconds(60)
        )
      }
      #expect(try await Self.claim(deliveries).isEmpty)
      #expect(try #require(try await deliveries.untilNext("shop")) > .seconds(50))
      try await ledger.bystander.script("UPDATE codemint.webhooks SET rest_until = now()")
      let probe = try await Self.claim(deliveries)
      #expect(probe.count == 1 && probe.first?.failures == 3)
      // Until the probe is settled, nobody sends another.
      #expect(try await Self.claim(deliveries).isEmpty)
      try await Self.settle(probe[0], .delivered, deliveries)
      #expect(try await Self.claim(deliveries).count == 3)
    }
  }

  @Test("who keeps the row of a webhook locked keeps no connection that other webhooks need")
  func locked() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.happen(ledger, jobs: 2)
      let first = try #require(try await Self.claim(deliveries, 1).first)
      try await Self.happen(ledger)
      try await ledger.bystander.script("BEGIN; SELECT FROM codemint.webhooks FOR UPDATE")
      let start = ContinuousClock.now
      #expect(try await Self.claim(deliveries, 1).count == 1)
      let error = await failure { () throws(PostgresError) in
        try await deliveries.settle(
          first,
          of: "shop",
          .delivered,
          pause: .zero,
          rest: .zero,
          asked: nil,
          patience: .seconds(3600)
        )
      }
      #expect(error?.sqlState == "55P03")
      #expect(ContinuousClock.now - start < .seconds(5))
      try await ledger.bystander.script("ROLLBACK")
      #expect(try await Self.settle(first, .delivered, deliveries) == .delivered)
    }
  }

  @Test("a pause that a webhook asks for holds for all its events, and for no other webhook")
  func asked() async throws {
    try await Self.lend { ledger, deliveries in
      try await deliveries.announce([Self.webhook("desk")], forgets: false)
      try await Self.happen(ledger, jobs: 2)
      let first = try #require(try await Self.claim(deliveries, 1).first)
      try await Self.settle(first, .failed("busy"), deliveries, asked: .seconds(60))
      #expect(try await Self.claim(deliveries).isEmpty)
      #expect(try await Self.claim(deliveries, from: "desk").count == 2)
    }
  }

  @Test(
    "a dead letter is shown to operators, and sent again when they say so, before what came later"
  )
  func resend() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.happen(ledger)
      let first = try #require(try await Self.claim(deliveries).first)
      #expect(try await Self.settle(first, .gone("answered 410"), deliveries, rest: .zero) == .dead)
      let second = try #require(try await Self.claim(deliveries).first)
      #expect(
        try await Self.settle(second, .failed("answered 500"), deliveries, patience: .zero) == .dead
      )
      let problems = try await ledger.bystander.query(
        "SELECT event_id, error, what_to_do FROM codemint.webhook_problems ORDER BY event_id"
      )
      #expect(try problems.map { try $0.text("error") } == ["answered 410", "answered 500"])
      let needs = try await ledger.bystander.query(
        "SELECT kind, subject, why, command FROM codemint.needs_you WHERE kind = 'webhook'"
      ).one()
      #expect(try needs.text("subject") == "webhook shop")
      #expect(try needs.text("why") == "2 events were not delivered to shop.example: answered 500")
      #expect(try needs.text("command").hasPrefix("codemint webhook resend shop"))
      let words = try await ledger.bystander.query("SELECT words FROM codemint.verdict").one().text(
        0
      )
      #expect(words.contains("1 thing needs you"))

      let queries = JobQueries(pool: ledger.pool)
      #expect(
        try await queries.resend(to: "shop", event: 999)
          == "event 999 is no dead letter of shop; nothing was done"
      )
      #expect(try await queries.resend(to: "shop", event: nil) == "2 events are sent to shop again")
      #expect(
        try await queries.resend(to: "shop", event: nil)
          == "shop has no dead letters; nothing was done"
      )
      await #expect(throws: LedgerError.self) { try await queries.resend(to: "shap", event: nil) }
      var sent: [Int64] = []
      for _ in 0..<3 {
        for delivery in try await Self.claim(deliveries) {
          sent.append(delivery.event)
          try await Self.settle(delivery, .delivered, deliveries)
        }
      }
      #expect(sent.prefix(2) == [first.event, second.event] && sent.count == 3)
      let left = try await ledger.bystander.query(
        "SELECT * FROM codemint.needs_you WHERE kind = 'webhook'"
      )
      #expect(left.isEmpty)
    }
  }

  @Test(
    "what a webhook did not take for three days is dead, also what was never sent, and only then"
  )
  func buried() async throws {
    try await Self.lend { ledger, deliveries in
      let patience = Duration.seconds(3 * 86_400)
      try await Self.happen(ledger, jobs: 3)
      let first = try #require(try await Self.claim(deliveries, 1).first)
      try await Self.settle(
        first,
        .failed("down"),
        deliveries,
        pause: .seconds(60),
        patience: patience
      )
      try await ledger.bystander.script(
        "UPDATE codemint.events SET at = now() - interval '4 days' WHERE job_id < 3"
      )
      #expect(try await deliveries.bury("shop", patience: patience) == 0)
      try await ledger.bystander.script(
        "UPDATE codemint.webhooks SET failing_since = now() - interval '4 days'"
      )
      #expect(try await deliveries.bury("shop", patience: patience) == 6)
      #expect(
        try await Self.number(
          "SELECT count(*) FROM codemint.webhook_problems WHERE died_at IS NOT NULL",
          ledger
        ) == 6
      )
      #expect(try await Self.claim(deliveries).map(Self.kind) == ["job.queued"])
    }
  }

  @Test("an event that is still to be sent is not forgotten; a dead letter goes with its event")
  func retention() async throws {
    try await Self.lend(kinds: [.cancelled, .syncDone]) { ledger, deliveries in
      func forget() async throws -> Int64 {
        try await Self.number("SELECT codemint.forget_events('1 day', 100)", ledger)
      }
      try await Self.happen(ledger)
      try await ledger.bystander.script("UPDATE codemint.events SET at = now() - interval '9 days'")
      // What has not become a delivery yet is needed as well.
      #expect(try await forget() == 0)
      let first = try #require(try await Self.claim(deliveries).first)
      #expect(try await forget() == 1)
      try await Self.settle(first, .gone("no"), deliveries)
      #expect(try await forget() == 1)
      #expect(
        try await Self.number("SELECT count(*) FROM codemint.webhook_deliveries", ledger) == 1
      )
      let second = try #require(try await Self.claim(deliveries).first)
      try await Self.settle(second, .delivered, deliveries)
      #expect(try await forget() == 1)
      #expect(try await Self.number("SELECT count(*) FROM codemint.events", ledger) == 0)
    }
  }

  @Test("a dead letter that is just being sent again is kept with its event, however old it is")
  func resendWhileForgetting() async throws {
    try await Self.lend(kinds: [.queued, .cancelled]) { ledger, deliveries in
      try await Self.happen(ledger)
      for _ in 0..<2 {
        for delivery in try await Self.claim(deliveries) {
          try await Self.settle(delivery, .gone("no"), deliveries)
        }
      }
      try await ledger.bystander.script(
        "UPDATE codemint.events SET at = now() - interval '9 days'"
      )
      try await ledger.bystander.script(
        "BEGIN; SELECT codemint.resend_webhook('shop', (SELECT min(id) FROM codemint.events))"
      )
      try await Housekeeping(pool: ledger.pool).forgetEvents(after: .seconds(86_400))
      try await ledger.bystander.script("COMMIT")
      #expect(
        try await Self.claim(deliveries).map(Self.kind) == ["job.queued"]
      )
      #expect(
        try await Self.number("SELECT count(*) FROM codemint.webhook_deliveries", ledger) == 1
      )
    }
  }

  @Test("a webhook that no daemon has named for a day is removed with all that it was to get")
  func removed() async throws {
    try await Self.lend { ledger, deliveries in
      try await deliveries.announce([Self.webhook("desk")], forgets: false)
      try await Self.happen(ledger)
      _ = try await Self.claim(deliveries)
      _ = try await Self.claim(deliveries, from: "desk")
      try await ledger.bystander.script(
        "UPDATE codemint.webhooks SET named_at = now() - interval '25 hours'"
      )
      try await deliveries.announce([Self.webhook("desk")], forgets: false)
      #expect(try await Self.number("SELECT count(*) FROM codemint.webhooks", ledger) == 2)
      try await deliveries.announce([Self.webhook("desk")], forgets: true)
      #expect(
        try await Self.number(
          "SELECT count(*) FILTER (WHERE webhook = 'desk') FROM codemint.webhook_deliveries HAVING count(*) = 3",
          ledger
        ) == 3
      )
    }
  }
}
