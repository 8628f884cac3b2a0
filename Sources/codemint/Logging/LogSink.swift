internal import Glibc
import Logging
import Synchronization

/// Where log lines go: a file descriptor, shared by all loggers of the process.
final class LogSink: Sendable {
  private let style: LogStyle
  private let descriptor: Int32
  private let severity: Atomic<Int>
  private let turn = Mutex<Void>(())

  /// - Parameter descriptor: Standard error, unless a test listens elsewhere.
  init(style: LogStyle, level: Logger.Level, descriptor: Int32 = STDERR_FILENO) {
    self.style = style
    self.descriptor = descriptor
    severity = Atomic(Self.index(level))
  }

  /// The least level that is logged. May be set at any time, from any thread; every logger that
  /// was not given a level of its own follows at once.
  var level: Logger.Level {
    get { Logger.Level.allCases[severity.load(ordering: .relaxed)] }
    set { severity.store(Self.index(newValue), ordering: .relaxed) }
  }

  /// Writes one line, whole: by a single write(2), and never between the parts of another.
  func write(_ entry: LogEntry) {
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

  private static func index(_ level: Logger.Level) -> Int {
    Logger.Level.allCases.firstIndex(of: level) ?? 0
  }
}
