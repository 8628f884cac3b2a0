// TestSupport: what several test targets need for tests on a real Postgres.
//
// `TestServer` is a server and the databases that tests make on it. Each target extends it with what
// its own tests start from. `Turnstile` lets a few tests in at a time.

package import LocalPostgres
package import Postgres
import Synchronization

/// A server, and the databases that tests make on it.
package struct TestServer: Sendable {
  package let server: LocalPostgres
  /// Makes and drops databases: quicker than a psql for each, and the server may be restarted meanwhile.
  private let office: Pool

  private static let databases = Mutex(0)

  /// Starts a server.
  package init(_ options: LocalPostgres.Options = LocalPostgres.Options()) async throws {
    server = try await LocalPostgres.start(options)
    office = Pool(try ConnectionSettings(server.url()), limit: 1)
  }

  /// How to connect to a database.
  package func settings(
    _ database: String,
    over transport: LocalPostgres.Transport = .socket
  ) throws -> ConnectionSettings {
    try ConnectionSettings(server.url(database: database, over: transport))
  }

  /// Makes a database.
  /// - Parameters:
  ///   - name: Its name; one that no other test has, if nil.
  ///   - template: The database to copy. Nobody may be connected to it.
  /// - Returns: Its name.
  package func makeDatabase(
    _ name: String? = nil,
    template: String = "template1"
  ) async throws -> String {
    let name = name ?? Self.newName()
    try await run("CREATE DATABASE \(name) TEMPLATE \(template)")
    return name
  }

  /// Drops a database, whoever is connected to it.
  package func drop(_ database: String) async throws {
    try await run("DROP DATABASE \(database) WITH (FORCE)")
  }

  private func run(_ sql: String) async throws {
    try await office.withConnection { connection throws(PostgresError) in
      _ = try await connection.script(sql)
    }
  }

  private static func newName() -> String {
    let number = databases.withLock { count in
      count += 1
      return count
    }
    return "test_\(number)"
  }
}

/// Lets a few tests in at a time: each has a database and connections of its own, and all tests at once
/// would only make each other miss their deadlines.
package actor Turnstile {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  package init(places: Int) {
    free = places
  }

  /// Runs `body` as soon as there is a place.
  package nonisolated func pass<Value>(
    _ body: () async throws -> Value
  ) async throws -> Value {
    await enter()
    do {
      let value = try await body()
      await leave()
      return value
    } catch {
      await leave()
      throw error
    }
  }

  private func enter() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  private func leave() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
