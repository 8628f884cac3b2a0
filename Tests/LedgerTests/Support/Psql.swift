import Foundation
import Ledger
import Postgres
import Testing

extension Logins {
  /// What psql prints, notices with their details and all, when it runs this script for a new login.
  /// An attacker has no other tool. The options are settings that the session begins with.
  func psql(_ role: Role?, _ script: String, options: String = "") async throws -> String {
    let login = try await login(role)
    let name = try await login.query("SELECT session_user::text AS name").one().text("name")
    await login.close()
    let place = try await owner.query(
      """
      SELECT format('host=%s port=%s dbname=%s user=%s',
                    current_setting('unix_socket_directories'), current_setting('port'),
                    current_database(), $1) AS place
      """,
      [.text(name)]
    ).one().text("place")
    let file = FileManager.default.temporaryDirectory.appending(path: "psql-\(UUID()).out")
    #expect(FileManager.default.createFile(atPath: file.path, contents: nil))
    defer { try? FileManager.default.removeItem(at: file) }
    let output = try FileHandle(forWritingTo: file)
    let input = Pipe()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["psql", "-X", "-At", "-v", "VERBOSITY=verbose", "-d", place]
    process.environment = ProcessInfo.processInfo.environment.merging(["PGOPTIONS": options]) { $1 }
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(script.utf8))
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    return try String(contentsOf: file, encoding: .utf8)
  }
}
