import Foundation

/// Finds the server's programs, which distributions keep out of PATH.
enum ServerBinaries {
  private static let needed = ["initdb", "postgres", "psql"]

  /// The directory that holds them.
  /// - Throws: `binariesMissing`, naming the package that brings them.
  static func directory() throws(LocalPostgresError) -> String {
    for candidate in candidates() where isComplete(candidate) { return candidate }
    throw LocalPostgresError(
      .binariesMissing,
      "found no PostgreSQL server (initdb, postgres, psql) in PATH, through pg_config or in "
        + "/usr/lib/postgresql; on Debian and Ubuntu: apt-get install postgresql"
    )
  }

  private static func candidates() -> [String] {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    var candidates = path.split(separator: ":").map(String.init)
    if let directory = try? Command.output(["pg_config", "--bindir"]) {
      candidates.append(directory.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let newestFirst = versions.sorted { (Double($0) ?? 0) > (Double($1) ?? 0) }
    return candidates + newestFirst.map { "\(root)/\($0)/bin" }
  }

  private static func isComplete(_ directory: String) -> Bool {
    needed.allSatisfy { FileManager.default.isExecutableFile(atPath: "\(directory)/\($0)") }
  }
}
