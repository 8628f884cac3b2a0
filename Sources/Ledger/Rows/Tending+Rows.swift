import Postgres
import Provisioning

extension WorkerPresence {
  /// The parameters of `StoreStatements.tend`, in its order.
  func parameters(probeEvery: Duration) -> [Parameter] {
    [
      .uuid(id.id.bits), .text(host), .int4(Int32(process)), .text(version), .bool(draining),
      .float8(limits.requestsPerSecond), .int4(Int32(limits.burst)),
      .int4(Int32(limits.maxInFlight)), .int4(Int32(limits.maxInFlightPerReward)),
      .interval(lifetime), .interval(probeEvery),
    ]
  }
}

extension Tending {
  /// Reads the answer to `StoreStatements.tend`: a row for each expired call, one for each
  /// thing that an operator did, and one without a job.
  init(_ rows: Rows) throws(PostgresError) {
    var expired: [ExpiredCall] = []
    var steered: [SteeredJob] = []
    var next: Duration?
    var block: AccountBlock?
    var isReconcilingDue = false
    var isAPIFailing = false
    var maxInFlight = Limits.standard.maxInFlight
    for row in rows {
      if let call = try row.optionalUuid("call_id") {
        expired.append(
          ExpiredCall(
            call: CallID(UniqueID(bits: call)),
            job: JobID(try row.int64("job_id")),
            reward: RewardID(UniqueID(bits: try row.uuid("reward_id")))
          )
        )
        continue
      }
      if let action = try row.optionalText("action") {
        steered.append(try SteeredJob(row, action: action))
        continue
      }
      next = try row.optionalInt64("next_us").map { .microseconds(max(0, $0)) }
      isReconcilingDue = try row.optionalBool("reconciling_due") ?? false
      isAPIFailing = try row.optionalBool("api_failing") ?? false
      maxInFlight = try row.optionalInteger("max_in_flight") ?? maxInFlight
      if let code = try row.optionalText("block_code") {
        block = AccountBlock(
          code: code,
          message: try row.optionalText("block_message") ?? "",
          probeNow: try row.optionalBool("probe_now") ?? false
        )
      }
    }
    self.init(
      expired: expired,
      steered: steered,
      next: next,
      block: block,
      isReconcilingDue: isReconcilingDue,
      isAPIFailing: isAPIFailing,
      maxInFlight: maxInFlight
    )
  }
}

extension SteeredJob {
  fileprivate init(_ row: Row, action: String) throws(PostgresError) {
    self.init(
      job: JobID(try row.int64("job_id")),
      action: action,
      actor: try row.text("done_by"),
      before: try row.state("state_before"),
      after: try row.state("state_after")
    )
  }
}
