public import Postgres
public import Provisioning

/// The ledger in a Postgres database, as the worker sees it.
///
/// Every request may be repeated. A request whose outcome is unknown (the connection broke, the
/// deadline passed) throws `unavailable`; asked again, the database finds what it did.
public struct PostgresStore: Store {
  let pool: Pool
  let deadlines: Deadlines

  /// How long the store waits for the database.
  public struct Deadlines: Hashable, Sendable {
    /// For short statements, connecting included. Shorter than the watchdog's patience.
    public var short: Duration = .seconds(5)
    /// For a settlement, which carries up to 500 codes.
    public var settle: Duration = .seconds(30)
    /// For the server, while codes are copied that are not settled yet: a process that is stopped then
    /// keeps nobody waiting for longer.
    public var copy: Duration = .seconds(5)

    /// The standard deadlines.
    public init() {}
  }

  /// A store on these connections.
  public init(pool: Pool, deadlines: Deadlines = Deadlines()) {
    self.pool = pool
    self.deadlines = deadlines
  }

  /// See `Store.tend`.
  public func tend(_ worker: WorkerPresence) async throws(StoreError) -> Tending {
    let parameters = worker.parameters(probeEvery: Self.probeEvery)
    return try await translated { () throws(PostgresError) in
      try Tending(try await run(StoreStatements.tend, parameters))
    }
  }

  /// See `Store.claim`.
  public func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
    let query = Query(StoreStatements.claim, request.parameters(waits: true))
    let rows = try await translated { () throws(PostgresError) in
      try await run(query.statement, query.parameters)
    }
    return try Self.claim(.success(rows), for: request).get()
  }

  /// See `Store.renew`.
  public func renew(_ calls: [CallID], worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Set<CallID>
  {
    let parameters: [Parameter] = [
      .uuids(calls.map(\.id.bits)), .uuid(worker.id.bits), .interval(lease),
    ]
    return try await translated { () throws(PostgresError) in
      var renewed: Set<CallID> = []
      for row in try await run(StoreStatements.renew, parameters) {
        renewed.insert(CallID(UniqueID(bits: try row.uuid("id"))))
      }
      return renewed
    }
  }

  /// See `Store.moveSlot`.
  public func moveSlot(_ call: CallID, worker: WorkerID) async throws(StoreError) -> Duration? {
    try await translated { () throws(PostgresError) in
      try await run(StoreStatements.moveSlot, [.uuid(call.id.bits), .uuid(worker.id.bits)])
        .one().optionalInt64("slot_us").map { .microseconds($0) }
    }
  }

  /// See `Store.heed`.
  public func heed(_ feedback: PaceFeedback, age: Duration) async throws(StoreError) {
    let parameters: [Parameter] = [
      .bool(feedback.isRefusal), .interval(feedback.pause), .float8(feedback.ceiling),
      .interval(age),
    ]
    try await translated { () throws(PostgresError) in
      _ = try await run(StoreStatements.heed, parameters)
    }
  }

  /// See `Store.recordProbe`.
  public func recordProbe(_ answer: TeamAnswer, retryAfter pause: Duration)
    async throws(StoreError)
  {
    let parameters: [Parameter] =
      switch answer {
      case .accepted:
        [.bool(true), .text(nil), .text(nil), .interval(pause)]
      case .refused(let code, let message):
        [.bool(false), .text(code), .text(message), .interval(pause)]
      case .unreachable:
        [.bool(false), .text(nil), .text(nil), .interval(pause)]
      }
    try await translated { () throws(PostgresError) in
      _ = try await run(StoreStatements.recordProbe, parameters)
    }
  }

  /// See `Store.retire`.
  public func retire(_ worker: WorkerID) async throws(StoreError) {
    try await translated { () throws(PostgresError) in
      _ = try await run(StoreStatements.retire, [.uuid(worker.id.bits)])
    }
  }

  /// How often a blocked account is probed, by the fleet together.
  private static let probeEvery: Duration = .seconds(30)

  func run(_ statement: Statement, _ parameters: [Parameter])
    async throws(PostgresError) -> Rows
  {
    let deadline = deadlines.short
    return try await pool.withConnection(deadline: deadline) { (connection) throws(PostgresError) in
      try await connection.query(statement, parameters, deadline: deadline)
    }
  }

  func translated<Value>(_ body: () async throws(PostgresError) -> Value)
    async throws(StoreError) -> Value
  {
    do throws(PostgresError) {
      return try await body()
    } catch {
      throw StoreError(error)
    }
  }
}
