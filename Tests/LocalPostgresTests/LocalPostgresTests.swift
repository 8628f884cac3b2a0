import Foundation
import LocalPostgres
import Testing

@Suite("a private server")
struct LocalPostgresTests {
  @Test("answers over its socket and over TCP, in UTF-8, and leaves nothing behind")
  func answers() async throws {
    let server = try await LocalPostgres.start()
    #expect(try server.sql("SELECT 1") == "1")
    #expect(try server.sql("SHOW server_encoding") == "UTF8")
    #expect(try server.sql("SHOW fsync") == "off")
    #expect(FileManager.default.fileExists(atPath: server.directory))
    try await server.remove()
    #expect(!FileManager.default.fileExists(atPath: server.directory))
  }

  @Test("takes more configuration, and syncs if asked")
  func options() async throws {
    var options = LocalPostgres.Options()
    options.durability = .durable
    options.configuration = ["work_mem = '7MB'"]
    let server = try await LocalPostgres.start(options)
    #expect(try server.sql("SHOW work_mem") == "7MB")
    #expect(try server.sql("SHOW fsync") == "on")
    try await server.remove()
  }

  @Test("a postmaster that was killed leaves nothing that keeps the next one from starting")
  func killed() async throws {
    let server = try await LocalPostgres.start()
    try server.sql("CREATE TABLE kept AS SELECT 1 AS value")
    try await server.restart(.killed)
    #expect(try server.sql("SELECT value FROM kept") == "1")
    try await server.remove()
  }

  @Test("a standby follows, is promoted, and is followed in its turn")
  func replication() async throws {
    let first = try await LocalPostgres.start()
    let second = try await LocalPostgres.start()
    try await second.stop(.immediate)
    try await second.follow(first)
    #expect(try second.sql("SELECT pg_is_in_recovery()") == "t")
    try first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    try first.sql("SELECT pg_reload_conf()")
    try first.sql("CREATE TABLE kept AS SELECT 1 AS value")
    try await first.stop(.killed)
    try second.promote()
    #expect(try second.sql("SELECT value FROM kept") == "1")

    try await first.follow(second)
    #expect(try first.sql("SELECT pg_is_in_recovery()") == "t")
    try await first.remove()
    try await second.remove()
  }

  @Test("makes databases of any name")
  func databases() async throws {
    let server = try await LocalPostgres.start()
    let name = #"an "odd" näme/?"#
    try await server.createDatabase(name)
    #expect(try server.sql("SELECT current_database()", database: name) == name)
    #expect(server.psqlCommand(database: "x").hasSuffix("-d x"))
    try await server.remove()
  }

  @Test(
    "keeps its data over stop, start and restart",
    arguments: [
      LocalPostgres.StopMode.smart, .fast, .immediate,
    ]
  )
  func restart(_ mode: LocalPostgres.StopMode) async throws {
    let server = try await LocalPostgres.start()
    try server.sql("CREATE TABLE t AS SELECT 42 AS n")
    try await server.restart(mode)
    #expect(try server.sql("SELECT n FROM t") == "42")
    try await server.stop(mode)
    #expect(await server.processID == nil)
    try await server.start()
    #expect(try server.sql("SELECT n FROM t") == "42")
    try await server.remove()
  }

  @Test("goes on after it was suspended, and can be removed while it is")
  func suspended() async throws {
    let server = try await LocalPostgres.start()
    await server.suspend()
    await server.resume()
    #expect(try server.sql("SELECT 1") == "1")
    await server.suspend()
    try await server.remove()
    #expect(!FileManager.default.fileExists(atPath: server.directory))
  }

  @Test("that does not come up says why, in the server's words")
  func failure() async throws {
    var options = LocalPostgres.Options()
    options.configuration = ["no_such_setting = 1"]
    await #expect { try await LocalPostgres.start(options) } throws: { error in
      "\(error)".contains("no_such_setting")
    }
  }

  @Test("refuses a directory whose path is too long for a socket")
  func longPath() async throws {
    var options = LocalPostgres.Options()
    options.parentDirectory =
      FileManager.default.temporaryDirectory.appending(
        path: String(repeating: "x", count: 90)
      ).path
    try FileManager.default.createDirectory(
      atPath: options.parentDirectory,
      withIntermediateDirectories: true
    )
    defer { try? FileManager.default.removeItem(atPath: options.parentDirectory) }
    await #expect(throws: LocalPostgresError.self) { try await LocalPostgres.start(options) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: options.parentDirectory).isEmpty)
  }
}
