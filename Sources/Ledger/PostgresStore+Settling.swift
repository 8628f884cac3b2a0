import Postgres
public import Provisioning

extension PostgresStore {
  /// See `Store.settle`.
  public func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async -> SettleAnswer
  {
    do throws(PostgresError) {
      return try await pool.withConnection(deadline: deadlines.settle) {
        (connection) throws(PostgresError) in
        try await run(settlement, thenClaim: next, on: connection)
      }
    } catch {
      let failure = StoreError(error)
      return SettleAnswer(
        settled: .failure(failure),
        claim: next == nil ? nil : .failure(failure)
      )
    }
  }

  /// An answer as it should be goes into the table by COPY, before anybody's lock is waited for. If
  /// the database refuses that, for instance because a code is known already, nothing has happened,
  /// and the codes are looked at one by one.
  private func run(
    _ settlement: Settlement,
    thenClaim next: ClaimRequest?,
    on connection: Connection
  ) async throws(PostgresError) -> SettleAnswer {
    let deadline = deadlines.settle
    let claim = Self.claiming(next)
    func settle(isCopied: Bool) -> Query {
      let parameters = settlement.parameters(isCopied: isCopied, waits: claim.isEmpty)
      return Query(StoreStatements.settle, parameters)
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

  /// A claim that does not wait for the disk, and what makes sure of it and of the settlement before it.
  private static func claiming(_ next: ClaimRequest?) -> [Query] {
    guard let next else { return [] }
    return [
      Query(StoreStatements.claim, next.parameters(waits: false)),
      Query(StoreStatements.makeSure, [.uuid(next.call.id.bits)]),
    ]
  }

  /// Neither a settlement nor a claim behind it is believed before both are on disk.
  /// - Parameter others: The answers to the claim and to `makeSure`; none if they were not run.
  private static func answer(
    _ settled: Result<Rows, PostgresError>,
    _ others: [Result<Rows, PostgresError>],
    for next: ClaimRequest?
  ) -> SettleAnswer {
    guard let next else { return SettleAnswer(settled: receipt(settled), claim: nil) }
    guard let claimed = others.first, let sure = others.last else {
      return SettleAnswer(settled: receipt(settled), claim: .failure(.unsure))
    }
    let isSending = committed(sure) { (rows) throws(PostgresError) in
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

  /// Reads the answer to a claim.
  static func claim(_ answer: Result<Rows, PostgresError>, for request: ClaimRequest)
    -> Result<Claim, StoreError>
  {
    committed(answer) { (rows) throws(PostgresError) in try Claim(try rows.one(), for: request) }
  }

  private static func receipt(_ answer: Result<Rows, PostgresError>)
    -> Result<SettleReceipt, StoreError>
  {
    committed(answer) { (rows) throws(PostgresError) in try SettleReceipt(try rows.one()) }
  }

  /// Reads the answer of a statement that commits something.
  private static func committed<Value>(
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
