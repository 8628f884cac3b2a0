package import Postgres
public import Provisioning

/// What a call's ending proved is recorded, and the next call is claimed in the same round trip.
extension PostgresStore {
  /// Keyed by the call: repeated after a lost answer, it changes nothing.
  private static let settle: Statement = """
    SELECT issued, surplus, call_state, job_before, job_after
    FROM codemint.settle_call($1, $2, $3, $4, $5, $6, $7)
    """

  /// After a settlement and a claim that did not wait for the disk: now both are there.
  private static let awaitDurable: Statement = "SELECT codemint.await_durable($1) AS is_sending"

  private static let noteRefusal: Statement = """
    SELECT codemint.note_refusal($1, $2, $3, $4, $5, $6, $7)
    """

  private static let noteRefusedWork: Statement = """
    SELECT codemint.note_refused_work($1, $2, $3, $4, $5, $6)
    """

  private static let forgetRefusal: Statement = "SELECT codemint.forget_refusal($1)"

  /// See `Store.note(_:)`.
  public func note(_ refusal: RefusedSettlement) async throws(StoreError) {
    let (call, error) = (refusal.call, refusal.error)
    try await translated { () throws(PostgresError) in
      _ = try await run(
        Self.noteRefusal,
        [
          .uuid(call.id), .int8(call.job.number), .uuid(call.reward), .text(error.sqlState),
          .text(error.description), .text(error.raisedBy), .bytea(refusal.evidence),
        ]
      )
    }
  }

  /// See `Store.note(_:worker:)`.
  public func note(_ refusal: RefusedWork, worker: WorkerID) async throws(StoreError) {
    let error = refusal.error
    try await translated { () throws(PostgresError) in
      _ = try await run(
        Self.noteRefusedWork,
        [
          .uuid(refusal.reward), .text(refusal.kind.rawValue), .uuid(worker), .text(error.sqlState),
          .text(error.description), .text(error.raisedBy),
        ]
      )
    }
  }

  /// See `Store.forgetRefusal`.
  public func forgetRefusal(of call: CallID) async throws(StoreError) {
    try await translated { () throws(PostgresError) in
      _ = try await run(Self.forgetRefusal, [.uuid(call)])
    }
  }

  /// See `Store.settle`.
  public func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async -> SettleAnswer
  {
    let answer = await answer(settlement, thenClaim: next)
    let codes = settlement.codes + settlement.unattributed
    return SettleAnswer(
      settled: answer.settled.mapError { $0.hiding(codes) },
      claim: answer.claim?.mapError { $0.hiding(codes) }
    )
  }

  private func answer(_ settlement: Settlement, thenClaim next: ClaimRequest?) async
    -> SettleAnswer
  {
    do throws(PostgresError) {
      return try await pool.withConnection(deadline: deadlines.settle) {
        (connection) throws(PostgresError) in
        try await run(settlement, thenClaim: next, on: connection)
      }
    } catch {
      let failure = StoreError(await naming(error))
      return SettleAnswer(
        settled: .failure(failure),
        claim: next == nil ? nil : .failure(failure)
      )
    }
  }

  /// An answer as it should be goes into the table by COPY, before anybody's lock is waited for. If
  /// the database refuses that, for instance because a code is known already, nothing has happened,
  /// and the database compares the codes one by one.
  private func run(
    _ settlement: Settlement,
    thenClaim next: ClaimRequest?,
    on connection: Connection
  ) async throws(PostgresError) -> SettleAnswer {
    let deadline = deadlines.settle
    let claim = claiming(next)
    func settle(isCopied: Bool) -> Query {
      Query(Self.settle, settlement.parameters(isCopied: isCopied, waits: claim.isEmpty))
    }
    if let copy = settlement.copy(patience: deadlines.copy) {
      let copied = try await connection.query(
        copy,
        with: settle(isCopied: true),
        then: claim,
        deadline: deadline
      )
      let isRefused = copied.others == nil && copied.first.isRefused && connection.isUsable
      if !isRefused { return Self.answer(copied.first, copied.others ?? [], for: next) }
    }
    let queries = [settle(isCopied: false)] + claim
    let answers = try await connection.query(queries, deadline: deadline)
    return Self.answer(answers[0], Array(answers.dropFirst()), for: next)
  }

  /// A claim that does not wait for the disk, and what waits for it and for the settlement before it.
  private func claiming(_ next: ClaimRequest?) -> [Query] {
    guard let next else { return [] }
    return [claiming(next, waits: false), Query(Self.awaitDurable, [.uuid(next.call)])]
  }

