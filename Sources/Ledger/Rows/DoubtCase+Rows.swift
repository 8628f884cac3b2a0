import Postgres
import Provisioning

extension DoubtCase {
  /// Reads the answer to `ReconcilingStatements.takeDoubt`: a row for each doubtful call.
  init?(_ rows: Rows) throws(PostgresError) {
    guard let first = rows.first else { return nil }
    let reward = RewardID(UniqueID(bits: try first.uuid("reward_id")))
    var calls: [DoubtfulCall] = []
    for row in rows {
      let call = Call(
        id: CallID(UniqueID(bits: try row.uuid("call_id"))),
        job: JobID(try row.int64("job_id")),
        reward: reward,
        prefix: try row.optionalText("prefix"),
        size: try row.integer("size")
      )
      calls.append(
        DoubtfulCall(
          call: call,
          earliest: Timestamp(microseconds: try row.timestamptz("earliest")),
          latest: Timestamp(microseconds: try row.timestamptz("latest"))
        )
      )
    }
    self.init(
      reward: reward,
      calls: calls,
      newestKnown: try first.newestKnown(),
      prefixIsLiteral: try first.bool("prefix_literal"),
      offset: try first.clockOffset(),
      now: Timestamp(microseconds: try first.timestamptz("now")),
      failingSince: try first.optionalTimestamptz("failing_since").map(
        Timestamp.init(microseconds:)
      )
    )
  }
}

extension WatchCase {
  /// Reads the answer to `ReconcilingStatements.takeWatch`: one row, null if nothing is due.
  init?(_ row: Row) throws(PostgresError) {
    guard let reward = try row.optionalUuid("reward_id") else { return nil }
    let since = try row.timestamptz("since")
    // A database that was accepted as another's successor is watched from the beginning of time.
    let offset = since == .min ? nil : try row.clockOffset()
    self.init(
      reward: RewardID(UniqueID(bits: reward)),
      newestKnown: try row.newestKnown(),
      since: offset.map {
        Timestamp(microseconds: since + $0.low - Bounds.createdAtResolution.microseconds)
      },
      dueAt: Timestamp(microseconds: try row.timestamptz("due_at")),
      now: Timestamp(microseconds: try row.timestamptz("now")),
      isAwaited: try row.bool("awaited"),
      failures: try row.integer("failures"),
      failingSince: try row.optionalTimestamptz("failing_since").map(
        Timestamp.init(microseconds:)
      )
    )
  }
}

extension Row {
  fileprivate func newestKnown() throws(PostgresError) -> [CodeID] {
    var codes: [CodeID] = []
    for column in ["known_first", "known_last"] {
      if let id = try optionalUuid(.name(column)) { codes.append(CodeID(UniqueID(bits: id))) }
    }
    return codes
  }

  fileprivate func clockOffset() throws(PostgresError) -> ClockOffset? {
    guard let low = try optionalInt64("offset_low_us"),
      let high = try optionalInt64("offset_high_us")
    else { return nil }
    return ClockOffset(low: low, high: high)
  }
}
