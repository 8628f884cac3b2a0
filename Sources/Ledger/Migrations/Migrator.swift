public import Postgres

/// Brings a database's schema up to date: forward only, one transaction a migration.
///
/// Each transaction takes the same advisory lock and looks again what is applied, so that any
/// number of hosts may migrate at the same time, through a transaction-pooling proxy too.
public struct Migrator: Sendable {
  private let connection: Connection

  /// A migrator on this connection.
  public init(_ connection: Connection) {
    self.connection = connection
  }

  /// How the schema compares with what this binary needs. Changes nothing.
  public func state() async throws(PostgresError) -> SchemaState {
    let rows = try await connection.query(MigrationStatements.isInstalled)
    guard try rows.one().bool("installed") else { return .behind(missing: Migration.all) }
    var applied: [Int: String] = [:]
    for row in try await connection.query(MigrationStatements.applied) {
      applied[try row.integer("number")] = try row.text("checksum")
    }
    if let highest = applied.keys.max(), highest > Migration.newest {
      return .ahead(number: highest)
    }
    for migration in Migration.all where applied[migration.number] != nil {
      if try await checksum(of: migration) != applied[migration.number] {
        return .altered(migration)
      }
    }
    let missing = Migration.all.filter { applied[$0.number] == nil }
    return missing.isEmpty ? .current : .behind(missing: missing)
  }

  /// Applies what is missing.
  /// - Parameter report: Called before each migration that is applied.
  /// - Returns: The migrations that this call applied.
  /// - Throws: `LedgerError` if the schema is not one that can be brought forward, or the
  ///   database's error.
  public func migrate(report: (Migration) -> Void = { _ in }) async throws -> [Migration] {
    var applied: [Migration] = []
    try await install()
    switch try await state() {
    case .current: return []
    case .behind(let missing):
      for migration in missing where try await apply(migration) {
        report(migration)
        applied.append(migration)
      }
      return applied
    case .ahead, .altered:
      throw LedgerError(.schema, try await state().remedy)
    }
  }

  private func install() async throws(PostgresError) {
    try await connection.transaction { (connection) throws(PostgresError) in
      _ = try await connection.query(MigrationStatements.lock)
      try await connection.script(MigrationStatements.install)
    }
  }

  /// - Returns: False if another migrator was faster.
  private func apply(_ migration: Migration) async throws(PostgresError) -> Bool {
    try await connection.transaction { (connection) throws(PostgresError) in
      _ = try await connection.query(MigrationStatements.lock)
      let known = try await connection.query(
        MigrationStatements.isApplied,
        [.int4(Int32(migration.number))]
      )
      guard known.isEmpty else { return false }
      try await connection.script(migration.sql)
      try await connection.script(MigrationStatements.close)
      _ = try await connection.query(
        MigrationStatements.record,
        [.int4(Int32(migration.number)), .text(migration.name), .text(migration.sql)]
      )
      return true
    }
  }

  private func checksum(of migration: Migration) async throws(PostgresError) -> String {
    try await connection.query(MigrationStatements.checksum, [.text(migration.sql)])
      .one().text("checksum")
  }
}
