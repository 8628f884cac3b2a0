import Foundation
import Logging

/// The handler that swift-log holds for each logger, with the logger's metadata and level.
struct LineLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  private let label: String
  private let sink: LogSink
  private var ownLevel: Logger.Level?

  init(label: String, sink: LogSink, metadataProvider: Logger.MetadataProvider? = nil) {
    self.label = label
    self.sink = sink
    self.metadataProvider = metadataProvider
  }

  /// The logger's own level if it was given one, else the sink's level, which may change.
  var logLevel: Logger.Level {
    get { ownLevel ?? sink.level }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Waits until everything that was logged is written, but not for long.
  func flush() {
    sink.flush()
  }

  /// Writes one entry. If metadata have the same key, the statement wins over the logger, and the
  /// logger wins over the metadata provider.
  func log(event: LogEvent) {
    var all = metadataProvider?.get() ?? [:]
    all.merge(metadata) { $1 }
    all.merge(event.metadata ?? [:]) { $1 }
    if let error = event.error, all["error"] == nil {
      all["error"] = .string(String(describing: error))
    }
    sink.write(
      LogEntry(
        time: LogTime.now(),
        level: event.level,
        label: label,
        message: event.message.description,
        metadata: all
      )
    )
  }
}

/// One log entry.
struct LogEntry {
  /// The time as RFC 3339 in UTC with milliseconds.
  let time: String
  let level: Logger.Level
  /// The label of the logger.
  let label: String
  let message: String
  /// The metadata, sorted by key.
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

  /// The line in a style, without a line break.
  func line(_ style: LogStyle) -> String {
    switch style {
    case .text: TextLine.text(self)
    case .json: JSONLine.text(self)
    case .journal: JournalLine.text(self)
    }
  }
}

/// The time of a log line.
enum LogTime {
  /// The present time.
  static func now() -> String {
    let milliseconds = Int(Date().timeIntervalSince1970 * 1000)
    return text(seconds: milliseconds / 1000, milliseconds: milliseconds % 1000)
  }

  /// RFC 3339 in UTC with milliseconds, such as `2024-02-29T12:30:45.007Z`.
  static func text(seconds: Int, milliseconds: Int) -> String {
    var (seconds, parts) = (time_t(seconds), tm())
    gmtime_r(&seconds, &parts)
    let date = [
      (Int(parts.tm_year) + 1900, 4), (Int(parts.tm_mon) + 1, 2), (Int(parts.tm_mday), 2),
    ]
    let clock = [(Int(parts.tm_hour), 2), (Int(parts.tm_min), 2), (Int(parts.tm_sec), 2)]
    return joined(date, "-") + "T" + joined(clock, ":") + "." + padded(milliseconds, 3) + "Z"
  }

  private static func joined(_ numbers: [(Int, Int)], _ mark: String) -> String {
    numbers.map(padded).joined(separator: mark)
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
