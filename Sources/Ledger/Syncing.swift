import Postgres
public import Provisioning

/// Codes are tracked until other systems have them. Each statement is one transaction.
extension PostgresStore {
  private static let takeTracked: Statement = """
    SELECT reward_id, pass, failures, mark, list_order, scan_offset, scan_anchor, scan_newest,
           wait_us
    FROM codemint.take_tracked($1, $2, $3, $4)
    """

  private static let syncSlot: Statement = """
    SELECT outcome, delay_us FROM codemint.sync_slot($1, $2, $3)
    """

  private static let record: Statement = """
    SELECT kept, changed, unknown, raises_watch FROM codemint.record_changes($1, $2, $3)
    """

  private static let finish: Statement = """
    SELECT outcome, 'shopify' = ANY (systems) AS shopify, 'stripe' = ANY (systems) AS stripe
    FROM codemint.finish_sync_pass($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """

  private static let noteResync: Statement = "SELECT codemint.note_resync($1, $2, $3, $4)"

  /// See `SyncingStore.takeTracked`.
  public func takeTracked(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> TrackingAnswer
  {
    let parameters: [Parameter] = [.uuid(worker), .interval(lease), .interval(first), code]
    return try await translatedWithoutWords { () throws(PostgresError) in
      try TrackingAnswer(try await run(Self.takeTracked, parameters).one())
    }
  }

  /// See `SyncingStore.syncSlot`.
  public func syncSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> SyncSlot
  {
    try await translatedWithoutWords { () throws(PostgresError) in
      let row = try await run(Self.syncSlot, [.uuid(reward), .uuid(worker), .interval(lease)])
        .one()
      let delay = try row.optionalWait("delay_us") ?? .zero
      switch try row.text("outcome") {
      case "slot": return .slot(delay)
      case "wait": return .wait(delay)
      case "closed": return .closed
      case "lost": return .lost
      case let outcome: throw .unknown("the outcome of asking for a slot", outcome)
      }
    }
  }

  /// See `SyncingStore.record`. The values of codes do not travel: they never change.
  public func record(_ codes: [IssuedCode], of reward: RewardID, worker: WorkerID)
    async throws(StoreError) -> RecordedChanges
  {
    let parameters: [Parameter] = [
      .uuid(reward), .uuid(worker), .received(codes, showsValues: false),
    ]
    return try await translatedWithoutWords { () throws(PostgresError) in
      let row = try await run(Self.record, parameters).one()
      return RecordedChanges(
        kept: try row.bool("kept"),
        changed: try row.integer("changed"),
        unknown: try row.integer("unknown"),
        raisesWatch: try row.bool("raises_watch")
      )
    }
  }

  /// See `SyncingStore.finish`.
  public func finish(
    _ report: SyncPassReport,
    of reward: TrackedReward,
    worker: WorkerID,
    rules: SyncRules
  ) async throws(StoreError) -> SyncPassAnswer {
    let parameters = report.parameters(of: reward, worker: worker, rules: rules)
    return try await translatedWithoutWords { () throws(PostgresError) in
      try SyncPassAnswer(try await run(Self.finish, parameters).one())
    }
  }

  /// See `SyncingStore.noteResync`.
  public func noteResync(
    _ reward: RewardID,
    system: SyncSystem,
    failure: String,
    wasSent: Bool
  ) async throws(StoreError) {
    try await translatedWithoutWords { () throws(PostgresError) in
      _ = try await run(
        Self.noteResync,
        [.uuid(reward), .text(system.rawValue), .text(failure), .bool(wasSent)]
      )
    }
  }
}

extension TrackingAnswer {
  /// One row, without a reward if none is due.
  fileprivate init(_ row: Row) throws(PostgresError) {
    guard let reward: RewardID = try row.optionalID("reward_id") else {
      self = .nothing(wait: try row.optionalWait("wait_us"))
      return
    }
    let anchor: CodeID? = try row.optionalID("scan_anchor")
    let newest = try row.optionalTimestamp("scan_newest")
    self = .reward(
      TrackedReward(
        reward: reward,
        pass: try row.integer("pass"),
        failures: try row.integer("failures"),
        mark: try row.optionalTimestamp("mark"),
        order: try row.named("list_order"),
        position: try row.optionalInteger("scan_offset").map {
          ScanPosition(offset: $0, anchor: anchor, newest: newest)
        }
      )
    )
  }
}

extension SyncPassReport {
  /// The parameters of `finish_sync_pass`, in its order.
  fileprivate func parameters(
    of reward: TrackedReward,
    worker: WorkerID,
    rules: SyncRules
  ) -> [Parameter] {
    let (outcome, error): (String, String?) =
      switch ending {
      case .read: ("read", nil)
      case .failed(let message, _): ("failed", message)
      case .interrupted: ("interrupted", nil)
      }
    let reading = ending.reading
    return [
      .uuid(self.reward), .uuid(worker), .text(outcome), .text(error),
      .composite([
        .timestamptz(reading.mark), .text(reading.order.rawValue),
        .int4(reading.position.map { Int32($0.offset) }), .uuid(reading.position?.anchor),
        .timestamptz(reading.position?.newest),
      ]),
      .interval(pause(reward, rules)), .interval(rules.first), .interval(rules.patience),
      .int8s(rules.resyncPauses.map(\.microseconds)),
    ]
  }
}

extension SyncPassAnswer {
  fileprivate init(_ row: Row) throws(PostgresError) {
    switch try row.text("outcome") {
    case "tracking":
      var systems: [SyncSystem] = []
      for system in SyncSystem.allCases where try row.bool(.name(system.rawValue)) {
        systems.append(system)
      }
      self = .tracking(resync: systems)
    case "final": self = .final
    case "given_up": self = .givenUp
    case "lost": self = .lost
    case let outcome: throw .unknown("the outcome of a sync pass", outcome)
    }
  }
}
