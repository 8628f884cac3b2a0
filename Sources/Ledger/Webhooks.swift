public import Postgres
public import Provisioning

/// A webhook as the ledger knows it.
public struct NamedWebhook: Hashable, Sendable {
  /// Its name in the settings.
  public let name: String
  /// Where it leads, without a path: that may hold a token.
  public let host: String
  /// The kinds of events that it gets; nil for all.
  public let kinds: [JobEventKind]?

  /// A webhook of the settings, which has checked that neither text has anything to escape in it.
  public init(name: String, host: String, kinds: [JobEventKind]?) {
    self.name = name
    self.host = host
    self.kinds = kinds
  }
}

/// An event that this daemon has to send to a webhook.
public struct ClaimedDelivery: Hashable, Sendable {
  /// The event's number.
  public let event: Int64
  /// How often it has been sent, this time included.
  public let attempt: Int
  /// How often in a row sending to the webhook had failed when this was claimed.
  public let failures: Int
  /// The id that the receiver knows the event by, the same however often it is sent.
  public let messageID: String
  /// What is sent.
  public let body: String
  /// The role that inserted the event's job.
  public let producer: String
}

/// What became of an event that was sent.
public enum SettledDelivery: String, Sendable {
  case delivered
  /// It is sent again later.
  case waiting
  /// It is a dead letter.
  case dead
  /// Somebody else has settled it, or will.
  case over
}

/// What daemons do to deliver events. How much waits for a webhook is in the ledger alone, so any daemon may go on
/// where another one stopped.
public struct WebhookDeliveries: Sendable {
  private let pool: Pool

  private static let announce: Statement = "SELECT codemint.announce_webhooks($1, $2)"

  private static let spread: Statement = "SELECT codemint.spread_events($1, $2) AS events"

  private static let claim: Statement = """
    SELECT event_id, attempt, failures, message_id, body, created_by
    FROM codemint.claim_deliveries($1, $2, $3, $4)
    """

  private static let until: Statement = """
    SELECT extract(epoch FROM codemint.until_delivery($1))::double precision AS seconds
    """

  private static let settle: Statement = """
    SELECT codemint.settle_delivery($1, $2, $3, $4, $5, $6, $7, $8, $9) AS outcome
    """

  private static let bury: Statement = "SELECT codemint.bury_deliveries($1, $2, $3) AS events"

  /// Events that one statement makes deliveries or dead letters: some milliseconds of work.
  public static let batch = 1000

  private static let deadline: Duration = .seconds(30)

  /// Deliveries of this database.
  public init(pool: Pool) {
    self.pool = pool
  }

  /// Names the webhooks of this daemon.
  /// - Parameter forgets: Whether webhooks are removed that nobody has named for a day.
  public func announce(_ webhooks: [NamedWebhook], forgets: Bool) async throws(PostgresError) {
    let items = webhooks.map { webhook in
      let kinds = webhook.kinds.map { kinds in
        "[\(kinds.map { "\"\($0.rawValue)\"" }.joined(separator: ","))]"
      }
      return """
        {"name":"\(webhook.name)","host":"\(webhook.host)","kinds":\(kinds ?? "null")}
        """
    }
    _ = try await pool.query(
      Self.announce,
      [.jsonb(text: "[\(items.joined(separator: ","))]"), .bool(forgets)],
      deadline: Self.deadline
    )
  }

  /// Makes events deliveries for this webhook.
  public func spread(to webhook: String) async throws(PostgresError) {
    var events = Self.batch
    while events == Self.batch {
      events = try await pool.query(
        Self.spread,
        [.text(webhook), .int4(Int32(Self.batch))],
        deadline: Self.deadline
      ).one().integer("events")
    }
  }

  /// Takes events that may be sent to this webhook, at most `limit`, in the order in which producers take turns.
  /// - Parameters:
  ///   - lease: How long nobody else sends them.
  ///   - producer: Who had the last turn.
  public func claim(
    _ webhook: String,
    limit: Int,
    lease: Duration,
    after producer: String
  ) async throws(PostgresError) -> [ClaimedDelivery] {
    let rows = try await pool.query(
      Self.claim,
      [.text(webhook), .int4(Int32(limit)), .interval(lease), .text(producer)],
      deadline: Self.deadline
    )
    var deliveries: [ClaimedDelivery] = []
    for row in rows {
      deliveries.append(
        ClaimedDelivery(
          event: try row.int64("event_id"),
          attempt: try row.integer("attempt"),
          failures: try row.integer("failures"),
          messageID: try row.text("message_id"),
          body: try row.text("body"),
          producer: try row.text("created_by")
        )
      )
    }
    return deliveries
  }

  /// How long until there may be something to send; nil if nothing waits.
  public func untilNext(_ webhook: String) async throws(PostgresError) -> Duration? {
    try await pool.query(Self.until, [.text(webhook)], deadline: Self.deadline).first?
      .optionalDouble("seconds").map { .seconds($0) }
  }

  /// Records how sending an event ended.
  ///
  /// - Parameters:
  ///   - pause: The time until it is sent again, if it failed.
  ///   - rest: The time for which the webhook rests if it has failed too often.
  ///   - asked: The pause that the receiver asked for.
  ///   - patience: How long an event is tried.
  public func settle(
    _ delivery: ClaimedDelivery,
    of webhook: String,
    _ ending: DeliveryEnding,
    pause: Duration,
    rest: Duration,
    asked: Duration?,
    patience: Duration
  ) async throws(PostgresError) -> SettledDelivery {
    let word =
      switch ending {
      case .delivered: "delivered"
      case .failed: "failed"
      case .gone: "gone"
      }
    return try await pool.query(
      Self.settle,
      [
        .text(webhook), .int8(delivery.event), .int4(Int32(delivery.attempt)), .text(word),
        .text(ending.error), .interval(pause), .interval(rest), .interval(asked),
        .interval(patience),
      ],
      deadline: Self.deadline
    ).one().named("outcome")
  }

  /// Makes old events dead letters if the webhook has taken nothing for so long.
  public func bury(_ webhook: String, patience: Duration) async throws(PostgresError) -> Int {
    var buried = 0
    var events = Self.batch
    while events == Self.batch {
      events = try await pool.query(
        Self.bury,
        [.text(webhook), .interval(patience), .int4(Int32(Self.batch))],
        deadline: Self.deadline
      ).one().integer("events")
      buried += events
    }
    return buried
  }
}

/// What people ask about webhooks, and do about them.
extension JobQueries {
  private static let webhooks: Statement = """
    SELECT coalesce(jsonb_agg(b ORDER BY b.webhook), '[]')::text AS report FROM codemint.webhook_backlog b
    """

  /// How each webhook is, as a JSON array.
  public func webhooks() async throws -> String {
    try await pool.query(Self.webhooks).one().text("report")
  }

  /// Sends dead letters again.
  /// - Parameter event: The event's number; all events if nil.
  /// - Returns: A sentence that says what was done, or why nothing was.
  public func resend(to webhook: String, event: Int64?) async throws -> String {
    try await outcome(
      "SELECT codemint.resend_webhook($1, $2) AS outcome",
      [.text(webhook), .int8(event)]
    )
  }
}
