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

  /// See `ReconcilingStore.putOff`.
  public func putOff(_ reward: RewardID, worker: WorkerID, pause: Duration?, error: String)
    async throws(StoreError)
  {
    try await translated { () throws(PostgresError) in
      _ = try await run(
        ReconcilingStatements.putOff,
        [.uuid(reward.id.bits), .uuid(worker.id.bits), .interval(pause), .text(error)]
      )
    }
  }

  /// See `ReconcilingStore.decide`. Codes that the database refuses for their content are kept as
  /// bytes beside it (protocol, rule 8).
  public func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try await translated { () throws(PostgresError) in
      let rows: Rows
      do throws(PostgresError) {
        rows = try await run(ReconcilingStatements.decide, decision.parameters(worker: worker))
      } catch {
        guard error.isContentRefused else { throw error }
        let refused = try await refused(decision.adopted.flatMap(\.codes) + decision.strays)
        guard !refused.isEmpty else { throw error }
        rows = try await run(
          ReconcilingStatements.decideBesideRaw,
          decision.without(refused).parameters(worker: worker)
            + Parameter.rawColumns(of: decision.owned.filter { refused.contains($0.code.id) })
        )
      }
      guard try rows.first?.text("outcome") == "done" else { return .changed }
      return .done(ended: try rows.endedJobs())
    }
  }

  /// See `ReconcilingStore.conclude`. Codes that the database refuses for their content are kept as
  /// bytes beside it (protocol, rule 8).
  public func conclude(_ watch: WatchFinding, worker: WorkerID)
    async throws(StoreError) -> WatchAnswer
  {
    try await translated { () throws(PostgresError) in
      let rows: Rows
      do throws(PostgresError) {
        rows = try await run(
          ReconcilingStatements.concludeWatch,
          watch.parameters(worker: worker, codes: watch.codes)
        )
      } catch {
        guard error.isContentRefused else { throw error }
        let refused = try await refused(watch.codes)
        guard !refused.isEmpty else { throw error }
        let raw = watch.codes.filter { refused.contains($0.id) }.map { OwnedCode($0, of: nil) }
        rows = try await run(
          ReconcilingStatements.concludeBesideRaw,
          watch.parameters(worker: worker, codes: watch.codes.filter { !refused.contains($0.id) })
            + Parameter.rawColumns(of: raw)
        )
      }
      return try WatchAnswer(rows)
    }
  }

  /// Which of these codes the database refuses for their content, found by halving.
  private func refused(_ codes: [IssuedCode]) async throws(PostgresError) -> Set<CodeID> {
    var refused: Set<CodeID> = []
    var suspects = codes.isEmpty ? [] : [codes[...]]
    while let some = suspects.popLast() {
      do throws(PostgresError) {
        _ = try await run(ReconcilingStatements.take, Parameter.columns(of: Array(some)))
      } catch {
        guard error.isContentRefused else { throw error }
        if some.count == 1 {
          refused.formUnion(some.map(\.id))
        } else {
          let half = some.startIndex + some.count / 2
          suspects += [some[..<half], some[half...]]
        }
      }
    }
    return refused
  }
}
