internal import Glibc
import Logging
import Synchronization

/// Where log lines go: a file descriptor, shared by all loggers of the process.
final class LogSink: Sendable {
  private let style: LogStyle
  private let descriptor: Int32
  private let journal: String?
  private let severity: Atomic<Int>
  private let turn = Mutex<Void>(())

  /// - Parameters:
  ///   - descriptor: Standard error, unless a test listens elsewhere.
  ///   - journal: The journal's socket; nil to write lines even if they are in the journal's style.
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

  /// The least level that is logged. May be set at any time, from any thread; every logger that
  /// was not given a level of its own follows at once.
  var level: Logger.Level {
    get { Logger.Level.allCases[severity.load(ordering: .relaxed)] }
    set { severity.store(Self.index(newValue), ordering: .relaxed) }
  }

  /// Writes one entry: to the journal with its fields, or else as one line, whole, by a single
  /// write(2) and never between the parts of another.
  func write(_ entry: LogEntry) {
    if style == .journal, let journal, Self.send(entry, to: journal) { return }
    let line = Array((entry.line(style) + "\n").utf8)
    turn.withLock { _ in
      line.withUnsafeBytes { bytes in
        var rest = bytes
        while !rest.isEmpty {
          let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
          if count >= 0 {
            // Only a disk that is full or a signal cuts a write short.
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
          } else if errno == EAGAIN {
            // Somebody who shares the terminal or pipe has made it non-blocking.
            var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&ready, 1, -1)
          } else if errno != EINTR {
            // Nobody is left to be told that the log cannot be written.
            return
          }
        }
      }
    }
  }

  /// False if the journal did not take it: it is away, or the entry is too long for a datagram. The
  /// line that is written then gets there too, with its priority, and without fields.
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
