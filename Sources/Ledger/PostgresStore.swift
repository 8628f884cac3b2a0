public import Postgres
public import Provisioning
import Synchronization

/// The ledger in a Postgres database, as the worker sees it.
///
/// Every request may be repeated. A request whose outcome is unknown (the connection broke, the
/// deadline passed) throws `unavailable`; asked again, the database finds what it did.
public struct PostgresStore: Store {
  let pool: Pool
  /// The connections for leases and signs of life, which nothing else may take: when settlements hold
  /// all others, leases would run out.
  let vitalPool: Pool
  let deadlines: Deadlines
  /// The checksum of the functions that this binary knows: the database gives work for no others.
  let code: Parameter
  /// The base URL of the API that calls are sent to; nil if none are. The ledger gives no calls for an API
  /// that nobody has accepted.
  let api: String?
  let claims = ClaimRecord()
  let heartbeats = HeartbeatRecord()
  let silence = SilenceRecord()

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
  /// - Parameters:
  ///   - vitalPool: Those for leases and signs of life; the same as the others if nil.
  ///   - api: The base URL of the API that calls are sent to; nil if none are.
  public init(
    pool: Pool,
    vitalPool: Pool? = nil,
    api: String? = nil,
    schema: Schema = .current,
    deadlines: Deadlines = Deadlines()
  ) {
    self.pool = pool
    self.vitalPool = vitalPool ?? pool
    self.deadlines = deadlines
    self.api = api
    code = .text(schema.checksum)
  }

  /// Runs a short statement.
  /// - Parameter own: The connections to use; nil for those that all share.
  func run(_ statement: Statement, _ parameters: [Parameter], on own: Pool? = nil)
    async throws(PostgresError) -> Rows
  {
    let deadline = deadlines.short
    return try await (own ?? pool).withConnection(deadline: deadline) {
      (connection) throws(PostgresError) in
      try await connection.query(statement, parameters, deadline: deadline)
    }
  }

  /// Runs a statement that can have as much to do as a settlement: it moves thousands of codes, or reads
  /// those of a large job.
  func runLong(_ statement: Statement, _ parameters: [Parameter])
    async throws(PostgresError) -> Rows
  {
    let deadline = deadlines.settle
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
      throw StoreError(await naming(error))
    }
  }

  /// The same for statements that handle codes which this worker does not have: only the server could tell
  /// whether the words of a trigger quote one.
  func translatedWithoutWords<Value>(_ body: () async throws(PostgresError) -> Value)
    async throws(StoreError) -> Value
  {
    do throws(PostgresError) {
      return try await body()
    } catch {
      throw StoreError(await naming(error.withoutWords))
    }
  }

  /// The error; if a lock was not given in time, with who has it, as far as that concerns all.
  func naming(_ error: PostgresError) async -> PostgresError {
    if error.sqlState == SilenceRecord.sqlState {
      silence.begin()
      await renewSessions()
    }
    guard error.sqlState == "55P03",
      let rows = try? await run(Pool.holders, [], on: vitalPool),
      let words = try? rows.first?.optionalText("words")
    else { return error }
    var named = error
    named.message += ": \(words)"
    return named
  }
}

/// Rows of the ledger that a rule keeps out. What a session has planned under the rule does nothing when the rule
/// is gone, so all sessions are opened anew: as long as there is a rule, and once more afterwards.
final class SilenceRecord: Sendable {
  /// What `codemint.refuse_silence` and `codemint.require_sight` raise if it concerns all.
  static let sqlState = "27CM1"

  private let isSilenced = Mutex(false)

  func begin() { isSilenced.withLock { $0 = true } }

  /// - Returns: Whether rows were kept out until now.
  func end() -> Bool {
    isSilenced.withLock { isSilenced in
      defer { isSilenced = false }
      return isSilenced
    }
  }
}

extension PostgresStore {
  /// Nothing that a session has planned is used any more.
  func renewSessions() async {
    await pool.renew()
    await vitalPool.renew()
  }
}

extension StoreError {
  /// What a failure of the database means for a worker.
  init(_ error: PostgresError) {
    let code: Code =
      if error.sqlState == Self.otherCode {
        .superseded
      } else if error.isContentRefused {
        .contentRefused
      } else if error.isOutcomeUnknown || error.isConnectionLost || error.isRetryable
        || error.isPassing
      {
        .unavailable
      } else {
        .failed
      }
    let function = error.function.flatMap { $0.hasPrefix("codemint.") ? nil : $0 }
    self.init(
      code,
      error.description + (function.map { " [raised by \($0)]" } ?? ""),
      cause: Cause(error),
      sqlState: error.isOutcomeUnknown ? nil : error.sqlState,
      raisedBy: function
    )
  }

  /// The same error without these codes: a trigger of somebody's own may quote them.
  func hiding(_ codes: [IssuedCode]) -> StoreError {
    var text = description
    for code in codes where !code.code.isEmpty {
      for form in [code.code, code.code.lowercased(), code.code.uppercased()] {
        text.replace(form, with: "(code)")
      }
    }
    return StoreError(self.code, text, cause: cause, sqlState: sqlState, raisedBy: raisedBy)
  }

  /// What `codemint.require_code` raises.
  private static let otherCode = "CM001"

  /// A claim whose commit is not known. If it is repeated, the call is found or made.
  static let unsure = StoreError(.unavailable, "it is not known whether the claim was committed")

