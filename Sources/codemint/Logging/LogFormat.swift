// Logging: writes the events of swift-log as lines to standard error.
//
// `LogFormat` is the setting, and `LogStyle` is the style that follows from it at run time. `LogSink`
// has the style and the level; a signal may change the level. `LogQueue` writes the lines on a thread
// of its own, so that nothing that the daemon does ever waits for its log. `LineLogHandler` is the
// value that swift-log holds. LogLines.swift has pure functions from an entry to its text.
//
// A message is constant and lower-case, so that lines can be counted and searched. Everything that
// varies is metadata with fixed keys (job, call, reward, worker, duration_ms). A line never has a code
// or an API key in it. It has no line breaks and no control characters, whatever the texts of the API
// or the database contain.

import Glibc

/// The setting `log.format`.
enum LogFormat: String, Sendable, CaseIterable {
  /// `journal` if standard error is the journal, else `text`.
  case auto
  /// For people: time, level, message, metadata.
  case text
  /// One JSON object a line.
  case json
  /// For the systemd journal, which adds the time itself: priority, message, metadata. If `auto` finds
  /// the journal, the metadata become fields of the journal.
  case journal
}

/// The style of log lines at run time.
enum LogStyle: Sendable, Equatable {
  case text, json, journal

  /// The style for a format and the file descriptor to which the process logs.
  ///
  /// `JOURNAL_STREAM` names the device and the inode of the stream to the journal. They differ from
  /// those of the descriptor if the output was redirected (source: systemd.exec(5)).
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

  /// Device and inode in the form of `JOURNAL_STREAM`.
  static func identity(of descriptor: Int32) -> String? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    return "\(status.st_dev):\(status.st_ino)"
  }
}
