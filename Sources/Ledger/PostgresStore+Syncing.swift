import Postgres
public import Provisioning

extension PostgresStore {
  /// See `SyncingStore.takeFollow`.
  public func takeFollow(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> FollowAnswer
  {
    try await translated { () throws(PostgresError) in
      try FollowAnswer(
        try await run(
          SyncStatements.takeFollow,
          [.uuid(worker.id.bits), .interval(lease), .interval(first)]
        ).one()
      )
    }
  }

  /// See `SyncingStore.followSlot`.
  public func followSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> FollowSlot
  {
    try await translated { () throws(PostgresError) in
      let row = try await run(
        SyncStatements.followSlot,
        [.uuid(reward.id.bits), .uuid(worker.id.bits), .interval(lease)]
      ).one()
      let delay = Duration.microseconds(max(0, try row.optionalInt64("delay_us") ?? 0))
      return switch try row.text("outcome") {
      case "slot": .slot(delay)
      case "wait": .wait(delay)
      case "closed": .closed
      default: .lost
      }
    }
  }

  /// See `SyncingStore.record`.
  public func record(_ codes: [IssuedCode], of reward: RewardID, worker: WorkerID)
    async throws(StoreError) -> RecordedChanges
  {
    let parameters =
      [.uuid(reward.id.bits), .uuid(worker.id.bits)] + Parameter.states(of: codes)
    return try await translated { () throws(PostgresError) in
      let row = try await run(SyncStatements.record, parameters).one()
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
    _ look: LookReport,
    of follow: FollowCase,
    worker: WorkerID,
    rules: SyncRules
  ) async throws(StoreError) -> LookAnswer {
    let parameters = look.parameters(of: follow, worker: worker, rules: rules)
    return try await translated { () throws(PostgresError) in
      try LookAnswer(try await run(SyncStatements.finish, parameters).one())
    }
  }

  /// See `SyncingStore.noteResync`.
  public func noteResync(
    _ reward: RewardID,
    system: SyncSystem,
    failure: String,
    wasSent: Bool
  ) async throws(StoreError) {
    try await translated { () throws(PostgresError) in
      _ = try await run(
        SyncStatements.noteResync,
        [.uuid(reward.id.bits), .text(system.rawValue), .text(failure), .bool(wasSent)]
      )
    }
  }
}
