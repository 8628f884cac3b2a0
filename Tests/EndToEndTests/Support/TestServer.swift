import Backstage
import LocalPostgres
import Postgres
import Synchronization

/// A server, and databases on it.
struct TestServer: Sendable {
  /// What a test database is a copy of.
  enum Template: String {
    /// Nothing is in it.
    case empty = "template0"
    /// What `codemint migrate` makes.
    case migrated = "template_migrated"
  }

  let server: LocalPostgres
  private static let databases = Mutex(0)

  private init() async throws {
    server = try await LocalPostgres.start()
    let migrated = Template.migrated.rawValue
    try await Self.office(server) { try await $0.script("CREATE DATABASE \(migrated)") }
    let url = server.url(database: migrated)
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
  }

  private struct MigrationFailed: Error {
    let lines: [String]
  }

  private static let starting = Task { try await TestServer() }
  private static let startingMortal = Task { try await TestServer() }
  private static let turn = Turnstile(places: 1)

  /// The server that most tests share.
  static var shared: TestServer {
    get async throws { try await starting.value }
  }

  /// Lends a server that may be stopped, suspended and started, to one test at a time.
  static func lendMortal<Value>(_ body: (TestServer) async throws -> Value) async throws -> Value {
    await turn.enter()
    do {
      let server = try await startingMortal.value
      let value = try await body(server)
      await turn.leave()
      return value
    } catch {
      await turn.leave()
      throw error
    }
  }

  /// Makes a database.
  func database(_ template: Template) async throws -> Database {
    let number = Self.databases.withLock { count in
      count += 1
      return count
    }
    let name = "test_\(number)"
    try await Self.office(server) {
      try await $0.script("CREATE DATABASE \(name) TEMPLATE \(template.rawValue)")
    }
    return try Database(
      name: name,
      url: server.url(database: name),
      passwordURL: server.url(database: name, over: .tcp)
    )
  }

  /// Drops a database, whoever is connected to it.
  func drop(_ database: Database) async throws {
    await database.close()
    try await Self.office(server) {
      try await $0.script("DROP DATABASE \(database.name) WITH (FORCE)")
    }
  }

  private static func office(
    _ server: LocalPostgres,
    _ body: (Connection) async throws -> Void
  ) async throws {
    let connection = try await Connection.open(ConnectionSettings(server.url()))
    try await body(connection)
    await connection.close()
  }
}
