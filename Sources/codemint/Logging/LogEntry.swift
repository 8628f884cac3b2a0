import Logging

/// What one log line tells.
struct LogEntry {
  /// RFC 3339 in UTC with milliseconds.
  let time: String
  let level: Logger.Level
  /// Which part of the program logs.
  let label: String
  let message: String
  /// By key, each key once.
  let metadata: [(key: String, value: Logger.Metadata.Value)]

  init(
    time: String,
    level: Logger.Level,
    label: String,
    message: String,
    metadata: Logger.Metadata
  ) {
    self.time = time
    self.level = level
    self.label = label
    self.message = message
    self.metadata = metadata.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
  }

  /// The line in a style, without its line break.
  func line(_ style: LogStyle) -> String {
    switch style {
    case .text: TextLine.text(self)
    case .json: JSONLine.text(self)
    case .journal: JournalLine.text(self)
    }
  }
}
