import Foundation
import Logging

extension Settings {
  /// A logger as these settings want it.
  func makeLogger(descriptor: Int32 = FileDescriptor.standardError.number) -> Logger {
    let style = LogStyle(
      log.format,
      environment: ProcessInfo.processInfo.environment,
      descriptor: descriptor
    )
    return Self.logger(LogSink(style: style, level: log.level, descriptor: descriptor))
  }

  /// A logger for commands that speak to people themselves: warnings and worse, as text.
  static var quietLogger: Logger {
    logger(LogSink(style: .text, level: .warning))
  }

  private static func logger(_ sink: LogSink) -> Logger {
    Logger(label: "codemint") { label in LineLogHandler(label: label, sink: sink) }
  }
}