  /// Neither a settlement nor a claim behind it is believed before both are on disk.
  /// - Parameter others: The answers to the claim and to `awaitDurable`; none if they were not run.
  private static func answer(
    _ settled: Result<Rows, PostgresError>,
    _ others: [Result<Rows, PostgresError>],
    for next: ClaimRequest?
  ) -> SettleAnswer {
    guard let next else { return SettleAnswer(settled: receipt(settled), claim: nil) }
    guard let claimed = others.first, let durable = others.last else {
      return SettleAnswer(settled: receipt(settled), claim: .failure(.unsure))
    }
    let isSending = committed(durable) { (rows) throws(PostgresError) in
      try rows.one().bool("is_sending")
    }
    return SettleAnswer(
      settled: isSending.flatMap { _ in receipt(settled) },
      claim: isSending.flatMap { isSending in
        claim(claimed, for: next).flatMap { claim in
          if case .call = claim, !isSending { return .failure(.unsure) }
          return .success(claim)
        }
      }
    )
  }

  private static func receipt(_ answer: Result<Rows, PostgresError>)
    -> Result<SettleReceipt, StoreError>
  {
    committed(answer) { (rows) throws(PostgresError) in
      let row = try rows.one()
      return SettleReceipt(
        issued: try row.integer("issued"),
        surplus: try row.integer("surplus"),
        call: try row.optionalNamed("call_state"),
        jobBefore: try row.optionalNamed("job_before"),
        job: try row.optionalNamed("job_after")
      )
    }
  }

  /// Reads the answer of a statement that commits something.
  static func committed<Value>(
    _ answer: Result<Rows, PostgresError>,
    _ read: (Rows) throws(PostgresError) -> Value
  ) -> Result<Value, StoreError> {
    do throws(PostgresError) {
      let rows = try answer.get()
      if rows.hasWarning { return .failure(.unconfirmed(rows)) }
      return .success(try read(rows))
    } catch {
      return .failure(StoreError(error))
    }
  }
}

extension Result<Rows, PostgresError> {
  /// Whether it is known that nothing was done.
  fileprivate var isRefused: Bool {
    if case .failure(let error) = self { !error.isOutcomeUnknown } else { false }
  }
}

extension Settlement {
  /// The codes as rows for the table itself, if that is all that there is to store and nothing of it
  /// has to be compared first with what is known: an answer as it should be.
  func copy(patience: Duration) -> CopyIn? {
    guard result == .issued, reward == .proven, unattributed.isEmpty, rawAnswer == nil,
      !codes.isEmpty, codes.count <= call.size
    else { return nil }
    return codes.copy(of: call, patience: patience)
  }

  /// The parameters of `settle_call`, in its order. Codes do not travel if they have been copied into
  /// their table before (`copy`). If it does not wait for the disk, `await_durable` has to follow.
  package func parameters(isCopied: Bool, waits: Bool) -> [Parameter] {
    [
      .composite(
        [
          .uuid(call.id), .int8(call.job.number), .uuid(call.reward), .text(call.prefix),
          .int4(Int32(call.size)), .uuid(worker),
        ] + lengths.fields
      ),
      .composite([
        .text(result.rawValue), .int4(httpStatus.map(Int32.init)), .text(errorCode),
        .text(errorMessage), .int4(received.map(Int32.init)),
        .int4(Int32(clamping: duration.milliseconds)), .bytea(rawAnswer),
      ]),
      effects, facts,
      .received(isCopied ? [] : codes + unattributed),
      .int4(isCopied ? Int32(codes.count) : nil), .bool(waits),
    ]
  }

  /// A `codemint.call_effects`. The API's wish to wait is that of a 429, or that of the answer's
  /// headers.
  private var effects: Parameter {
    let asked = if case .throttled(let asked) = account { asked } else { feedback?.pause }
    return .composite([
      .bool(job == .fails), .text(reward.rawValue), .text(account.name), .text(account.block?.code),
      .text(account.block?.message), .interval(asked), .float8(feedback?.ceiling),
      .float8(jitter),
    ])
  }

  /// A `codemint.answer_facts`.
  private var facts: Parameter {
    var times: (first: Timestamp, last: Timestamp)?
    let created = codes.compactMap(\.createdAt)
    if created.count == codes.count, let first = created.min(), let last = created.max() {
      times = (first, last)
    }
    return .composite([
      .bool(codes.contains { $0.syncStatus == .pending || $0.syncStatus == .error }),
      .timestamptz(times?.first), .timestamptz(times?.last),
      .bool(call.prefix.map { prefix in codes.allSatisfy { $0.hasPrefix(prefix) } }),
    ])
  }
}

extension AccountEffect {
  /// Its name in the database.
  fileprivate var name: String {
    switch self {
    case .none: "none"
    case .proven: "proven"
    case .throttled: "throttled"
    case .unreachable: "unreachable"
    case .failing: "failing"
    case .blocked: "blocked"
    }
  }

  /// Why the account is blocked: the API's own words.
  fileprivate var block: (code: String, message: String)? {
    if case .blocked(let code, let message) = self { (code, message) } else { nil }
  }
}
