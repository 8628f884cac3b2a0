import Backstage
import LocalPostgres
import Postgres
import TestSupport

extension TestServer {
  /// What a test database is a copy of.
  enum Template: String {
    /// Nothing is in it.
    case empty = "template0"
    /// What `codemint migrate` makes.
    case migrated = "template_migrated"
  }

  private static let starting = Task { try await withTemplates() }
  private static let startingMortal = Task { try await withTemplates() }
  private static let turnstile = Turnstile(places: 1)

  /// Starts a server with what test databases are copies of.
  static func withTemplates() async throws -> TestServer {
    let shared = try await TestServer()
    let migrated = try await shared.makeDatabase(Template.migrated.rawValue)
    let url = shared.server.url(database: migrated)
    let migration = try CodemintProcess(
      ["migrate"],
      environment: ["CODEMINT_DATABASE_URL": url, "CODEMINT_CONFIG": "/dev/null"]
    )
    guard try await migration.end() == .status(0) else {
      throw MigrationFailed(lines: try await migration.everything())
    }
    let connection = try await Connection.open(ConnectionSettings(url))
    try await connection.script(Database.tellTale)
    await connection.close()
    return shared
  }

  private struct MigrationFailed: Error {
    let lines: [String]
  }

  /// The server that most tests share.
  static var shared: TestServer {
    get async throws { try await starting.value }
  }

  /// Lends a server that may be stopped, suspended and started, to one test at a time.
  static func lendMortal<Value>(_ body: (TestServer) async throws -> Value) async throws -> Value {
    try await turnstile.pass { try await body(startingMortal.value) }
  }

  /// Makes a database.
  func database(_ template: Template) async throws -> Database {
    let name = try await makeDatabase(template: template.rawValue)
    return try Database(
      name: name,
      url: server.url(database: name),
      passwordURL: server.url(database: name, over: .tcp)
    )
  }

  /// Drops a database, whoever is connected to it.
  func drop(_ database: Database) async throws {
    await database.close()
    try await drop(database.name)
  }
}
