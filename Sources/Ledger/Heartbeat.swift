import Postgres
public import Provisioning

/// A worker shows that it lives, and does what falls due by the passing of time alone.
extension PostgresStore {
  /// Commits on its own that the worker lives: what comes after may wait for what somebody has locked.
  private static let announce: Statement = """
    SELECT codemint.announce_worker($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    """

  private static let heartbeat: Statement = """
    SELECT call_id, job_id, reward_id, action, done_by, state_before, state_after, next_us,
           block_code, block_message, probe_now, jobs_waiting, reconciling_due, api_failing, max_in_flight,
           mended, stall
    FROM codemint.heartbeat($1, $2, $3)
    """

  /// Why claims fail is told with the next sign of life, once; another round trip only then.
  private static let noteClaims: Statement = "SELECT codemint.note_claims($1, $2)"

  /// A worker that stopped no longer counts when the smallest limits are found.
  private static let retire: Statement = "SELECT codemint.retire_worker($1)"

  /// See `Store.heartbeat`.
  public func heartbeat(_ worker: WorkerPresence) async throws(StoreError) -> Heartbeat {
    let limits = worker.limits
    let parameters: [Parameter] = [
      .uuid(worker.id),
      .composite([
        .text(worker.host), .int4(Int32(worker.process)), .text(worker.version), .text(api),
      ]),
      .bool(worker.draining), .float8(limits.requestsPerSecond), .int4(Int32(limits.burst)),
      .int4(Int32(limits.maxInFlight)), .int4(Int32(limits.maxInFlightPerReward)),
      .composite(worker.lengths.fields), .interval(worker.lifetime), code,
    ]
    return try await translated { () throws(PostgresError) in
      _ = try await run(Self.announce, parameters, on: vitalPool)
      if let news = claims.takeNews() {
        _ = try await run(Self.noteClaims, [.uuid(worker.id), .text(news.error)], on: vitalPool)
      }
      let rows = try await run(
        Self.heartbeat,
        [.bool(worker.draining), code, .text(api)],
        on: vitalPool
      )
      if silence.end() { await renewSessions() }
      return try Heartbeat(rows)
    }
  }

  /// See `Store.retire`.
  public func retire(_ worker: WorkerID) async throws(StoreError) {
    try await translated { () throws(PostgresError) in
      _ = try await run(Self.retire, [.uuid(worker)])
    }
  }
}

extension Heartbeat {
  /// A row for each expired call, one for each thing that an operator did, and a last one without a
  /// job.
  fileprivate init(_ rows: Rows) throws(PostgresError) {
    var expired: [ExpiredCall] = []
    var steered: [SteeredJob] = []
    guard let last = rows.last else { throw PostgresError(.unexpectedResult, "no row") }
    for row in rows.dropLast() {
      if let action = try row.optionalText("action") {
        steered.append(
          SteeredJob(
            job: JobID(try row.int64("job_id")),
            action: action,
            actor: try row.text("done_by"),
            before: try row.named("state_before"),
            after: try row.named("state_after")
          )
        )
      } else {
        expired.append(
          ExpiredCall(
            call: try row.id("call_id"),
            job: JobID(try row.int64("job_id")),
            reward: try row.id("reward_id")
          )
        )
      }
    }
    var block: AccountBlock?
    if let code = try last.optionalText("block_code") {
      block = AccountBlock(
        code: code,
        message: try last.optionalText("block_message") ?? "",
        // Null if no probe has a time yet.
        probeNow: try last.optionalBool("probe_now") ?? false
      )
    }
    self.init(
      expired: expired,
      steered: steered,
      next: try last.optionalWait("next_us"),
      block: block,
      hasWaitingJobs: try last.bool("jobs_waiting"),
      isReconcilingDue: try last.bool("reconciling_due"),
      isAPIFailing: try last.bool("api_failing"),
      maxInFlight: try last.integer("max_in_flight"),
      mended: try last.texts("mended"),
      stall: try last.optionalText("stall")
    )
  }
}
