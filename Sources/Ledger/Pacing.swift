import Postgres
public import Provisioning

/// Slots of the shared rate limit, and what answers of the API say of the pace.
extension PostgresStore {
  private static let moveSlot: Statement = "SELECT slot_us FROM codemint.move_slot($1, $2)"

  private static let reserveSlot: Statement = "SELECT slot_us FROM codemint.reserve_slot()"

  private static let applyFeedback: Statement = "SELECT codemint.apply_feedback($1, $2, $3, $4)"

  private static let recordProbe: Statement = "SELECT codemint.record_probe($1, $2, $3)"

  /// See `Store.moveSlot`.
  public func moveSlot(_ call: CallID, worker: WorkerID) async throws(StoreError) -> Duration? {
    try await translated { () throws(PostgresError) in
      try await run(Self.moveSlot, [.uuid(call), .uuid(worker)]).one()
        .optionalInt64("slot_us").map { .microseconds($0) }
    }
  }

  /// See `ReconcilingStore.reserveSlot`.
  public func reserveSlot() async throws(StoreError) -> Duration? {
    try await translated { () throws(PostgresError) in
      try await run(Self.reserveSlot, []).one().optionalWait("slot_us")
    }
  }

  /// See `Store.applyFeedback`.
  public func applyFeedback(_ feedback: PaceFeedback, age: Duration) async throws(StoreError) {
    let parameters: [Parameter] = [
      .bool(feedback.isRefusal), .interval(feedback.pause), .float8(feedback.ceiling),
      .interval(age),
    ]
    try await translated { () throws(PostgresError) in
      _ = try await run(Self.applyFeedback, parameters)
    }
  }

  /// See `Store.recordProbe`.
  public func recordProbe(_ answer: TeamAnswer) async throws(StoreError) {
    let parameters: [Parameter] =
      switch answer {
      case .accepted:
        [.bool(true), .text(nil), .text(nil)]
      case .refused(let code, let message):
        [.bool(false), .text(code), .text(message)]
      case .unreachable(let cause):
        [.bool(false), .text(nil), .text(cause)]
      }
    try await translated { () throws(PostgresError) in
      _ = try await run(Self.recordProbe, parameters)
    }
  }
}
