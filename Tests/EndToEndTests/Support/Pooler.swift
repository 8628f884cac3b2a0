import Backstage
import Foundation
import LocalPostgres

/// A PgBouncer in transaction mode in front of one database.
final class Pooler: Sendable {
  /// The URL of the database through it.
  let url: String
  /// What it logs.
  let log = Lines()
  private let process: pid_t

  /// Starts one that shares two connections among all clients, so that they change all the time.
  /// - Parameter directory: Where its settings go; its owner's account is the pooler's too, because
  ///   PgBouncer refuses to be root.
  init(_ database: Database, server: LocalPostgres, directory: String) async throws {
    let port = try FreePort.find()
    let target = try Self.target(server.url(database: database.name))
    let file = "\(directory)/pgbouncer.ini"
    let settings = """
      [databases]
      \(database.name) = \(target)
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = \(port)
      unix_socket_dir =
      auth_type = any
      pool_mode = transaction
      default_pool_size = 2
      """
    try settings.write(toFile: file, atomically: true, encoding: .utf8)
    let attributes = try FileManager.default.attributesOfItem(atPath: server.directory)
    let owner = attributes[.ownerAccountName] as? String ?? "postgres"
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755],
      ofItemAtPath: directory
    )
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
    let (reading, writing) = try Spawn.pipe()
    defer { close(writing) }
    log.read(reading)
    let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
    guard let program else { throw SystemRefusal("find pgbouncer", ENOENT) }
    process = try Spawn.run(
      program,
      (geteuid() == 0 ? ["-u", owner] : []) + [file],
      environment: [:],
      files: [nil, writing, writing]
    )
    Undertaker.born(process)
    url = "postgresql://anybody@127.0.0.1:\(port)/\(database.name)"
    try await log.line("process up")
  }

  /// The server behind a socket URL, as PgBouncer writes it.
  private static func target(_ url: String) throws -> String {
    guard let parts = URLComponents(string: url.replacing("@/", with: "@localhost/")),
      let user = parts.user
    else { throw SystemRefusal("read the server's URL", EINVAL) }
    let items = (parts.queryItems ?? []).map { "\($0.name)=\($0.value ?? "")" }
    return (items + ["user=\(user)"]).joined(separator: " ")
  }

  /// Ends it.
  func stop() {
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
    Undertaker.ended(process)
  }
}
