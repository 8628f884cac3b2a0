import Ledger
import Postgres
import Provisioning
import Testing

// Whose events are sent next.
extension WebhookTests {
  /// Writes one event for each of so many jobs of a producer, from this number on.
  private static func events(
    _ producer: String,
    jobs: ClosedRange<Int>,
    _ ledger: RealLedger
  ) async throws {
    try await ledger.bystander.script(
      """
      INSERT INTO codemint.events (job_id, kind, at, created_by, detail)
      SELECT n, 'running', now(), '\(producer)', '{}' FROM generate_series(\(jobs.lowerBound), \(jobs.upperBound)) n;
      """
    )
  }

  @Test("producers take turns, however much one of them has to send")
  func turns() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.events("loud", jobs: 1...3000, ledger)
      try await Self.events("quiet", jobs: 3001...3003, ledger)
      try await Self.events("small", jobs: 3004...3004, ledger)
      let first = try await Self.claim(deliveries, 4)
      #expect(first.map(\.producer) == ["loud", "quiet", "small", "loud"])
      var last = try #require(first.last?.producer)
      var turns: [String] = []
      for _ in 0..<5 {
        for delivery in try await Self.claim(deliveries, 1, after: last) {
          last = delivery.producer
          turns.append(last)
        }
      }
      // Who has nothing left to send has no turn.
      #expect(turns == ["quiet", "loud", "quiet", "loud", "loud"])
    }
  }

  @Test("a webhook that rests gets its one event from the producer whose turn it is")
  func turnsAtRest() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.events("loud", jobs: 1...10, ledger)
      try await Self.events("quiet", jobs: 11...12, ledger)
      for delivery in try await Self.claim(deliveries, 3) {
        try await Self.settle(delivery, .failed("no"), deliveries)
      }
      let probe = try await Self.claim(deliveries, after: "loud")
      #expect(probe.map(\.producer) == ["quiet"])
    }
  }

  @Test("a delivery ends if somebody deletes its event, and the next one of its job is sent")
  func deletedEvent() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.happen(ledger)
      let first = try #require(try await Self.claim(deliveries, lease: .zero).first)
      try await ledger.bystander.script("DELETE FROM codemint.events WHERE id = \(first.event)")
      try await ledger.bystander.script("BEGIN; SELECT FROM codemint.webhooks FOR UPDATE")
      // Nobody is waited for, and nothing is sent that is not there.
      #expect(try await Self.claim(deliveries, lease: .zero).isEmpty)
      try await ledger.bystander.script("ROLLBACK")
      #expect(try await Self.claim(deliveries).isEmpty)
      #expect(try await Self.claim(deliveries).map(Self.kind) == ["job.cancelled"])
    }
  }

  @Test("a dead letter whose event somebody has deleted goes when it is to be sent again")
  func deletedDeadLetter() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.happen(ledger)
      let first = try #require(try await Self.claim(deliveries).first)
      try await Self.settle(first, .gone("no"), deliveries)
      try await ledger.bystander.script("DELETE FROM codemint.events WHERE id = \(first.event)")
      #expect(
        try await JobQueries(pool: ledger.pool).resend(to: "shop", event: nil)
          == "shop has no dead letters; nothing was done"
      )
      #expect(try await Self.number("SELECT dead FROM codemint.webhook_backlog", ledger) == 0)
    }
  }
}
