import Postgres
public import Provisioning

/// What doubtful calls did is found out by listing upstream. Each statement is one transaction.
extension PostgresStore {
  private static let takeDoubt: Statement = """
    SELECT reward_id, call_id, job_id, prefix, size, earliest, effective_until, known_first,
           known_last, prefix_literal, offset_low_us, offset_high_us, now, failing_since
    FROM codemint.take_doubt($1, $2, $3, $4)
    """

  private static let keep: Statement = "SELECT codemint.keep_reward($1, $2, $3) AS kept"

  private static let leave: Statement = "SELECT codemint.leave_reward($1, $2, $3, $4)"

  /// Codes that are stored, as rows or as bytes, and codes that are set aside for another call of
  /// their reward and a person: none can be news of a doubtful call. A code that another reward's
  /// answer showed can, and so can a code of a held call that is judged again.
  private static let known: Statement = """
    SELECT id FROM codemint.codes WHERE id = ANY ($1::uuid[])
    UNION ALL
    SELECT id FROM codemint.raw_codes WHERE id = ANY ($1::uuid[])
    UNION ALL
    SELECT u.id FROM codemint.unattributed_codes u
    WHERE u.id = ANY ($1::uuid[])
      AND NOT EXISTS (SELECT FROM codemint.calls c
                      WHERE c.id = u.call_id
                        AND (c.reward_id <> u.reward_id
                             OR c.held_at IS NOT NULL AND NOT codemint.has_seen_all(c.hold_reason)))
    """

  /// Decides again under the reward's lock whether what was judged is still so; $9 are codes that the
  /// database refuses as rows. A row for each job that ended, or one without a job.
  private static let decide: Statement = """
    SELECT r.outcome, e.job_id, e.job_state
    FROM codemint.decide_doubt($1, $2, $3, $4, $5, $6, $7, $8) AS d (outcome)
    CROSS JOIN LATERAL codemint.store_raw_codes(d.outcome, $1, $9) AS r (outcome)
    LEFT JOIN LATERAL codemint.ended_jobs(
      r.outcome, ARRAY(SELECT c.job_id FROM codemint.calls c WHERE c.id = ANY ($3))) AS e ON true
    """

  /// Takes codes in and gives nothing back: it fails if the database refuses the content of one.
  private static let take: Statement = """
    SELECT cardinality($1::codemint.received_code[]) AS number
    """

  /// See `ReconcilingStore.takeDoubt`.
  public func takeDoubt(_ worker: WorkerID, lease: Duration, effectiveFor: Duration)
    async throws(StoreError) -> DoubtCase?
  {
    let parameters: [Parameter] = [.uuid(worker), .interval(lease), .interval(effectiveFor), code]
    return try await translated { () throws(PostgresError) in
      try DoubtCase(try await run(Self.takeDoubt, parameters))
    }
  }

  /// See `ReconcilingStore.keep`.
  public func keep(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Bool
  {
    try await translated { () throws(PostgresError) in
      try await run(Self.keep, [.uuid(reward), .uuid(worker), .interval(lease)]).one()
        .bool("kept")
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
        Self.leave,
        [.uuid(reward), .uuid(worker), .interval(pause), .bool(listingFailed)]
      )
    }
  }

  /// See `ReconcilingStore.known`.
  public func known(_ codes: [CodeID]) async throws(StoreError) -> Set<CodeID> {
    try await translated { () throws(PostgresError) in
      var known: Set<CodeID> = []
      for row in try await run(Self.known, [.uuids(codes)]) { known.insert(try row.id("id")) }
      return known
    }
  }

