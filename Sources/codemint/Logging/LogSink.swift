import Dispatch
import Foundation
import Logging
import Synchronization

/// Writes log entries to a file descriptor, or to the journal. All loggers of the process share it.
final class LogSink: Sendable {
  private let style: LogStyle
  private let hasJournal: Bool
  private let severity: Atomic<Int>
  private let queue: LogQueue

  /// - Parameters:
  ///   - descriptor: Standard error, except in tests.
  ///   - journal: The journal's socket; nil to write lines in every style.
  ///   - limit: The bytes of lines that may wait to be written.
  init(
    style: LogStyle,
    level: Logger.Level,
    descriptor: Int32 = FileDescriptor.standardError.number,
    journal: String? = nil,
    limit: Int = LogQueue.standardLimit
  ) {
    self.style = style
    hasJournal = style == .journal && journal != nil
    severity = Atomic(Self.index(level))
    let hasJournal = hasJournal
    queue = LogQueue(limit: limit, descriptor: descriptor, journal: journal) { missing in
      Self.record(.missing(missing), style, hasJournal: hasJournal)
    }
  }

  deinit {
    queue.close()
  }

  /// The lowest level that is logged. It may be set at any time from any thread. It applies at once to
  /// every logger without a level of its own.
  var level: Logger.Level {
    get { Logger.Level.allCases[severity.load(ordering: .relaxed)] }
    set { severity.store(Self.index(newValue), ordering: .relaxed) }
  }

  /// Queues one entry: for the journal as fields, else as one line. Lines never mix. Never waits.
  func write(_ entry: LogEntry) {
    queue.add(Self.record(entry, style, hasJournal: hasJournal))
  }

  /// Waits until everything that was logged is written, but not for long: it is called at the end of
  /// the process, which must not hang if nobody reads.
  func flush() {
    queue.flush(within: .seconds(1))
  }

  private static func record(_ entry: LogEntry, _ style: LogStyle, hasJournal: Bool)
    -> LogQueue.Record
  {
    LogQueue.Record(
      datagram: hasJournal ? JournalDatagram.text(entry) : nil,
      line: Array((entry.line(style) + "\n").utf8)
    )
  }

  private static func index(_ level: Logger.Level) -> Int {
    Logger.Level.allCases.firstIndex(of: level) ?? 0
  }
}

extension LogEntry {
  /// Says that entries before this one could not be written.
  fileprivate static func missing(_ count: Int) -> LogEntry {
    LogEntry(
      time: LogTime.now(),
      level: .warning,
      label: "codemint",
      message: "log lines were dropped, because they could not be written in time",
      metadata: ["lines": .stringConvertible(count)]
    )
  }
}

extension Logger {
  /// Waits until everything that was logged is written, but not for long.
  func flush() {
    (handler as? LineLogHandler)?.flush()
  }
}

extension Settings {
  /// A logger with these settings.
  func makeLogger(descriptor: Int32 = FileDescriptor.standardError.number) -> Logger {
    Self.logger(makeSink(descriptor: descriptor))
  }

  /// A sink with these settings. Its level can be changed later.
  func makeSink(descriptor: Int32 = FileDescriptor.standardError.number) -> LogSink {
    let style = LogStyle(
      log.format,
      environment: ProcessInfo.processInfo.environment,
      descriptor: descriptor
    )
    // With log.format=journal the lines may be piped to a journal, for example by systemd-cat.
    let isConnected = style == .journal && log.format == .auto
    return LogSink(
      style: style,
      level: log.level,
      descriptor: descriptor,
      journal: isConnected ? JournalDatagram.standardSocket : nil
    )
  }

  /// A logger for commands that print their own messages. It writes warnings and errors as text.
  static var quietLogger: Logger {
    logger(LogSink(style: .text, level: .warning))
  }

  /// A logger that writes to this sink.
  static func logger(_ sink: LogSink) -> Logger {
    Logger(label: "codemint") { label in LineLogHandler(label: label, sink: sink) }
  }
}
