public import Postgres

/// Brings a database's schema to the one that this binary needs, in one transaction.
///
/// Tables go forward only. Functions, triggers, views, policies and grants are replaced as a whole whenever
/// their checksum, or what is really there, differs. Any number of hosts may migrate at the same time,
/// through a transaction-pooling proxy too: each waits for a lock on the table of migrations and compares
/// again. An advisory lock could be taken by every login, which would keep all migrations waiting.
///
/// A fleet may be at work meanwhile. Claims stop first, and calls in flight are waited for, so that no
/// call is settled by functions that its daemon does not know. A daemon of another version is refused
/// any further work (`codemint.require_code`), finds that out with its next heartbeat, and ends.
public struct Migrator: Sendable {
  private let connection: Connection
  private let schema: Schema
  private let version: String

  /// What a migration does, in order.
  public enum Step: Hashable, Sendable {
    /// A migration of the tables was applied.
    case applied(Migration)
    /// Claims are stopped, and so many calls are waited for.
    case waiting(inFlight: Int)
    /// So many calls are still in flight, and the patience is over or no worker is alive: their
    /// outcome may have to be found out.
    case stoppedWaiting(inFlight: Int)
    /// These connections keep a table locked. Nothing waits behind this migration meanwhile: it asks for
    /// the lock again and again, each time for a moment.
    case locked(by: String)
    /// Functions, triggers, views and grants were replaced.
    case replacedCode
  }

  /// A migrator on this connection.
  /// - Parameter version: The version of codemint, which operators see where versions differ.
  public init(_ connection: Connection, schema: Schema = .current, version: String = "") {
    self.connection = connection
    self.schema = schema
    self.version = version
  }

  /// How the schema compares with what this binary needs. Changes nothing.
  public func state() async throws(PostgresError) -> SchemaState {
    try await connection.transaction { (connection) throws(PostgresError) in
      try await state(on: connection)
    }
  }

  /// Does what is missing.
  ///
  /// - Parameters:
  ///   - patience: How long calls in flight are waited for before functions are replaced, and how long
  ///     locks of others are.
  ///   - report: Called with each step.
  /// - Returns: Whether anything was changed.
  /// - Throws: `LedgerError` if the schema is not one that can be brought forward, or the database's
  ///   error.
  public func migrate(patience: Duration = .seconds(60), report: (Step) -> Void = { _ in })
    async throws -> Bool
  {
    if let complaint = ServerVersion(await connection.serverVersion).complaint {
      throw LedgerError(.schema, complaint)
    }
    let encoding = try await DoctorQueries(connection).encoding()
    guard encoding == DoctorQueries.requiredEncoding else {
      throw LedgerError(
        .schema,
        "the database has the encoding \(encoding), and codes and prefixes are UTF-8: create a database "
          + "with ENCODING 'UTF8' TEMPLATE template0"
      )
    }
    try await prepare()
    guard try needsChange(await state()) else { return false }
    let end = ContinuousClock.now + patience
    var told: String?
    do {
      while true {
        let isDrained = try await drain(until: end, report)
        switch try await attempt(mayHaveInFlight: !isDrained) {
        case .callsInFlight: continue
        case .locked:
          told = try await BriefLock.wait(on: connection, until: end, told) {
            report(.locked(by: $0))
          }
        case .refused(let state): return try needsChange(state)
        case .done(let steps):
          for step in steps { report(step) }
          return true
        }
      }
    } catch {
      _ = try? await connection.query(Statements.resumeClaims)
      throw await explained(error)
    }
  }

  /// Whether a schema in this state has to be changed.
  /// - Throws: `LedgerError` if it has to be left alone.
  private func needsChange(_ state: SchemaState) throws -> Bool {
    switch state {
    // No migration can put back what was in a table.
    case .current, .damaged: false
    case .ahead, .altered: throw LedgerError(.schema, state.remedy)
    case .behind, .otherCode, .drifted: true
    }
  }

  private func state(on connection: Connection) async throws(PostgresError) -> SchemaState {
    // What the catalog prints must not depend on the login's own search path.
    try await connection.script("SET LOCAL search_path = pg_catalog")
    guard try await connection.query(Statements.isInstalled).one().bool("installed") else {
      return .behind(missing: schema.migrations)
    }
    var applied: [Int: String] = [:]
    for row in try await connection.query(Statements.applied) {
      applied[try row.integer("number")] = try row.text("checksum")
    }
    let newest = schema.migrations.map(\.number).max() ?? 0
    if let highest = applied.keys.max(), highest > newest { return .ahead(number: highest) }
    for migration in schema.migrations {
      if let known = applied[migration.number], known != Schema.checksum(of: migration.sql) {
        return .altered(migration)
      }
    }
    let missing = schema.migrations.filter { applied[$0.number] == nil }
    guard missing.isEmpty else { return .behind(missing: missing) }
    let installed = try await connection.query(Statements.installed).first
    guard try installed?.text("checksum") == schema.checksum else {
      return .otherCode(version: try installed?.text("version"))
    }
    let drifted = try await connection.query(Statements.drifted)
    var names: [String] = []
    for row in drifted { names.append(try row.text("name")) }
    guard names.isEmpty else { return .drifted(names) }
    let damage = try await damage(on: connection)
    return damage.isEmpty ? .current : .damaged(damage)
  }

  private func damage(on connection: Connection) async throws(PostgresError) -> [String] {
    try await connection.query(Statements.damage).map { (row) throws(PostgresError) in
      "\(try row.text("what")): \(try row.text("what_helps"))"
    }
  }

