import Postgres
public import Provisioning

/// What doubtful calls did is found out by listing upstream. Each statement is one transaction.
extension PostgresStore {
  private static let takeDoubt: Statement = """
    SELECT (d.lent).*, (d.doubt).*, d.undecided_us, d.is_restored
    FROM codemint.take_doubt($1, $2, $3) AS d
    """

  private static let keep: Statement = "SELECT codemint.keep_reward($1, $2, $3) AS kept"

  private static let leave: Statement = "SELECT codemint.leave_reward($1, $2, $3, $4)"

  /// $5 are codes of the page that the database refuses as rows.
  private static let weigh: Statement = """
    SELECT w.witnesses, w.texts_differ, w.times_agree, w.times_differ, w.unknown, w.literal, w.altered
    FROM codemint.weigh_page($1, $2, $3, $4, $5) AS w
    """

  private static let note: Statement = "SELECT codemint.note_listing($1, $2, $3, $4, $5)"

  private static let setAside: Statement = """
    SELECT codemint.set_aside_listed($1, $2, $3, $4, $5) AS kept
    """

  /// Decides again under the reward's lock whether what was judged is still so; $10 are codes that the
  /// database refuses as rows. A row for each job that ended, or one without a job.
  private static let decide: Statement = """
    SELECT d.outcome, e.job_id, e.job_state
    FROM codemint.decide_doubt($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS d (outcome)
    LEFT JOIN LATERAL codemint.ended_jobs(
      d.outcome, ARRAY(SELECT c.job_id FROM codemint.calls c WHERE c.id = ANY ($4))) AS e ON true
    """

  /// Takes codes in and gives nothing back: it fails if the database refuses the content of one.
  private static let take: Statement = """
    SELECT cardinality($1::codemint.received_code[]) AS number
    """

  /// See `ReconcilingStore.takeDoubt`.
  public func takeDoubt(_ worker: WorkerID, lease: Duration) async throws(StoreError)
    -> DoubtCase?
  {
    try await translatedWithoutWords { () throws(PostgresError) in
      try DoubtCase(try await runLong(Self.takeDoubt, [.uuid(worker), .interval(lease), code]))
    }
  }

  /// See `ReconcilingStore.keep`.
  public func keep(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Bool
  {
    try await translatedWithoutWords { () throws(PostgresError) in
      try await run(Self.keep, [.uuid(reward), .uuid(worker), .interval(lease)]).one()
        .bool("kept")
    }
  }

  /// See `ReconcilingStore.leave`.
  public func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, counts: Duration?)
    async throws(StoreError)
  {
    try await translatedWithoutWords { () throws(PostgresError) in
      _ = try await run(
        Self.leave,
        [.uuid(reward), .uuid(worker), .interval(pause), .interval(counts)]
      )
    }
  }

  /// See `ReconcilingStore.weigh`. Codes that the database refuses for their content are compared by
  /// their ids alone (protocol, rule 8).
  public func weigh(
    _ codes: [IssuedCode],
    unreadable: [CodeID],
    of reward: RewardID,
    in listing: ListingID?,
    worker: WorkerID
  ) async throws(StoreError) -> WeighedPage {
    try await translatedWithoutWords { () throws(PostgresError) in
      let (rows, refused) = try await besideRefused(codes) { (refused) throws(PostgresError) in
        try await run(
          Self.weigh,
          [
            .uuid(listing), .uuid(reward), .uuid(worker),
            .received(codes.filter { !refused.contains($0.id) }),
            .uuids(refused.union(unreadable).sorted()),
          ]
        )
      }
      return try WeighedPage(try rows.one(), codes, unreadable: unreadable, refused: refused)
    }
  }

  /// See `ReconcilingStore.note`.
  public func note(_ sight: ListingSight) async throws(StoreError) {
    try await translatedWithoutWords { () throws(PostgresError) in
      _ = try await run(
        Self.note,
        [
          .uuid(sight.reward), .int4(Int32(sight.largestPage)), .int4(Int32(sight.asked)),
          .interval(sight.behind), .text(sight.error),
        ]
      )
    }
  }

  /// See `ReconcilingStore.setAside`.
  public func setAside(
    _ codes: [CodeID],
    in listing: ListingID,
    of reward: RewardID,
    for call: CallID,
    worker: WorkerID
  ) async throws(StoreError) -> Bool {
    try await translatedWithoutWords { () throws(PostgresError) in
      try await runLong(
        Self.setAside,
        [.uuid(reward), .uuid(worker), .uuid(listing), .uuid(call), .uuids(codes)]
      ).one().bool("kept")
    }
  }

