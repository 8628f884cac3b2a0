import Postgres
import Provisioning

extension ClaimRequest {
  /// The parameters of `StoreStatements.claim`, in its order. If it does not wait for the disk,
  /// `StoreStatements.makeSure` has to follow.
  func parameters(waits: Bool) -> [Parameter] {
    [
      .uuid(call.id.bits), .uuid(worker.id.bits), .interval(lease),
      .int4(Int32(Bounds.callSize.upperBound)), .interval(SlotLimiter.shortestHorizon),
      .bool(waits),
    ]
  }
}

extension Claim {
  /// Reads the answer to `StoreStatements.claim`.
  init(_ row: Row, for request: ClaimRequest) throws(PostgresError) {
    guard try row.text("outcome") == "call" else {
      self = .nothing(
        wait: try row.optionalInt64("wait_us").map { .microseconds(max(0, $0)) },
        due: try row.optionalInt64("due_us").map { .microseconds(max(0, $0)) }
      )
      return
    }
    let call = Call(
      id: request.call,
      job: JobID(try row.int64("job_id")),
      reward: RewardID(UniqueID(bits: try row.uuid("reward_id"))),
      prefix: try row.optionalText("prefix"),
      size: try row.integer("size")
    )
    let failures = FailureCounts(
      job: try row.integer("job_failures"),
      reward: try row.integer("reward_failures"),
      account: try row.integer("account_failures")
    )
    self = .call(
      ClaimedCall(
        call: call,
        slotDelay: .microseconds(try row.int64("slot_us")),
        answered: Timestamp(microseconds: try row.timestamptz("answered_at")),
        spacing: .microseconds(try row.int64("spacing_us")),
        leeway: .microseconds(try row.int64("leeway_us")),
        failures: failures,
        startsJob: try row.bool("starts_job")
      )
    )
  }
}