  /// What is the matter and what to do. Damage is said beside what else the matter is: functions of another version,
  /// or changed ones, tell of it as far as they know.
  public func remedy(of state: SchemaState) async -> String {
    if case .damaged = state { return state.remedy }
    guard let damage = try? await damage(on: connection), !damage.isEmpty else {
      return state.remedy
    }
    return "\(state.remedy); \(SchemaState.damaged(damage).remedy)"
  }

  /// The error, or if something of the tables is gone, what it is and what helps.
  public func explained(_ error: any Error) async -> any Error {
    guard error is PostgresError, let damage = try? await damage(on: connection), !damage.isEmpty
    else { return error }
    return LedgerError(.schema, "\(SchemaState.damaged(damage).remedy) (\(error))")
  }

  private func prepare() async throws(PostgresError) {
    do throws(PostgresError) {
      try await connection.script(Schema.bookkeeping)
    } catch {
      // Another migrator has made the schema or a table at the same time.
      guard Statements.alreadyMade.contains(error.sqlState) else { throw error }
      try await connection.script(Schema.bookkeeping)
    }
  }

  /// Stops claims and waits until no call is in flight. If this process dies, claims go out again after
  /// ten seconds.
  /// - Returns: False if there are calls in flight that need not be waited for any longer.
  private func drain(
    until end: ContinuousClock.Instant,
    _ report: (Step) -> Void
  ) async throws -> Bool {
    guard try await connection.query(Statements.hasAccount).one().bool("found") else { return true }
    var told: Int?
    while true {
      let row = try await connection.query(Statements.stopClaims).one()
      let inFlight = try row.integer("in_flight")
      guard inFlight > 0 else { return true }
      guard try row.bool("is_worker_alive"), ContinuousClock.now < end else {
        report(.stoppedWaiting(inFlight: inFlight))
        return false
      }
      if told != inFlight { report(.waiting(inFlight: inFlight)) }
      told = inFlight
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private enum Attempt: Sendable {
    case done([Step])
    /// Nothing was changed, because there is nothing to change, or this binary must not.
    case refused(SchemaState)
    /// Nothing was changed, because calls were claimed meanwhile.
    case callsInFlight
    /// Nothing was changed, because somebody has locked a table.
    case locked
  }

  /// Does, in one transaction, what another migrator has not done meanwhile.
  private func attempt(mayHaveInFlight: Bool) async throws(PostgresError) -> Attempt {
    try await BriefLock.transaction(on: connection, after: Statements.lock) {
      (connection) throws(PostgresError) in
      let before = try await state(on: connection)
      switch before {
      case .current, .damaged, .ahead, .altered:
        _ = try await connection.query(Statements.resumeClaims)
        return .refused(before)
      case .behind, .otherCode, .drifted: break
      }
      try await connection.script("SAVEPOINT unchanged")
      let steps = try await bringForward(before, on: connection)
      // This locks the account until the commit, so no call is claimed after its calls in flight are
      // counted. A claim that waits for the lock finds the new functions.
      let inFlight = try await connection.query(Statements.resumeClaims).one().integer("in_flight")
      guard mayHaveInFlight || inFlight == 0 else {
        try await connection.script("ROLLBACK TO SAVEPOINT unchanged")
        return .callsInFlight
      }
      return .done(steps)
    } ?? .locked
  }

  private func bringForward(
    _ before: SchemaState,
    on connection: Connection
  ) async throws(PostgresError) -> [Step] {
    var steps: [Step] = []
    if case .behind(let missing) = before {
      let parts = try await parts(on: connection)
      for migration in missing {
        try await connection.script(migration.sql)
        _ = try await connection.query(
          Statements.record,
          [
            .int4(Int32(migration.number)), .text(migration.name),
            .text(Schema.checksum(of: migration.sql)),
          ]
        )
        steps.append(.applied(migration))
      }
      try await replaceCode(on: connection)
      _ = try await connection.query(Statements.noteParts, [.texts(parts)])
    } else {
      try await replaceCode(on: connection)
    }
    steps.append(.replacedCode)
    return steps
  }

  /// What the tables consist of; nothing before there are any.
  private func parts(on connection: Connection) async throws(PostgresError) -> [String] {
    guard try await connection.query(Statements.knowsParts).one().bool("found") else { return [] }
    return try await connection.query(Statements.parts).map { (row) throws(PostgresError) in
      try row.text("part")
    }
  }

  private func replaceCode(on connection: Connection) async throws(PostgresError) {
    let before = try await connection.query(Statements.marks).map { (row) throws(PostgresError) in
      try row.text("mark")
    }
    // A function may be named in another one's body before it is there.
    try await connection.script("SET LOCAL check_function_bodies = off; SAVEPOINT replacing")
    do throws(PostgresError) {
      try await connection.script(schema.code)
    } catch {
      guard let state = error.sqlState, Statements.mustBeDropped.contains(state) else {
        throw error
      }
      // The result of a function or a column of a view has changed, so it cannot be replaced: all
      // objects are dropped and created. If a user's own object depends on one of them, the database
      // refuses and names that object.
      try await connection.script("ROLLBACK TO SAVEPOINT replacing")
      try await drop(marked: before, on: connection)
      try await connection.script(schema.code)
    }
    try await drop(marked: before, on: connection)
    try await connection.script(Statements.close)
    if try await RoleSetup(connection).missing().isEmpty {
      try await connection.script(schema.grants)
    }
    _ = try await connection.query(Statements.noteCode, [.text(schema.checksum), .text(version)])
  }

  /// Drops those functions, triggers and views that nothing has replaced since they were marked.
  private func drop(marked: [String], on connection: Connection) async throws(PostgresError) {
    for row in try await connection.query(Statements.unreplaced, [.texts(marked)]) {
      try await connection.script(try row.text("drop"))
    }
  }
}
