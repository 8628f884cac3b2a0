import Foundation
import LocalPostgres
import Postgres
import TestSupport

/// Certificates made for one test, with the `openssl` command.
final class Certificates {
  let directory: URL

  struct Failed: Error {}

  init() throws {
    directory = FileManager.default.temporaryDirectory.appending(
      path: "codemint-certificates-\(UUID().uuidString)"
    )
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: directory)
  }

  func path(_ name: String) -> String { directory.appending(path: name).path }

  /// Makes an authority, `<name>.crt` and `<name>.key`.
  func makeAuthority(_ name: String) throws {
    try openssl([
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
      "-days", "2", "-subj", "/CN=\(name)", "-keyout", path("\(name).key"),
      "-out", path("\(name).crt"),
    ])
  }

  /// Makes a server's certificate for `localhost`, `server.crt` and `server.key`.
  func makeServer(by authority: String) throws {
    try openssl([
      "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
      "-subj", "/CN=localhost", "-keyout", path("server.key"), "-out", path("server.csr"),
    ])
    try Data("subjectAltName=DNS:localhost\n".utf8).write(to: directory.appending(path: "ext"))
    try openssl([
      "x509", "-req", "-in", path("server.csr"), "-CA", path("\(authority).crt"),
      "-CAkey", path("\(authority).key"), "-CAcreateserial", "-days", "2",
      "-extfile", path("ext"), "-out", path("server.crt"),
    ])
  }

  private func openssl(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed() }
  }

  /// Lends a server that speaks TLS, with settings that verify it fully.
  static func withServer(_ body: (ConnectionSettings) async throws -> Void) async throws {
    let certificates = try Certificates()
    try certificates.makeAuthority("right")
    try certificates.makeServer(by: "right")
    try await TestServer.withOwn(certificates.options) { server in
      try await body(
        ConnectionSettings(certificates.url(of: server, host: "localhost", authority: "right"))
      )
    }
  }

  var options: LocalPostgres.Options {
    var options = LocalPostgres.Options()
    options.tls = LocalPostgres.Options.TLS(
      certificate: path("server.crt"),
      key: path("server.key")
    )
    return options
  }

  /// The URL of the server under a name, whatever resolves that name.
  func url(of server: LocalPostgres, host: String, authority: String) -> String {
    server.url(over: .tcp).replacing("@127.0.0.1:", with: "@\(host):")
      + "?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=\(path("\(authority).crt"))"
  }
}
