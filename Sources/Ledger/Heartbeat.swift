import Postgres
public import Provisioning
import Synchronization

/// A worker shows that it lives, and does what falls due by the passing of time alone.
extension PostgresStore {
  /// The sign of life alone.
  private static let announce = Statement("SELECT \(announcement)")

  private static let heartbeat = Statement("\(columns) FROM codemint.heartbeat($1, $2, $3)")

  /// Both in one transaction.
  private static let announcedHeartbeat = Statement(
    "\(columns) FROM codemint.heartbeat(\(announcement), $10, $11)"
  )

  private static let announcement =
    "codemint.announce_worker($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"

  private static let columns = """
    SELECT call_id, job_id, reward_id, action, done_by, state_before, state_after, next_us,
           block_code, block_message, probe_now, jobs_waiting, reconciling_due, api_failing, max_in_flight,
           mended, stall
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
      let rows = try await beat(announcing: parameters, draining: worker.draining)
      if silence.end() { await renewSessions() }
      return try Heartbeat(rows)
    }
  }

  /// Shows that the worker lives, and does what has fallen due: in one transaction, while nothing keeps that waiting.
  /// After a failure the sign of life is committed on its own, and why claims fail is told, before the rest is tried
  /// again: it may wait for what somebody has locked.
  private func beat(
    announcing presence: [Parameter],
    draining: Bool
  ) async throws(PostgresError) -> Rows {
    if !claims.hasNews, !heartbeats.areHeldUp.load(ordering: .relaxed) {
      do {
        return try await run(Self.announcedHeartbeat, presence + [.text(api)], on: vitalPool)
      } catch {
        heartbeats.areHeldUp.store(true, ordering: .relaxed)
        throw error
      }
    }
    _ = try await run(Self.announce, presence, on: vitalPool)
    if let news = claims.takeNews() {
      _ = try await run(Self.noteClaims, [presence[0], .text(news.error)], on: vitalPool)
    }
    let rows = try await run(Self.heartbeat, [.bool(draining), code, .text(api)], on: vitalPool)
    heartbeats.areHeldUp.store(false, ordering: .relaxed)
    return rows
  }

  /// See `Store.retire`.
  public func retire(_ worker: WorkerID) async throws(StoreError) {
    try await translated { () throws(PostgresError) in
      _ = try await run(Self.retire, [.uuid(worker)])
    }
  }
}

/// How heartbeats have gone.
final class HeartbeatRecord: Sendable {
  /// Whether something keeps heartbeats waiting, or fails them, so that the sign of life has to go first.
  let areHeldUp = Atomic(false)
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