  /// See `ReconcilingStore.decide`. Codes that the database refuses for their content are kept as
  /// bytes beside it (protocol, rule 8).
  public func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try await translated { () throws(PostgresError) in
      let codes = decision.adopted.flatMap(\.codes) + decision.unattributed
      let rows = try await besideRefused(codes) { (refused) throws(PostgresError) in
        try await run(Self.decide, decision.parameters(worker: worker, refused: refused))
      }
      switch try rows.first?.text("outcome") {
      case "done": return .done(ended: try rows.endedJobs())
      case "changed": return .changed
      case let outcome: throw .unknown("the outcome of a decision", outcome ?? "")
      }
    }
  }

  /// Runs a statement that stores these codes. If the database refuses the content of some, runs it
  /// once more, told which they are.
  func besideRefused(
    _ codes: [IssuedCode],
    _ body: (Set<CodeID>) async throws(PostgresError) -> Rows
  ) async throws(PostgresError) -> Rows {
    do throws(PostgresError) {
      return try await body([])
    } catch {
      guard error.isContentRefused else { throw error }
      let refused = try await refused(of: codes)
      guard !refused.isEmpty else { throw error }
      return try await body(refused)
    }
  }

  /// Which of these codes the database refuses for their content, found by halving.
  private func refused(of codes: [IssuedCode]) async throws(PostgresError) -> Set<CodeID> {
    var refused: Set<CodeID> = []
    var suspects = codes.isEmpty ? [] : [codes[...]]
    while let some = suspects.popLast() {
      do throws(PostgresError) {
        _ = try await run(Self.take, [.received(Array(some))])
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

extension DoubtCase {
  /// A row for each doubtful call, then one for each call whose answer was short; nil if there is none.
  fileprivate init?(_ rows: Rows) throws(PostgresError) {
    guard let first = rows.first else { return nil }
    let reward: RewardID = try first.id("reward_id")
    var calls: [DoubtfulCall] = []
    var keptBack: [Call] = []
    for row in rows {
      let call = Call(
        id: try row.id("call_id"),
        job: JobID(try row.int64("job_id")),
        reward: reward,
        prefix: try row.optionalText("prefix"),
        size: try row.integer("size")
      )
      guard let effectiveUntil = try row.optionalTimestamp("effective_until") else {
        keptBack.append(call)
        continue
      }
      calls.append(
        DoubtfulCall(
          call: call,
          earliest: try row.timestamp("earliest"),
          effectiveUntil: effectiveUntil
        )
      )
    }
    self.init(
      reward: reward,
      calls: calls,
      keptBack: keptBack,
      newestKnown: try first.newestKnown(),
      prefixIsLiteral: try first.bool("prefix_literal"),
      offset: try first.clockOffset(),
      now: try first.timestamp("now"),
      failingSince: try first.optionalTimestamp("failing_since")
    )
  }
}

extension DoubtDecision {
  /// The parameters of `decide`, in its order. Codes that the database refuses travel as bytes; those
  /// set aside are kept with the first call that is held.
  fileprivate func parameters(worker: WorkerID, refused: Set<CodeID>) -> [Parameter] {
    func storable(_ codes: [IssuedCode]) -> Parameter {
      .received(codes.filter { !refused.contains($0.id) })
    }
    let owned: [(code: IssuedCode, call: CallID?)] =
      adopted.flatMap { adoption in adoption.codes.map { ($0, adoption.call.id) } }
      + unattributed.map { ($0, held.first) }
    return [
      .uuid(reward), .uuid(worker), .uuids(judged.sorted()),
      .composites(adopted.map { [.uuid($0.call.id), storable($0.codes)] }), .uuids(absent),
      .uuids(held), .text(holdReason?.rawValue), storable(unattributed),
      .raw(owned.filter { refused.contains($0.code.id) }),
    ]
  }
}

extension Rows {
  /// The jobs that ended, of an answer that has a row for each, or one row without a job.
  func endedJobs() throws(PostgresError) -> [EndedJob] {
    var ended: [EndedJob] = []
    for row in self {
      guard let job = try row.optionalInt64("job_id") else { continue }
      ended.append(EndedJob(job: JobID(job), state: try row.named("job_state")))
    }
    return ended
  }
}

extension Row {
  /// Two codes of the reward's newest clean answer.
  func newestKnown() throws(PostgresError) -> [CodeID] {
    [try optionalID("known_first"), try optionalID("known_last")].compactMap(\.self)
  }

  /// How far the API's clock is ahead; nil if `createdAt` is not believed.
  func clockOffset() throws(PostgresError) -> ClockOffset? {
    guard let low = try optionalInt64("offset_low_us"),
      let high = try optionalInt64("offset_high_us")
    else { return nil }
    return ClockOffset(low: low, high: high)
  }
}
