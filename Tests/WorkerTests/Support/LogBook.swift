import Logging
import Synchronization

/// Remembers what was logged.
final class LogBook: Sendable {
  /// One line.
  struct Line: Sendable {
    let level: Logger.Level
    let message: String
    let metadata: String
  }

  private let written = Mutex<[Line]>([])

  /// Every line so far.
  var lines: [Line] { written.withLock { $0 } }

  /// The lines with this message.
  func lines(_ message: String) -> [Line] { lines.filter { $0.message == message } }

  /// A logger that writes here.
  var logger: Logger { Logger(label: "worker") { _ in Handler(book: self) } }

  private struct Handler: LogHandler {
    let book: LogBook
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let line = Line(
        level: event.level,
        message: "\(event.message)",
        metadata: "\(event.metadata ?? [:])"
      )
      book.written.withLock { $0.append(line) }
    }
  }
}
