import Foundation
import Ledger
import LocalPostgres
import Postgres

/// The server on which everything is measured: a private one, or one that the settings name. Each
/// section has databases of its own there, which are dropped afterwards; no other is touched.
final class BenchServer: Sendable {
  private let local: LocalPostgres?
  private let url: String

  private init(local: LocalPostgres?, url: String) {
    self.local = local
    self.url = url
  }

  /// Starts a private server with the settings that Postgres has by default.
  static func start() async throws -> BenchServer {
    var options = LocalPostgres.Options()
    options.durability = .durable
    let local = try await LocalPostgres.start(options)
    return BenchServer(local: local, url: local.url())
  }

  /// Uses a server that is there; the login must be allowed to create databases.
  static func given(_ url: String) -> BenchServer {
    BenchServer(local: nil, url: url)
  }

  /// What the server says of itself, such as "15.18".
  func version() async throws -> String {
    let connection = try await connect(nil)
    let text = try await connection.query("SHOW server_version").one().text("server_version")
    await connection.close()
    return text.split(separator: " ").first.map(String.init) ?? text
  }

  /// Where the server may write files; nil if it is not ours.
  var directory: String? { local.map { "\($0.directory)/data" } }

  /// Transactions in a database so far, asked from another, so that asking is none of them.
  func transactions(in database: BenchDatabase) async throws -> Int {
    let connection = try await connect(nil)
    let row = try await connection.query(
      "SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = $1",
      [.text(database.name)]
    ).one()
    await connection.close()
    return Int(try row.int64("n"))
  }

  /// CPU seconds of all the server's processes; nil if they are not ours to see.
  func cpu() async -> Double? {
    guard let process = await local?.processID else { return nil }
    return ProcessUse.cpuOfFamily(process)
  }

  /// Makes a database with the schema in it, for as long as `body` runs.
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

  /// Gives everything back.
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

  /// What comes last wins, in both forms of a connection string.
  private func url(of database: String) -> String {
    guard url.contains("://") else { return "\(url) dbname=\(database)" }
    return "\(url)\(url.contains("?") ? "&" : "?")dbname=\(database)"
  }
}

/// A database for one measurement.
struct BenchDatabase: Sendable {
  let name: String
  let url: String

  /// Another connection to it; who opens it closes it.
  func connect() async throws -> Connection {
    var settings = try ConnectionSettings(url)
    // Filling and copying tables takes its time.
    settings.statementDeadline = .seconds(3600)
    return try await Connection.open(settings)
  }
}
