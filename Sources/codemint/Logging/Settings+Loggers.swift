import Foundation
import Logging

extension Settings {
  /// A logger as these settings want it.
  func makeLogger(descriptor: Int32 = FileDescriptor.standardError.number) -> Logger {
    Self.logger(makeSink(descriptor: descriptor))
  }

  /// Where lines go and how they look, as these settings want it; its level can be changed later.
  func makeSink(descriptor: Int32 = FileDescriptor.standardError.number) -> LogSink {
    let style = LogStyle(
      log.format,
      environment: ProcessInfo.processInfo.environment,
      descriptor: descriptor
    )
    // Who asks for journal style where no journal is may pipe the lines to one, by systemd-cat say.
    let isConnected = style == .journal && log.format == .auto
    return LogSink(
      style: style,
      level: log.level,
      descriptor: descriptor,
      journal: isConnected ? JournalDatagram.standardSocket : nil
    )
  }

  /// A logger for commands that speak to people themselves: warnings and worse, as text.
  static var quietLogger: Logger {
    logger(LogSink(style: .text, level: .warning))
  }

  /// A logger that writes there.
  static func logger(_ sink: LogSink) -> Logger {
    Logger(label: "codemint") { label in LineLogHandler(label: label, sink: sink) }
  }
}
