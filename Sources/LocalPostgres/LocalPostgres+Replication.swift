import Foundation

extension LocalPostgres {
  /// Makes this server, which must be stopped, a streaming standby of another, and starts it: its own
  /// data go, and it keeps its port. It must not speak TLS.
  ///
  /// Over TCP the other one's password counts from now on, so `url(over: .socket)` is the way in.
  public func follow(_ primary: LocalPostgres) async throws(LocalPostgresError) {
    guard server == nil, let share = keeper?.share else {
      throw LocalPostgresError(.wrongState, "only a stopped server can become a standby")
    }
    let data = "\(directory)/data"
    do {
      try FileManager.default.removeItem(atPath: data)
    } catch {
      throw LocalPostgresError(.directoryFailed, "cannot remove \(data): \(error)")
    }
    let log = ServerLog(path: "\(directory)/basebackup.log")
    let arguments = [
      "\(binaries)/pg_basebackup", "-d", primary.url(), "-D", data, "--checkpoint=fast",
      "--no-sync",
      "--write-recovery-conf",
    ]
    let backup = try GuardedProcess(account.command(arguments), log: log.path, heir: share)
    guard await Patience.wait(options.deadline, until: { backup.status != nil }) else {
      throw LocalPostgresError(.startFailed, "pg_basebackup did not end in time\n\(log.tail())")
    }
    guard backup.status == 0 else {
      throw LocalPostgresError(.startFailed, "pg_basebackup failed\n\(log.tail())")
    }
    // The copied settings name the primary's directory; the last line wins.
    try append("unix_socket_directories = '\(directory)'\n", to: "\(data)/postgresql.conf")
    try await launch()
  }

  /// Makes a standby a server that can be written to, whatever became of its primary.
  public nonisolated func promote() throws(LocalPostgresError) {
    guard try sql("SELECT pg_promote(wait => true, wait_seconds => 60)") == "t" else {
      throw LocalPostgresError(.startFailed, "the standby was not promoted in time\n\(log.tail())")
    }
  }

  private func append(_ text: String, to path: String) throws(LocalPostgresError) {
    do {
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try file.seekToEnd()
      try file.write(contentsOf: Data(text.utf8))
      try file.close()
    } catch {
      throw LocalPostgresError(.directoryFailed, "cannot write \(path): \(error)")
    }
  }
}
