import Ledger
import Postgres
import Provisioning
import Synchronization
import Testing

/// Deliveries of events on a real database, as the daemons of a fleet make them.
@Suite("webhooks")
struct WebhookTests {
  static let lease = Duration.seconds(60)

  /// What several daemons did, in the order in which they did it: events sent, by job, and events delivered.
  private final class Log: Sendable {
    let state = Mutex((sent: [Int64: [Int64]](), delivered: [Int64]()))
  }

  /// A ledger with a webhook that has been named.
  static func lend(
    kinds: [JobEventKind]? = nil,
    _ body: (RealLedger, WebhookDeliveries) async throws -> Void
  ) async throws {
    try await RealLedger.lend { ledger in
      let deliveries = WebhookDeliveries(pool: ledger.pool)
      try await deliveries.announce([webhook("shop", kinds)], forgets: false)
      try await body(ledger, deliveries)
    }
  }

  static func webhook(_ name: String, _ kinds: [JobEventKind]? = nil) -> NamedWebhook {
    NamedWebhook(name: name, host: "\(name).example", kinds: kinds)
  }

  /// Inserts so many jobs and cancels them: three events each.
  static func happen(_ ledger: RealLedger, jobs: Int = 1) async throws {
    for _ in 0..<jobs {
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) VALUES ('\(Scene.reward)', 10);
        SELECT codemint.cancel_job(max(id)) FROM codemint.jobs;
        """
      )
    }
    try await Housekeeping(pool: ledger.pool).numberEvents()
  }

  /// Takes what may be sent, as job and kind.
  static func claim(
    _ deliveries: WebhookDeliveries,
    _ limit: Int = 100,
    lease: Duration = lease,
    from webhook: String = "shop",
    after producer: String = ""
  ) async throws -> [ClaimedDelivery] {
    try await deliveries.spread(to: webhook)
    return try await deliveries.claim(webhook, limit: limit, lease: lease, after: producer)
  }

  /// Does something again while somebody has the webhook's row for longer than it waits, as daemons do.
  static func patiently<Result>(_ work: () async throws -> Result) async throws -> Result {
    while true {
      do {
        return try await work()
      } catch let error as PostgresError where error.sqlState == "55P03" {}
    }
  }

  @discardableResult
  static func settle(
    _ delivery: ClaimedDelivery,
    _ ending: DeliveryEnding,
    _ deliveries: WebhookDeliveries,
    pause: Duration = .zero,
    rest: Duration = .zero,
    asked: Duration? = nil,
    patience: Duration = .seconds(3600),
    of webhook: String = "shop"
  ) async throws -> SettledDelivery {
    try await deliveries.settle(
      delivery,
      of: webhook,
      ending,
      pause: pause,
      rest: rest,
      asked: asked,
      patience: patience
    )
  }

  static func kind(_ delivery: ClaimedDelivery) -> String {
    let text = delivery.body.split(separator: "\"")
    return text.count > 3 ? String(text[3]) : ""
  }

  static func job(_ delivery: ClaimedDelivery) -> Int64? {
    delivery.body.firstMatch(of: /"job": (\d+)/).flatMap { Int64($0.1) }
  }

  static func number(_ expression: String, _ ledger: RealLedger) async throws -> Int64 {
    try await ledger.bystander.query(Statement("SELECT (\(expression))::bigint")).one().int64(0)
  }

  @Test(
    "of the events of a job one is sent at a time, in their order, and jobs do not wait for each other"
  )
  func order() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.happen(ledger, jobs: 2)
      var sent: [[String]] = []
      while true {
        let claimed = try await Self.claim(deliveries)
        if claimed.isEmpty { break }
        // Nothing of these jobs can be had before they are settled.
        #expect(try await Self.claim(deliveries).isEmpty)
        sent.append(claimed.map(Self.kind))
        for delivery in claimed {
          #expect(try await Self.settle(delivery, .delivered, deliveries) == .delivered)
        }
      }
      #expect(
        sent == [
          ["job.queued", "job.queued"], ["job.cancelled", "job.cancelled"],
          ["job.sync_done", "job.sync_done"],
        ]
      )
      #expect(
        try await Self.number("SELECT count(*) FROM codemint.webhook_deliveries", ledger) == 0
      )
    }
  }

  @Test(
    "a later event waits until an earlier one of its job is delivered or dead, also if it comes in between"
  )
  func waits() async throws {
    try await Self.lend { ledger, deliveries in
      try await ledger.bystander.script(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10)"
      )
      try await Housekeeping(pool: ledger.pool).numberEvents()
      let first = try #require(try await Self.claim(deliveries).first)
      try await ledger.bystander.script("SELECT codemint.cancel_job(1)")
      try await Housekeeping(pool: ledger.pool).numberEvents()
      #expect(try await Self.claim(deliveries).isEmpty)
      #expect(try await Self.settle(first, .failed("no"), deliveries) == .waiting)
      let again = try await Self.claim(deliveries)
      #expect(again.map(\.event) == [first.event] && again.map(\.attempt) == [2])
      #expect(try await Self.settle(again[0], .failed("no"), deliveries, patience: .zero) == .dead)
      #expect(try await Self.claim(deliveries).map(Self.kind) == ["job.cancelled"])
    }
  }

  @Test(
    "a claim that runs out is made again under the same id and body, and the first sender's success still counts"
  )
  func lease() async throws {
    try await Self.lend { ledger, deliveries in
      try await Self.happen(ledger)
      let first = try #require(try await Self.claim(deliveries, lease: .zero).first)
      let second = try #require(try await Self.claim(deliveries).first)
      #expect(first.messageID == second.messageID && first.body == second.body)
      #expect((first.attempt, second.attempt) == (1, 2))
      // Its failure is no news: somebody sends the event just now.
      #expect(try await Self.settle(first, .failed("late"), deliveries) == .over)
      #expect(try await Self.settle(first, .delivered, deliveries) == .delivered)
      #expect(try await Self.settle(second, .failed("twice"), deliveries) == .over)
      #expect(try await Self.settle(second, .delivered, deliveries) == .over)
      #expect(try await Self.number("SELECT failures FROM codemint.webhooks", ledger) == 0)
      #expect(try await Self.claim(deliveries).map(Self.kind) == ["job.cancelled"])
    }
  }

  @Test(
    "eight daemons claim and settle at once: every event is delivered, in order for each job, and once"
  )
  func crowd() async throws {
    try await RealLedger.lend(connections: 12) { ledger in
      let deliveries = WebhookDeliveries(pool: ledger.pool)
      try await deliveries.announce([Self.webhook("shop")], forgets: false)
      let log = Log()
      @Sendable func deliver(_ limit: Int, round: Int) async throws {
        for delivery in try await Self.patiently({ try await Self.claim(deliveries, limit) }) {
          let job = try #require(Self.job(delivery))
          log.state.withLock { $0.sent[job, default: []].append(delivery.event) }
          // Every seventh attempt fails; what fails is due again at once.
          let fails = (Int(delivery.event) + round) % 7 == 0
          if !fails { log.state.withLock { $0.delivered.append(delivery.event) } }
          _ = try await Self.patiently {
            try await Self.settle(delivery, fails ? .failed("no") : .delivered, deliveries)
          }
        }
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for _ in 0..<10 { try await Self.happen(ledger, jobs: 6) }
        }
        for _ in 0..<8 {
          group.addTask {
            for round in 0..<150 { try await deliver(3, round: round) }
          }
        }
        try await group.waitForAll()
      }
      var round = 0
      // Events that are no deliveries yet are among these.
      while try await Self.number("SELECT waiting FROM codemint.webhook_backlog", ledger) > 0 {
        round += 1
        try #require(round < 1000)
        try await deliver(100, round: round)
      }
      let (sent, delivered) = log.state.withLock { $0 }
      #expect(delivered.count == 180 && Set(delivered).count == 180)
      #expect(sent.count == 60)
      for (job, events) in sent { #expect(events == events.sorted(), "job \(job)") }
    }
  }

  @Test("a webhook gets what happens after a daemon first named it, of the kinds that it wants")
  func kinds() async throws {
    try await RealLedger.lend { ledger in
      try await Self.happen(ledger)
      let deliveries = WebhookDeliveries(pool: ledger.pool)
      try await deliveries.announce(
        [Self.webhook("shop", [.cancelled]), Self.webhook("desk")],
        forgets: false
      )
      try await Self.happen(ledger)
      #expect(try await Self.claim(deliveries).map(Self.kind) == ["job.cancelled"])
      #expect(try await Self.claim(deliveries, from: "desk").map(Self.kind) == ["job.queued"])
      #expect(
        try await Self.number(
          "SELECT count(*) FROM codemint.webhook_deliveries WHERE webhook = 'shop'",
          ledger
        ) == 1
      )
      try await deliveries.announce([Self.webhook("shop", [.queued])], forgets: false)
      try await Self.happen(ledger)
      #expect(try await Self.claim(deliveries).map(Self.kind) == ["job.queued"])
    }
  }

  @Test("the body names the job and how it stood, and has nothing that the API wrote")
  func body() async throws {
    try await Self.lend(kinds: [.failed]) { ledger, deliveries in
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, dedupe_key) VALUES ('\(Scene.reward)', 10, 'a "key"');
        UPDATE codemint.jobs SET state = 'failed', error_code = 'bad_prefix', error_message = 'SUMMER-X7Q2 is taken',
          finished_at = now(), is_new = false, queue_position = NULL, next_call_at = NULL;
        """
      )
      try await Housekeeping(pool: ledger.pool).numberEvents()
      let delivery = try #require(try await Self.claim(deliveries).first)
      let facts = try await ledger.bystander.query(
        """
        SELECT $1::jsonb ->> 'type' AS type, ($1::jsonb ->> 'timestamp')::timestamptz = e.at AS is_right,
               ($1::jsonb -> 'data')::text AS data, $1::jsonb #>> '{data,dedupe_key}' AS key,
               e.created_by, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
        FROM codemint.events e WHERE e.id = $2
        """,
        [.text(delivery.body), .int8(delivery.event)]
      ).one()
      #expect(try facts.text("type") == "job.failed")
      #expect(try facts.bool("is_right"))
      #expect(try facts.text("key") == #"a "key""#)
      #expect(
        delivery.body.hasPrefix(
          #"{"type":"job.failed","timestamp":"\#(try facts.text("at"))","data":{"#
        )
      )
      let data = try facts.text("data")
      for part in [
        #""job": 1"#, #""count": 10"#, #""error_code": "bad_prefix""#, "\(Scene.reward)",
      ] {
        #expect(data.contains(part), "\(data)")
      }
      #expect(!delivery.body.contains("SUMMER"))
      #expect(delivery.messageID.wholeMatch(of: /evt_\d+_\d{16}/) != nil)
    }
  }

  @Test("only the daemon writes deliveries; operators read them, and others see nothing of them")
  func rights() async throws {
    try await Logins.lend { logins in
      let daemon = try await logins.login(.worker)
      try await daemon.script(
        """
        SELECT codemint.announce_webhooks('[{"name": "shop", "host": "h", "kinds": null}]', true);
        SELECT codemint.spread_events('shop', 10); SELECT codemint.claim_deliveries('shop', 1, '1 s', '');
        SELECT codemint.bury_deliveries('shop', '1 s', 1); SELECT codemint.until_delivery('shop');
        SELECT codemint.settle_delivery('shop', 1, 1, 'delivered', NULL, '1 s', '1 s', NULL, '1 s');
        """
      )
      let person = try await logins.login(.operator)
      try await person.script(
        """
        SELECT * FROM codemint.webhook_backlog; SELECT * FROM codemint.webhook_problems;
        SELECT * FROM codemint.webhooks; SELECT codemint.resend_webhook('shop');
        SELECT * FROM codemint.needs_you;
        """
      )
      let (shop, reader) = (try await logins.login(.producer), try await logins.login(.reader))
      for (statement, login): (Statement, Connection) in [
        ("SELECT name FROM codemint.webhooks", shop),
        ("SELECT name FROM codemint.webhooks", reader),
        ("SELECT webhook FROM codemint.webhook_backlog", shop),
        ("SELECT event_id FROM codemint.webhook_deliveries", shop),
        ("SELECT codemint.resend_webhook('shop')", shop),
        ("SELECT codemint.resend_webhook('shop')", daemon),
        ("DELETE FROM codemint.webhook_deliveries", person),
        ("DELETE FROM codemint.webhooks", person),
        ("SELECT codemint.claim_deliveries('shop', 1, '1 s', '')", person),
        ("UPDATE codemint.webhook_deliveries SET job_id = 1", daemon),
        ("UPDATE codemint.webhooks SET name = 'x'", daemon),
      ] {
        let error = await failure { () throws(PostgresError) in try await login.query(statement) }
        #expect(error?.sqlState == "42501", "\(statement.sql)")
      }
    }
  }

  @Test("a claim, a settlement and the view read little of a million events and as many deliveries")
  func plans() async throws {
    try await Self.lend { ledger, deliveries in
      try await ledger.bystander.script(
        """
        ALTER TABLE codemint.events SET (autovacuum_enabled = off);
        ALTER TABLE codemint.webhook_deliveries SET (autovacuum_enabled = off);
        INSERT INTO codemint.events (job_id, kind, at, created_by, detail)
        SELECT n / 4, 'running', now(), CASE WHEN n % 10000 < 9990 THEN 'a' ELSE 'b' || n % 10 END, '{}'
        FROM generate_series(1, 1000000) n;
        INSERT INTO codemint.webhook_deliveries (event_id, webhook, job_id, created_by, next_try_at)
        SELECT id, 'shop', job_id, created_by, CASE WHEN id % 4 = 1 THEN now() END
        FROM codemint.events WHERE id <= 500000;
        UPDATE codemint.webhooks SET position = 500000;
        """,
        deadline: .seconds(300)
      )
      try await ledger.bystander.script(
        "VACUUM ANALYZE codemint.events, codemint.webhook_deliveries",
        deadline: .seconds(300)
      )
      for (statement, most) in [
        ("SELECT * FROM codemint.claim_deliveries('shop', 4, '1 min', '')", 400),
        (
          "SELECT codemint.settle_delivery('shop', 1, 0, 'failed', 'no', '1 s', '1 s', NULL, '1 h')",
          200
        ),
        (
          "SELECT codemint.settle_delivery('shop', 1, 0, 'delivered', NULL, '1 s', '1 s', NULL, '1 h')",
          200
        ),
        ("SELECT codemint.until_delivery('shop')", 50),
        ("SELECT codemint.first_needed_event()", 50),
        ("SELECT codemint.bury_deliveries('shop', '0', 10)", 600),
        ("SELECT codemint.spread_events('shop', 10)", 400),
        ("SELECT codemint.resend_webhook('shop', 7)", 100),
        ("SELECT * FROM codemint.webhook_needs()", 100),
        ("SELECT * FROM codemint.webhook_backlog", 1500),
      ] {
        let pages = try await Self.pages(of: statement, ledger.bystander)
        #expect(pages <= most, "\(statement) reads \(pages) pages")
      }
    }
  }

  /// How many pages a statement reads, once the connection knows the functions.
  private static func pages(of statement: String, _ connection: Connection) async throws -> Int {
    var pages = 0
    for _ in 0..<7 {
      try await connection.script(
        "BEGIN; UPDATE codemint.webhooks SET failures = 1, failing_since = '-infinity'"
      )
      let rows = try await connection.query(Statement("EXPLAIN (ANALYZE, BUFFERS) \(statement)"))
      let lines = try rows.map { try $0.text(0) }
      try await connection.script("ROLLBACK")
      let buffers = try #require(lines.first { $0.contains("Buffers: shared") })
      pages = buffers.matches(of: /(hit|read)=(\d+)/).reduce(0) { $0 + (Int($1.2) ?? 0) }
    }
    return pages
  }
}
