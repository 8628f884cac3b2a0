public import Postgres

/// Whether a login may do what the daemon does.
public struct PrivilegeCheck: Sendable {
  private let connection: Connection

  /// Looks with this connection's login.
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