  /// A warning on a statement that commits counts as a lost acknowledgement (protocol, rule 1): it can
  /// mean that a synchronous standby has not got it.
  static func unconfirmed(_ rows: Rows) -> StoreError {
    StoreError(
      .unavailable,
      "the commit came with a warning: \(rows.notices.first(where: \.isWarning)?.message ?? "")",
      cause: .unconfirmed
    )
  }
}

extension StoreError.Cause {
  /// What stands behind a failure of the database (source: PostgreSQL manual, appendix A).
  public init(_ error: PostgresError) {
    if error.code == .cancelled {
      self = .cancelled
    } else if let sqlState = error.sqlState {
      self.init(sqlState: sqlState)
    } else if error.code == .outOfResources {
      self = .resources
    } else if error.code == .deadlineExceeded, error.isOutcomeUnknown {
      self = .late
    } else {
      self = error.isConnectionLost || error.isOutcomeUnknown ? .unreachable : .refused
    }
  }

  private init(sqlState: String) {
    switch (sqlState, sqlState.prefix(2)) {
    case ("25006", _): self = .readOnly
    case ("55P03", _): self = .locked
    case ("57014", _): self = .late
    case (_, "08"), (_, "57"): self = .unreachable
    case ("2200H", _): self = .refused
    case (_, "22"): self = .content
    case ("3D000", _): self = .noDatabase
    case ("28P01", _): self = .password
    case (_, "28"): self = .role
    case (_, "40"): self = .conflict
    case ("53100", _): self = .diskFull
    case ("53300", _): self = .crowd
    case (_, "53"): self = .resources
    default: self = .refused
    }
  }
}

extension PostgresError {
  /// The same error without words that somebody's trigger chose, or that quote a value. What the server
  /// says of itself, of locks, privileges, names and constraints stays.
  var withoutWords: PostgresError {
    guard let sqlState else { return self }
    let isForeign = function.map { !$0.hasPrefix("codemint.") } ?? false
    let isOfServer = [
      "08", "23", "25", "26", "27", "28", "40", "42", "53", "54", "55", "57", "58", "CM",
    ]
    .contains(String(sqlState.prefix(2)))
    guard isForeign || !isOfServer else { return self }
    var silent = self
    silent.message = "what it says may quote a code, and is not shown"
    return silent
  }

  /// Whether the server is in a state that passes: out of resources (class 53), being stopped or
  /// started (class 57), a standby that is read-only (25006), a row that somebody keeps locked
  /// (55P03), or no connection came about.
  fileprivate var isPassing: Bool {
    if code == .connectFailed || code == .deadlineExceeded || code == .closed
      || code == .cancelled || code == .outOfResources
    {
      return true
    }
    guard let sqlState else { return false }
    return sqlState.hasPrefix("53") || sqlState.hasPrefix("57") || sqlState == "25006"
      || sqlState == "55P03"
  }

  /// An answer of the database that this binary does not know.
  static func unknown(_ column: String, _ text: String) -> PostgresError {
    PostgresError(.unexpectedResult, "\(column) is \"\(text)\", which is not known here")
  }
}

extension Parameter {
  static func uuid<Subject>(_ id: Identifier<Subject>?) -> Parameter { .uuid(id?.id.bits) }

  static func uuids<Subject>(_ ids: [Identifier<Subject>]) -> Parameter {
    .uuids(ids.map(\.id.bits))
  }

  static func timestamptz(_ moment: Timestamp?) -> Parameter {
    .timestamptz(microsecondsSinceUnixEpoch: moment?.microseconds)
  }
}

extension Row {
  func id<Subject>(_ column: Column) throws(PostgresError) -> Identifier<Subject> {
    Identifier(UniqueID(bits: try uuid(column)))
  }

  func optionalID<Subject>(_ column: Column) throws(PostgresError) -> Identifier<Subject>? {
    try optionalUuid(column).map { Identifier(UniqueID(bits: $0)) }
  }

  func ids<Subject>(_ column: Column) throws(PostgresError) -> [Identifier<Subject>] {
    try uuids(column).map { Identifier(UniqueID(bits: $0)) }
  }

  func timestamp(_ column: Column) throws(PostgresError) -> Timestamp {
    Timestamp(microseconds: try timestamptz(column))
  }

  func optionalTimestamp(_ column: Column) throws(PostgresError) -> Timestamp? {
    try optionalTimestamptz(column).map(Timestamp.init(microseconds:))
  }

  /// A time to wait for, which may have passed.
  func optionalWait(_ column: Column) throws(PostgresError) -> Duration? {
    try optionalInt64(column).map { .microseconds(max(0, $0)) }
  }

  /// A value by its name in the database.
  func named<Value: RawRepresentable<String>>(_ column: String) throws(PostgresError) -> Value {
    try Value.named(try text(.name(column)), in: column)
  }

  /// A value by its name in the database; nil for null.
  func optionalNamed<Value: RawRepresentable<String>>(_ column: String)
    throws(PostgresError) -> Value?
  {
    guard let text = try optionalText(.name(column)) else { return nil }
    return try Value.named(text, in: column)
  }
}

extension RawRepresentable<String> {
  fileprivate static func named(_ text: String, in column: String) throws(PostgresError) -> Self {
    guard let value = Self(rawValue: text) else { throw .unknown(column, text) }
    return value
  }
}
