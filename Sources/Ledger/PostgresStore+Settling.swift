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
    func settle(isCopied: Bool, waits: Bool) -> Query {
      Query(StoreStatements.settle, settlement.parameters(isCopied: isCopied, waits: waits))
    }
    let claim = next.map { next in
      [
        Query(StoreStatements.claim, next.parameters(waits: false)),
        Query(StoreStatements.makeSure),
      ]
    }
    guard let copy = settlement.copy(patience: deadlines.copy) else {
      let settle = settle(isCopied: false, waits: claim == nil)
      let answers = try await connection.query([settle] + (claim ?? []), deadline: deadline)
      return Self.answer(answers[0], Array(answers.dropFirst()), for: next)
    }
    let copied = try await connection.query(
      copy,
      with: settle(isCopied: true, waits: claim == nil),
      then: claim ?? [],
      deadline: deadline
    )
    let answer = Self.answer(copied.first, copied.others, for: next)
    guard case .failure(let error) = copied.first, !error.isOutcomeUnknown, connection.isUsable
    else { return answer }
    let settle = settle(isCopied: false, waits: true)
    let settled = try await connection.query([settle], deadline: deadline)
    return SettleAnswer(settled: Self.receipt(settled[0]), claim: answer.claim)
  }

  /// Neither a settlement nor a claim behind it is believed before both are on disk.
  /// - Parameter others: The answers to the claim and to `makeSure`, if there was a claim.
  private static func answer(
    _ settled: Result<Rows, PostgresError>,
    _ others: [Result<Rows, PostgresError>],
    for next: ClaimRequest?
  ) -> SettleAnswer {
    guard let next, let sure = others.last else {
      return SettleAnswer(settled: receipt(settled), claim: nil)
    }
    let isSure = committed(sure) { _ in () }
    return SettleAnswer(
      settled: isSure.flatMap { receipt(settled) },
      claim: isSure.flatMap { claim(others[0], for: next) }
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
