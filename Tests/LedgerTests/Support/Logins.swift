import Ledger
import Postgres
import Synchronization
import TestSupport
import Testing

/// Logins that were granted one role each, on a database of a test's own.
struct Logins: Sendable {
  /// The owner of the schema.
  let owner: Connection

  /// The SQLSTATE of what a role may not do.
  static let denied = "42501"

  private static let number = Mutex(0)

  /// Lends a migrated database with its roles.
  static func lend(_ body: (Logins) async throws -> Void) async throws {
    try await TestServer.lend(.migrated) { settings in
      let owner = try await Connection.open(settings)
      #expect(try await RoleSetup(owner).apply() == .done)
      try await body(Logins(owner: owner))
      await owner.close()
    }
  }

  /// A connection of a new login with this role.
  func login(_ role: Role?) async throws -> Connection {
    try await Connection.open(newLogin(role))
  }

  /// How a new login with this role connects.
  func newLogin(_ role: Role?) async throws -> ConnectionSettings {
    let number = Self.number.withLock { count in
      count += 1
      return count
    }
    let name = "login_\(number)"
    try await owner.script(
      "CREATE ROLE \(name) LOGIN" + (role.map { " IN ROLE \($0.rawValue)" } ?? "")
    )
    return try await owner.settings(as: name)
  }
}

extension Connection {
  /// The same database for another login, or another database of the server.
  func settings(as login: String, in database: String? = nil) async throws -> ConnectionSettings {
    let place = try await query(
      """
      SELECT format('%s?host=%s&port=%s', coalesce($1, current_database()),
                    current_setting('unix_socket_directories'), current_setting('port')) AS place
      """,
      [.text(database)]
    )
    return try ConnectionSettings("postgresql://\(login)@/\(place.one().text("place"))")
  }
}

extension Connection {
  /// The SQLSTATE of a statement's refusal; nil if it was not refused.
  func refusal(of statement: Statement) async -> String? {
    await failure { () throws(PostgresError) in try await query(statement) }?.sqlState
  }
}
