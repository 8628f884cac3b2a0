import Postgres
import Provisioning

extension FollowAnswer {
  /// Reads the answer to `SyncStatements.takeFollow`: one row, without a reward if none is due.
  init(_ row: Row) throws(PostgresError) {
    guard let reward = try row.optionalUuid("reward_id") else {
      self = .nothing(
        wait: try row.optionalInt64("wait_us").map { .microseconds(max(0, $0)) }
      )
      return
    }
    guard let order = ListOrder(rawValue: try row.text("list_order")) else {
      throw PostgresError(.unexpectedResult, "list_order is none that is known here")
    }
    let anchor = try row.optionalUuid("scan_anchor").map { CodeID(UniqueID(bits: $0)) }
    let newest = try row.optionalTimestamp("scan_newest")
    self = .follow(
      FollowCase(
        reward: RewardID(UniqueID(bits: reward)),
        look: try row.integer("look"),
        failures: try row.integer("failures"),
        mark: try row.optionalTimestamp("mark"),
        order: order,
        position: try row.optionalInteger("scan_offset").map {
          ScanPosition(offset: $0, anchor: anchor, newest: newest)
        }
      )
    )
  }
}

extension LookReport {
  /// The parameters of `SyncStatements.finish`, in its order.
  func parameters(of follow: FollowCase, worker: WorkerID, rules: SyncRules) -> [Parameter] {
    let (outcome, error): (String, String?) =
      switch ending {
      case .read: ("read", nil)
      case .failed(let message, _): ("failed", message)
      case .interrupted: ("interrupted", nil)
      }
    let reading = ending.reading
    return [
      .uuid(reward.id.bits), .uuid(worker.id.bits), .text(outcome), .text(error),
      .timestamptz(microsecondsSinceUnixEpoch: reading.mark?.microseconds),
      .text(reading.order.rawValue), .int4(reading.position.map { Int32($0.offset) }),
      .uuid(reading.position?.anchor?.id.bits),
      .timestamptz(microsecondsSinceUnixEpoch: reading.position?.newest?.microseconds),
      .interval(pause(follow, rules)), .interval(rules.first), .interval(rules.patience),
      .int8s(rules.resyncPauses.map(\.microseconds)),
    ]
  }
}

extension LookAnswer {
  /// Reads the answer to `SyncStatements.finish`.
  init(_ row: Row) throws(PostgresError) {
    switch try row.text("outcome") {
    case "following":
      var systems: [SyncSystem] = []
      for system in SyncSystem.allCases where try row.bool(.name(system.rawValue)) {
        systems.append(system)
      }
      self = .following(resync: systems)
    case "settled": self = .settled
    case "given_up": self = .givenUp
    default: self = .lost
    }
  }
}

extension Parameter {
  /// How codes are shown, as one array a column, without the codes themselves.
  static func states(of codes: [IssuedCode]) -> [Parameter] {
    var columns = columns(of: codes)
    columns.remove(at: 1)
    return columns
  }
}

extension Row {
  fileprivate func optionalTimestamp(_ column: Column) throws(PostgresError) -> Timestamp? {
    try optionalTimestamptz(column).map(Timestamp.init(microseconds:))
  }
}
