public import Postgres

/// Makes the roles and gives each what it needs, and no more.
public struct RoleSetup: Sendable {
  /// What came of it.
  public enum Outcome: Hashable, Sendable {
    /// Every role has what it needs.
    case done
    /// These roles do not exist, and this login may not make them: an administrator has to, and then
    /// this is to be run again. Until then only the schema's owner can use it.
    case missing([Role])
    /// The schema belongs to another role, which alone can grant anything of it.
    case notOwner
  }

  /// Everything that `apply` runs where no role exists, for people to read and run themselves.
  ///
  /// In one transaction, so that nobody has for a moment what the next statement takes away.
  public static var script: String {
    Role.allCases.map { "\($0.statement);\n" }.joined()
      + "\nBEGIN;\n" + RoleStatements.grants + "COMMIT;\n"
  }

  private let connection: Connection

  /// Works on this connection's database, whose schema must be up to date.
  public init(_ connection: Connection) {
    self.connection = connection
  }

  /// Makes the roles that are missing, and grants. It may be run at any time, on a working fleet too.
  /// - Throws: The database's error, unless it is that roles may not be made.
  public func apply() async throws(PostgresError) -> Outcome {
    guard try await connection.query(RoleStatements.isOwner).one().bool("is_owner") else {
      return .notOwner
    }
    var missing: [Role] = []
    for role in Role.allCases where try await !make(role) { missing.append(role) }
    guard missing.isEmpty else { return .missing(missing) }
    try await connection.transaction { (connection) throws(PostgresError) in
      _ = try await connection.query(MigrationStatements.lock)
      try await connection.script(RoleStatements.grants)
    }
    return .done
  }

  /// - Returns: Whether the role exists now.
  private func make(_ role: Role) async throws(PostgresError) -> Bool {
    if try await exists(role) { return true }
    do throws(PostgresError) {
      try await connection.script(role.statement)
      return true
    } catch {
      // Another one may have made it meanwhile, in this database or in another one of the cluster.
      if try await exists(role) { return true }
      if error.sqlState == RoleStatements.insufficientPrivilege { return false }
      throw error
    }
  }

  private func exists(_ role: Role) async throws(PostgresError) -> Bool {
    try await connection.query(RoleStatements.exists, [.text(role.rawValue)]).one().bool("found")
  }
}
