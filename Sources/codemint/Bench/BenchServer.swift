import Foundation
import Ledger
import LocalPostgres
import Postgres

/// The Postgres server of the bench: a private one, or the one that the settings name. Each section has
/// its own databases, which are dropped afterwards. No other database is touched.
final class BenchServer: Sendable {
  private let local: LocalPostgres?
  private let url: String

  private init(local: LocalPostgres?, url: String) {
    self.local = local
    self.url = url
  }

  /// Starts a private server with Postgres's default settings.
  static func start() async throws -> BenchServer {
    var options = LocalPostgres.Options()
    options.durability = .durable
    let local = try await LocalPostgres.start(options)
    return BenchServer(local: local, url: local.url())
  }

  /// Uses an existing server. The login must be allowed to create databases.
  static func given(_ url: String) -> BenchServer {
    BenchServer(local: nil, url: url)
  }

  /// The server's version, for example "15.18".
  func version() async throws -> String {
    let connection = try await connect(nil)
    let text = try await connection.query("SHOW server_version").one().text("server_version")
    await connection.close()
    return text.split(separator: " ").first.map(String.init) ?? text
  }

  /// A directory in which the server may write files; nil if the server is not private.
  var directory: String? { local.map { "\($0.directory)/data" } }

  /// The number of transactions in a database so far. The query runs in another database, so it is not
  /// counted.
  func transactions(in database: BenchDatabase) async throws -> Int {
    let connection = try await connect(nil)
    let row = try await connection.query(
      "SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = $1",
      [.text(database.name)]
    ).one()
    await connection.close()
    return Int(try row.int64("n"))
  }

  /// The CPU seconds of all processes of the server; nil if the server is not private.
  func cpu() async -> Double? {
    guard let process = await local?.processID else { return nil }
    return ProcessUse.cpuOfFamily(process)
  }

  /// Makes a database with codemint's schema for as long as `body` runs.
  func withDatabase<Value>(
    _ body: (BenchDatabase) async throws -> Value
  ) async throws -> Value {
    let name = "codemint_bench_\(UUID().uuidString.lowercased().replacing("-", with: "_"))"
    let owner = try await connect(nil)
    _ = try await owner.query(Statement("CREATE DATABASE \(name)"))
    let database = BenchDatabase(name: name, url: url(of: name))
    let value: Value
    do {
      let connection = try await connect(name)
      _ = try await Migrator(connection).migrate()
      await connection.close()
      value = try await body(database)
    } catch {
      await drop(name, owner)
      throw error
    }
    await drop(name, owner)
    return value
  }

  /// Stops a private server and removes its files.
  func close() async {
    try? await local?.remove()
  }

  private func drop(_ name: String, _ owner: Connection) async {
    _ = try? await owner.query(
      Statement("DROP DATABASE \(name) WITH (FORCE)"),
      deadline: .seconds(600)
    )
    await owner.close()
  }

  private func connect(_ database: String?) async throws -> Connection {
    try await Connection.open(try ConnectionSettings(database.map(url(of:)) ?? url))
  }

  /// The connection string for a database. In both forms of connection strings, the last name wins.
  private func url(of database: String) -> String {
    guard url.contains("://") else { return "\(url) dbname=\(database)" }
    return "\(url)\(url.contains("?") ? "&" : "?")dbname=\(database)"
  }
}

/// A database for one measurement.
struct BenchDatabase: Sendable {
  let name: String
  let url: String

  /// Opens a connection. The caller has to close it.
  func connect() async throws -> Connection {
    var settings = try ConnectionSettings(url)
    // Filling and copying tables takes long.
    settings.statementDeadline = .seconds(3600)
    return try await Connection.open(settings)
  }
}
