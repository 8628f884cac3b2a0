import Postgres
public import Provisioning

extension PostgresStore {
  /// See `Store.settle`.
  public func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async -> SettleAnswer
  {
    let claim = next.map { Query(StoreStatements.claim, $0.parameters) }
    do throws(PostgresError) {
      let answers = try await pool.withConnection(deadline: deadlines.settle) {
        (connection) throws(PostgresError) in
        try await run(settlement, then: claim, on: connection)
      }
      return SettleAnswer(
        settled: Self.receipt(answers.settled),
        claim: next.flatMap { next in answers.claimed.map { Self.claim($0, for: next) } }
      )
    } catch {
      let failure = StoreError(error)
      return SettleAnswer(
        settled: .failure(failure),
        claim: next == nil ? nil : .failure(failure)
      )
    }
  }

  private typealias Answers = (
    settled: Result<Rows, PostgresError>, claimed: Result<Rows, PostgresError>?
  )

  /// An answer as it should be goes into the table by COPY, before anybody's lock is waited for. If
  /// the database refuses that, for instance because a code is known already, nothing has happened,
  /// and the codes are looked at one by one.
  private func run(
    _ settlement: Settlement,
    then claim: Query?,
    on connection: Connection
  ) async throws(PostgresError) -> Answers {
    let deadline = deadlines.settle
    guard let copy = settlement.copy(patience: deadlines.copy) else {
      let settle = Query(StoreStatements.settle, settlement.parameters(isCopied: false))
      guard let claim else { return (await Self.run(settle, on: connection, deadline), nil) }
      let pair = try await connection.query(settle, then: claim, deadline: deadline)
      return (pair.first, pair.second)
    }
    let copied = try await connection.query(
      copy,
      with: Query(StoreStatements.settle, settlement.parameters(isCopied: true)),
      then: claim,
      deadline: deadline
    )
    guard case .failure(let error) = copied.first, !error.isOutcomeUnknown, connection.isUsable
    else { return (copied.first, copied.second) }
    let settle = Query(StoreStatements.settle, settlement.parameters(isCopied: false))
    return (await Self.run(settle, on: connection, deadline), copied.second)
  }

  private static func run(_ query: Query, on connection: Connection, _ deadline: Duration)
    async -> Result<Rows, PostgresError>
  {
    do throws(PostgresError) {
      return .success(
        try await connection.query(query.statement, query.parameters, deadline: deadline)
      )
    } catch {
      return .failure(error)
    }
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
