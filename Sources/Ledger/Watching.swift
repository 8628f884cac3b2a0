import Postgres
public import Provisioning

/// Rewards whose codes may yet come to light are listed again. Each statement is one transaction.
extension PostgresStore {
  private static let takeWatch: Statement = """
    SELECT (w.lent).*, (w.doubt).*, w.since, w.due_at, w.awaited, w.failures, w.failing_since
    FROM codemint.take_watch($1, $2, $3) AS w
    """

  private static let putOff: Statement = "SELECT codemint.put_off_watch($1, $2, $3, $4)"

  /// $8 are codes that the database refuses as rows. A row for each job that ended, or one without a
  /// job.
  private static let conclude: Statement = """
    SELECT w.outcome, w.issued, w.surplus, e.job_id, e.job_state
    FROM codemint.conclude_watch($1, $2, $3, $4, $5, $6, $7, $8) AS w
    LEFT JOIN LATERAL codemint.ended_jobs(w.outcome, w.credited) AS e ON true
    """

  /// See `ReconcilingStore.takeWatch`.
  public func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError)
    -> WatchCase?
  {
    try await translatedWithoutWords { () throws(PostgresError) in
      try WatchCase(try await runLong(Self.takeWatch, [.uuid(worker), .interval(lease), code]))
    }
  }

  /// See `ReconcilingStore.putOff`.
  public func putOff(_ reward: RewardID, worker: WorkerID, pause: Duration?, error: String)
    async throws(StoreError)
  {
    try await translatedWithoutWords { () throws(PostgresError) in
      _ = try await run(
        Self.putOff,
        [.uuid(reward), .uuid(worker), .interval(pause), .text(error)]
      )
    }
  }

  /// See `ReconcilingStore.conclude`.
  public func conclude(_ watch: WatchFinding, worker: WorkerID)
    async throws(StoreError) -> WatchAnswer
  {
    try await translatedWithoutWords { () throws(PostgresError) in
      let rows = try await runLong(
        Self.conclude,
        [
          .uuid(watch.reward), .uuid(worker), .uuid(watch.listing), .timestamptz(watch.listedUntil),
          .timestamptz(watch.since), .adoptions(watch.adopted), .bool(watch.isBelieved),
          .raw(watch.raw.map { ($0, nil) }),
        ]
      )
      return try WatchAnswer(rows)
    }
  }
}

extension WatchCase {
  /// A row for each call that lacks codes, or one without a call; nil if nothing is due.
  fileprivate init?(_ rows: Rows) throws(PostgresError) {
    guard let first = rows.first else { return nil }
    let reward: RewardID = try first.id("reward_id")
    self.init(
      reward: reward,
      mustShow: try first.ids("must_show"),
      reference: try first.optionalID("reference"),
      lacking: try rows.doubtfulCalls(of: reward),
      since: try first.optionalTimestamp("since"),
      offset: try first.clockOffset(),
      isClockDistrusted: try first.bool("is_distrusted"),
      dueAt: try first.timestamp("due_at"),
      now: try first.timestamp("now"),
      isAwaited: try first.bool("awaited"),
      failures: try first.integer("failures"),
      failingSince: try first.optionalTimestamp("failing_since")
    )
  }
}

extension WatchAnswer {
  fileprivate init(_ rows: Rows) throws(PostgresError) {
    guard let first = rows.first else { throw PostgresError(.unexpectedResult, "no row") }
    let outcome = try first.text("outcome")
    switch outcome {
    case "done", "more":
      let issued = try first.integer("issued")
      let surplus = try first.integer("surplus")
      let ended = try rows.endedJobs()
      self =
        outcome == "done"
        ? .done(issued: issued, surplus: surplus, ended: ended)
        : .more(issued: issued, surplus: surplus, ended: ended)
    case "wait": self = .wait
    case "changed": self = .lost
    default: throw .unknown("the outcome of a watch", outcome)
    }
  }
}
