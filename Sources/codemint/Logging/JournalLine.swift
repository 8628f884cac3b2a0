import Logging

/// A line for the systemd journal: `<6>call settled call=3c90 job=7`.
///
/// The number in front is the priority of syslog; the journal takes it off again and keeps the
/// time itself (source: sd-daemon(3)).
enum JournalLine {
  static func text(_ entry: LogEntry) -> String {
    "<\(priority(entry.level))>\(TextLine.body(entry))"
  }

  /// The priority of a level (source: syslog(3)). Syslog has nothing below debug.
  static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }
}