  /// See `ReconcilingStore.decide`.
  public func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try await translatedWithoutWords { () throws(PostgresError) in
      let rows = try await runLong(Self.decide, decision.parameters(worker: worker))
      switch try rows.first?.text("outcome") {
      case "done": return .done(ended: try rows.endedJobs())
      case "changed": return .changed
      case let outcome: throw .unknown("the outcome of a decision", outcome ?? "")
      }
    }
  }

  /// Runs a statement that stages these codes. If the database refuses the content of some, runs it
  /// once more, told which they are.
  private func besideRefused(
    _ codes: [IssuedCode],
    _ body: (Set<CodeID>) async throws(PostgresError) -> Rows
  ) async throws(PostgresError) -> (rows: Rows, refused: Set<CodeID>) {
    do throws(PostgresError) {
      return (try await body([]), [])
    } catch {
      guard error.isContentRefused else { throw error }
      let refused = try await refused(of: codes)
      guard !refused.isEmpty else { throw error }
      return (try await body(refused), refused)
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
  /// A row for each call in doubt; nil if there is none.
  fileprivate init?(_ rows: Rows) throws(PostgresError) {
    guard let first = rows.first else { return nil }
    let reward: RewardID = try first.id("reward_id")
    self.init(
      reward: reward,
      calls: try rows.doubtfulCalls(of: reward),
      mustShow: try first.ids("must_show"),
      reference: try first.optionalID("reference"),
      offset: try first.clockOffset(),
      isClockDistrusted: try first.bool("is_distrusted"),
      now: try first.timestamp("now"),
      undecidedFor: .microseconds(try first.int64("undecided_us")),
      isRestored: try first.bool("is_restored")
    )
  }
}

extension WeighedPage {
  /// What the ledger says of these codes, of which the database refuses some, and of unreadable ones.
  fileprivate init(
    _ row: Row,
    _ codes: [IssuedCode],
    unreadable: [CodeID],
    refused: Set<CodeID>
  ) throws(PostgresError) {
    let unknown: Set<CodeID> = Set(try row.ids("unknown"))
    self.init(
      unknown: codes.map(\.id).filter(unknown.contains),
      refused: refused.intersection(unknown),
      recognized: unreadable.count { !unknown.contains($0) },
      evidence: Evidence(
        witnesses: try row.integer("witnesses"),
        textsDiffer: try row.integer("texts_differ"),
        timesAgree: try row.integer("times_agree"),
        timesDiffer: try row.integer("times_differ"),
        literalPrefixes: Set(try row.texts("literal")),
        alteredPrefixes: Set(try row.texts("altered"))
      )
    )
  }
}

extension DoubtDecision {
  /// The parameters of `decide`, in its order. Codes that the database refuses travel as bytes; those
  /// set aside are kept with the first call that is held.
  fileprivate func parameters(worker: WorkerID) -> [Parameter] {
    let owners = Dictionary(
      adopted.flatMap { adoption in adoption.codes.map { ($0, adoption.call.id) } },
      uniquingKeysWith: { first, _ in first }
    )
    return [
      .uuid(reward), .uuid(worker), .uuid(listing), .uuids(judged.sorted()),
      .adoptions(adopted), .uuids(absent), .uuids(held), .text(holdReason?.rawValue),
      .uuid(reference), .raw(raw.map { ($0, owners[$0.id] ?? held.first) }),
    ]
  }
}

extension Parameter {
  /// A `codemint.adoption[]`.
  static func adoptions(_ adopted: [Adoption]) -> Parameter {
    .composites(adopted.map { [.uuid($0.call.id), .uuids($0.codes)] })
  }
}

extension Rows {
  /// The calls of an answer that has a row for each, or one row without a call.
  func doubtfulCalls(of reward: RewardID) throws(PostgresError) -> [DoubtfulCall] {
    var calls: [DoubtfulCall] = []
    for row in self {
      guard let id: CallID = try row.optionalID("call_id") else { continue }
      calls.append(
        DoubtfulCall(
          call: Call(
            id: id,
            job: JobID(try row.int64("job_id")),
            reward: reward,
            prefix: try row.optionalText("prefix"),
            size: try row.integer("size")
          ),
          lacks: try row.integer("lacks"),
          isAnswered: try row.bool("is_answered"),
          setAside: try row.ids("set_aside"),
          earliest: try row.timestamp("earliest"),
          effectiveUntil: try row.timestamp("effective_until"),
          effectiveFor: .microseconds(try row.int64("effective_for_us")),
          listingGap: .microseconds(try row.int64("listing_gap_us"))
        )
      )
    }
    return calls
  }

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
  /// How far the API's clock is ahead; nil if no answer has shown it, or `createdAt` is not believed.
  func clockOffset() throws(PostgresError) -> ClockOffset? {
    guard let low = try optionalInt64("offset_low_us"),
      let high = try optionalInt64("offset_high_us")
    else { return nil }
    return ClockOffset(low: low, high: high)
  }
}
