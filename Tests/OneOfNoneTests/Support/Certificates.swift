import Foundation
import NIOSSL
import Testing

/// A private authority with a server's certificate for `localhost`, and another authority, made with
/// the `openssl` command in a temporary directory.
struct Certificates {
  private let directory: URL

  var authority: String { path("ca.pem") }
  var otherAuthority: String { path("other.pem") }

  static func with(_ body: (Certificates) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("codemint-certificates-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let certificates = Certificates(directory: directory)
    try certificates.make()
    try await body(certificates)
  }

  func serverContext() throws -> NIOSSLContext {
    try NIOSSLContext(
      configuration: .makeServerConfiguration(
        certificateChain: NIOSSLCertificate.fromPEMFile(path("server.pem"))
          .map { .certificate($0) },
        privateKey: .privateKey(NIOSSLPrivateKey(file: path("server.key"), format: .pem))
      )
    )
  }

  private func make() throws {
    for name in ["ca", "other"] {
      try openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
          + " -subj /CN=codemint-test-\(name) -keyout \(path(name + ".key"))"
          + " -out \(path(name + ".pem"))"
      )
    }
    try openssl(
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        + " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        + " -addext basicConstraints=critical,CA:FALSE"
        + " -CA \(authority) -CAkey \(path("ca.key"))"
        + " -keyout \(path("server.key")) -out \(path("server.pem"))"
    )
  }

  private func openssl(_ arguments: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments.split(separator: " ").map(String.init)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "openssl \(arguments) failed")
  }

  private func path(_ name: String) -> String {
    directory.appendingPathComponent(name).path
  }
}
