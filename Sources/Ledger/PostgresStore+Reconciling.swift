import Postgres
public import Provisioning

extension PostgresStore {
  /// See `ReconcilingStore.takeDoubt`.
  public func takeDoubt(_ worker: WorkerID, lease: Duration, linger: Duration)
    async throws(StoreError) -> DoubtCase?
  {
    try await translated { () throws(PostgresError) in
      try DoubtCase(
        try await run(
          ReconcilingStatements.takeDoubt,
          [.uuid(worker.id.bits), .interval(lease), .interval(linger)]
        )
      )
    }
  }

  /// See `ReconcilingStore.takeWatch`.
  public func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError)
    -> WatchCase?
  {
    try await translated { () throws(PostgresError) in
      try WatchCase(
        try await run(
          ReconcilingStatements.takeWatch,
          [.uuid(worker.id.bits), .interval(lease)]
        ).one()
      )
    }
  }

  /// See `ReconcilingStore.keep`.
  public func keep(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Bool
  {
    try await translated { () throws(PostgresError) in
      try await run(
        ReconcilingStatements.keep,
        [.uuid(reward.id.bits), .uuid(worker.id.bits), .interval(lease)]
      ).one().bool("kept")
    }
  }

  /// See `ReconcilingStore.leave`.
  public func leave(
    _ reward: RewardID,
    worker: WorkerID,
    pause: Duration,
    listingFailed: Bool
  ) async throws(StoreError) {
    try await translated { () throws(PostgresError) in
      _ = try await run(
        ReconcilingStatements.leave,
        [
          .uuid(reward.id.bits), .uuid(worker.id.bits), .interval(pause), .bool(listingFailed),
        ]
      )
    }
  }

  /// See `ReconcilingStore.reserveSlot`.
  public func reserveSlot() async throws(StoreError) -> Duration? {
    try await translated { () throws(PostgresError) in
      try await run(ReconcilingStatements.reserveSlot, []).one().optionalInt64("slot_us")
        .map { .microseconds(max(0, $0)) }
    }
  }

  /// See `ReconcilingStore.known`.
  public func known(_ codes: [CodeID]) async throws(StoreError) -> Set<CodeID> {
    try await translated { () throws(PostgresError) in
      var known: Set<CodeID> = []
      for row in try await run(
        ReconcilingStatements.known,
        [.uuids(codes.map(\.id.bits))]
      ) {
        known.insert(CodeID(UniqueID(bits: try row.uuid("id"))))
      }
      return known
    }
  }

  /// See `ReconcilingStore.decide`.
  public func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try await translated { () throws(PostgresError) in
      let row = try await run(
        ReconcilingStatements.decide,
        decision.parameters(worker: worker)
      ).one()
      return try row.text("outcome") == "done" ? .done : .changed
    }
  }

  /// See `ReconcilingStore.conclude`.
  public func conclude(_ watch: WatchFinding, worker: WorkerID)
    async throws(StoreError) -> WatchAnswer
  {
    let parameters: [Parameter] =
      [
        .uuid(watch.reward.id.bits), .uuid(worker.id.bits),
        .timestamptz(microsecondsSinceUnixEpoch: watch.listedUntil.microseconds),
      ] + Parameter.columns(of: watch.codes)
    return try await translated { () throws(PostgresError) in
      let row = try await run(ReconcilingStatements.concludeWatch, parameters).one()
      return switch try row.text("outcome") {
      case "done":
        .done(issued: try row.integer("issued"), surplus: try row.integer("surplus"))
      case "wait": .wait
      default: .lost
      }
    }
  }
}
