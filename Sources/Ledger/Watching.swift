import Postgres
public import Provisioning

/// Rewards whose codes may yet come to light are listed again. Each statement is one transaction.
extension PostgresStore {
  private static let takeWatch: Statement = """
    SELECT reward_id, since, known_first, known_last, offset_low_us, offset_high_us, due_at, now,
           awaited, failures, failing_since
    FROM codemint.take_watch($1, $2, $3)
    """

  private static let putOff: Statement = "SELECT codemint.put_off_watch($1, $2, $3, $4)"

  /// $5 are codes that the database refuses as rows. A row for each job that ended, or one without a
  /// job.
  private static let conclude: Statement = """
    SELECT r.outcome, w.issued, w.surplus, e.job_id, e.job_state
    FROM codemint.conclude_watch(
      $1, $2, $3, $4, cardinality($5::codemint.raw_code[])) AS w
    CROSS JOIN LATERAL codemint.store_raw_codes(w.outcome, $1, $5) AS r (outcome)
    LEFT JOIN LATERAL codemint.ended_jobs(r.outcome, w.credited) AS e ON true
    """

  /// See `ReconcilingStore.takeWatch`.
  public func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError)
    -> WatchCase?
  {
    try await translated { () throws(PostgresError) in
      try WatchCase(
        try await run(Self.takeWatch, [.uuid(worker), .interval(lease), code]).one()
      )
    }
  }

  /// See `ReconcilingStore.putOff`.
  public func putOff(_ reward: RewardID, worker: WorkerID, pause: Duration?, error: String)
    async throws(StoreError)
  {
    try await translated { () throws(PostgresError) in
      _ = try await run(
        Self.putOff,
        [.uuid(reward), .uuid(worker), .interval(pause), .text(error)]
      )
    }
  }

  /// See `ReconcilingStore.conclude`. Codes that the database refuses for their content are kept as
  /// bytes beside it (protocol, rule 8).
  public func conclude(_ watch: WatchFinding, worker: WorkerID)
    async throws(StoreError) -> WatchAnswer
  {
    try await translated { () throws(PostgresError) in
      let rows = try await besideRefused(watch.codes) { (refused) throws(PostgresError) in
        let codes = watch.codes.filter { !refused.contains($0.id) }
        let raw = watch.codes.filter { refused.contains($0.id) }
        return try await run(
          Self.conclude,
          [
            .uuid(watch.reward), .uuid(worker), .timestamptz(watch.listedUntil),
            .received(codes), .raw(raw.map { ($0, nil) }),
          ]
        )
      }
      return try WatchAnswer(rows)
    }
  }
}

extension WatchCase {
  /// One row, null if nothing is due.
  fileprivate init?(_ row: Row) throws(PostgresError) {
    guard let reward: RewardID = try row.optionalID("reward_id") else { return nil }
    let since = try row.timestamptz("since")
    // A database that was accepted as another's successor is watched from the beginning of time.
    let offset = since == .min ? nil : try row.clockOffset()
    self.init(
      reward: reward,
      newestKnown: try row.newestKnown(),
      since: offset.map {
        Timestamp(microseconds: since + $0.low - Bounds.createdAtResolution.microseconds)
      },
      dueAt: try row.timestamp("due_at"),
      now: try row.timestamp("now"),
      isAwaited: try row.bool("awaited"),
      failures: try row.integer("failures"),
      failingSince: try row.optionalTimestamp("failing_since")
    )
  }
}

extension WatchAnswer {
  fileprivate init(_ rows: Rows) throws(PostgresError) {
    guard let first = rows.first else { throw PostgresError(.unexpectedResult, "no row") }
    switch try first.text("outcome") {
    case "done":
      self = .done(
        issued: try first.integer("issued"),
        surplus: try first.integer("surplus"),
        ended: try rows.endedJobs()
      )
    case "wait": self = .wait
    case "changed": self = .lost
    case let outcome: throw .unknown("the outcome of a watch", outcome)
    }
  }
}
