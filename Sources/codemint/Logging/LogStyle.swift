internal import Glibc

/// How log lines look, decided.
enum LogStyle: Sendable, Equatable {
  case text, json, journal

  /// Decides what a format comes to for a process that logs to a file descriptor.
  ///
  /// `JOURNAL_STREAM` names device and inode of the stream to the journal; comparing them with the
  /// descriptor's tells a daemon whose output was redirected elsewhere (source: systemd.exec(5)).
  init(
    _ format: LogFormat,
    environment: [String: String],
    descriptor: Int32 = STDERR_FILENO
  ) {
    self =
      switch format {
      case .text: .text
      case .json: .json
      case .journal: .journal
      case .auto:
        Self.identity(of: descriptor).map { $0 == environment["JOURNAL_STREAM"] } == true
          ? .journal : .text
      }
  }

  /// Device and inode, as `JOURNAL_STREAM` writes them.
  static func identity(of descriptor: Int32) -> String? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    return "\(status.st_dev):\(status.st_ino)"
  }
}
