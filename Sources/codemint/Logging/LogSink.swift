import Foundation
import Glibc
import Logging
import Synchronization

/// Writes log entries to a file descriptor, or to the journal. All loggers of the process share it.
final class LogSink: Sendable {
  private let style: LogStyle
  private let descriptor: Int32
  private let journal: String?
  private let severity: Atomic<Int>
  private let turn = Mutex<Void>(())

  /// - Parameters:
  ///   - descriptor: Standard error, except in tests.
  ///   - journal: The journal's socket; nil to write lines in every style.
  init(
    style: LogStyle,
    level: Logger.Level,
    descriptor: Int32 = STDERR_FILENO,
    journal: String? = nil
  ) {
    self.style = style
    self.descriptor = descriptor
    self.journal = journal
    severity = Atomic(Self.index(level))
  }

  /// The lowest level that is logged. It may be set at any time from any thread. It applies at once to
  /// every logger without a level of its own.
  var level: Logger.Level {
    get { Logger.Level.allCases[severity.load(ordering: .relaxed)] }
    set { severity.store(Self.index(newValue), ordering: .relaxed) }
  }

  /// Writes one entry: to the journal as fields, else as one line. Lines never mix.
  func write(_ entry: LogEntry) {
    if style == .journal, let journal, Self.send(entry, to: journal) { return }
    let line = Array((entry.line(style) + "\n").utf8)
    turn.withLock { _ in
      line.withUnsafeBytes { bytes in
        var rest = bytes
        while !rest.isEmpty {
          let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
          if count >= 0 {
            // Only a full disk or a signal makes a write incomplete.
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
          } else if errno == EAGAIN {
            // Another process that shares the terminal or pipe made it non-blocking.
            var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&ready, 1, -1)
          } else if errno != EINTR {
            // There is nowhere to report that the log cannot be written.
            return
          }
        }
      }
    }
  }

  /// Sends an entry to the journal. Returns false if there is no journal or the entry is too long for
  /// a datagram; the caller then writes a line, which has the priority but no fields.
  private static func send(_ entry: LogEntry, to journal: String) -> Bool {
    do {
      try NotifySocket.send(JournalDatagram.text(entry), to: journal)
      return true
    } catch {
      return false
    }
  }

  private static func index(_ level: Logger.Level) -> Int {
    Logger.Level.allCases.firstIndex(of: level) ?? 0
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
