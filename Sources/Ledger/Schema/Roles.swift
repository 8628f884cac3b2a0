public import Postgres

/// A role of the database that people and programs are granted, and that nobody logs in as.
///
/// Roles belong to the cluster and not to the database, so they may exist already, made for another
/// database with codemint in it (PostgreSQL manual, "Database Roles").
public enum Role: String, CaseIterable, Sendable {
  /// Inserts jobs, and sees how its own stand.
  case producer = "codemint_producer"
  /// Sees everything but the codes, and steers.
  case `operator` = "codemint_operator"
  /// Reads the codes.
  case reader = "codemint_reader"
  /// The daemon.
  case worker = "codemint_worker"

  /// The statement that creates the role.
  public var statement: String { "CREATE ROLE \(rawValue) NOLOGIN" }
}

/// Makes the roles, and gives each what it needs and no more.
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

  private let connection: Connection

  /// Works on this connection's database.
  public init(_ connection: Connection) {
    self.connection = connection
  }

  /// Makes the roles that are missing, and grants what this binary's schema says; the schema must be up
  /// to date. It may be run at any time, on a working fleet too.
  /// - Throws: The database's error, unless it is that roles may not be made.
  public func apply() async throws(PostgresError) -> Outcome {
    guard try await connection.query(RoleStatements.isOwner).one().bool("is_owner") else {
      return .notOwner
    }
    try await create()
    let missing = try await missing()
    guard missing.isEmpty else { return .missing(missing) }
    try await connection.transaction { (connection) throws(PostgresError) in
      _ = try await connection.query(Migrator.Statements.lock)
      try await connection.script(BriefLock.setting)
      try await connection.script(Schema.current.grants)
      _ = try await connection.query(Migrator.Statements.notePolicies)
    }
    return .done
  }

  /// Creates the roles that are missing, if this login may create roles.
  public func create() async throws(PostgresError) {
    for role in try await missing() { try await make(role) }
  }

  /// The roles that do not exist.
  func missing() async throws(PostgresError) -> [Role] {
    var missing: [Role] = []
    for role in Role.allCases {
      let found = try await connection.query(RoleStatements.exists, [.text(role.rawValue)])
      if try !found.one().bool("found") { missing.append(role) }
    }
    return missing
  }

  private func make(_ role: Role) async throws(PostgresError) {
    do throws(PostgresError) {
      try await connection.script(role.statement)
    } catch {
      // Another login may have made it meanwhile, in this database or another one of the cluster.
      if try await !missing().contains(role) { return }
      if error.sqlState != RoleStatements.insufficientPrivilege { throw error }
    }
  }
}

/// Whether a login may do what the daemon does.
public struct PrivilegeCheck: Sendable {
  private let connection: Connection

  /// Checks this connection's login.
  public init(_ connection: Connection) {
    self.connection = connection
  }

  /// What is lacking and what to do about it, in one sentence; nil if nothing is.
  public func complaint() async throws(PostgresError) -> String? {
    do throws(PostgresError) {
      guard let row = try await connection.query(RoleStatements.lacking).first else { return nil }
      let role = try row.text("role")
      return "the database role \(role) may not \(try row.text("name")): "
        + "GRANT \(Role.worker.rawValue) TO \(role)"
    } catch {
      guard error.sqlState == RoleStatements.insufficientPrivilege else { throw error }
      return "\(error.message): GRANT \(Role.worker.rawValue) to the daemon's database role"
    }
  }
}

private enum RoleStatements {
  static let insufficientPrivilege = "42501"

  static let isOwner: Statement = """
    SELECT pg_has_role(n.nspowner, 'USAGE') AS is_owner
    FROM pg_namespace n WHERE n.nspname = 'codemint'
    """

  static let exists: Statement = """
    SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS found
    """

  /// The first thing that the daemon needs and this login may not: a function of the daemon's, or a
  /// table. `claim_call` and the like run with their caller's rights, so that both are needed.
  static let lacking: Statement = """
    SELECT current_user::text AS role, lacking.name
    FROM (
      SELECT 'execute ' || p.oid::regprocedure::text AS name
      FROM pg_proc p
      WHERE p.pronamespace = to_regnamespace('codemint') AND NOT p.prosecdef
        AND p.prorettype <> 'trigger'::regtype
        AND NOT has_function_privilege(p.oid, 'EXECUTE')
      UNION ALL
      SELECT 'update ' || c.oid::regclass::text
      FROM pg_class c
      WHERE c.relnamespace = to_regnamespace('codemint') AND c.relkind = 'r'
        AND c.relname IN ('jobs', 'calls', 'codes', 'rewards', 'reward_watches', 'account',
                          'api_clock', 'cluster_identity', 'workers', 'unattributed_codes')
        AND NOT has_any_column_privilege(c.oid, 'UPDATE')
    ) AS lacking (name)
    ORDER BY lacking.name
    LIMIT 1
    """
}
