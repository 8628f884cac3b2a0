import Glibc
import Logging
import Testing

@testable import codemint

@Suite("The sink that all loggers write to")
struct LogSinkTests {
  static func logger(_ sink: LogSink) -> Logger {
    Logger(label: "codemint") { LineLogHandler(label: $0, sink: sink) }
  }

  @Test("a message arrives as one line with its metadata")
  func oneLine() throws {
    let pipe = try Pipe()
    let sink = LogSink(style: .journal, level: .info, descriptor: pipe.writing)
    Self.logger(sink).notice("call settled", metadata: ["job": "7"])
    sink.flush()
    #expect(pipe.read() == "<5>call settled job=7\n")
  }

  @Test("metadata of the statement win over the logger's, and the logger's over the provider's")
  func metadata() throws {
    let pipe = try Pipe()
    let sink = LogSink(style: .journal, level: .info, descriptor: pipe.writing)
    let surroundings = Logger.MetadataProvider { ["a": "outer", "b": "outer", "c": "outer"] }
    var logger = Logger(label: "codemint") {
      LineLogHandler(label: $0, sink: sink, metadataProvider: surroundings)
    }
    logger[metadataKey: "b"] = "logger"
    logger[metadataKey: "c"] = "logger"
    logger.info("x", metadata: ["c": "statement"])
    sink.flush()
    #expect(pipe.read() == "<6>x a=outer b=logger c=statement\n")
  }

  @Test("the level can be changed while loggers are in use, and applies to all of them")
  func sharedLevel() throws {
    let pipe = try Pipe()
    let sink = LogSink(style: .journal, level: .warning, descriptor: pipe.writing)
    let loggers = [Self.logger(sink), Self.logger(sink)]
    for logger in loggers { logger.info("unseen") }
    sink.level = .debug
    for logger in loggers { logger.debug("seen") }
    sink.level = .critical
    for logger in loggers { logger.error("unseen") }
    sink.flush()
    #expect(pipe.read() == "<7>seen\n<7>seen\n")
    for level in Logger.Level.allCases {
      sink.level = level
      #expect(sink.level == level && loggers[0].logLevel == level)
    }
  }

  @Test("a logger is a value: changing one does not change others")
  func valueSemantics() throws {
    let pipe = try Pipe()
    let sink = LogSink(style: .text, level: .info, descriptor: pipe.writing)
    var first = Self.logger(sink)
    first.logLevel = .debug
    first[metadataKey: "only-on"] = "first"
    var second = first
    second.logLevel = .error
    second[metadataKey: "only-on"] = "second"
    #expect(first.logLevel == .debug && second.logLevel == .error)
    #expect(first[metadataKey: "only-on"] == "first")
    #expect(second[metadataKey: "only-on"] == "second")
    #expect(Self.logger(sink).logLevel == .info)
  }

  @Test("an error beside the message becomes metadata")
  func error() throws {
    let pipe = try Pipe()
    let sink = LogSink(style: .journal, level: .info, descriptor: pipe.writing)
    Self.logger(sink).warning("not told", error: ServiceManagerError(description: "no socket"))
    sink.flush()
    #expect(pipe.read() == "<4>not told error=\"no socket\"\n")
  }

  @Test("lines of many tasks never mix, even where they are longer than the pipe")
  func noInterleaving() async throws {
    let pipe = try Pipe()
    let sink = LogSink(style: .journal, level: .info, descriptor: pipe.writing, limit: .max)
    let (tasks, lines, length) = (8, 20, 30_000)
    let reader = pipe.lines(tasks * lines)
    await withTaskGroup { group in
      for task in 0..<tasks {
        group.addTask {
          let logger = Self.logger(sink)
          let filling = String(repeating: "\(task)", count: length)
          for _ in 0..<lines { logger.info("x", metadata: ["filling": "\(filling)"]) }
        }
      }
    }
    let text = await reader.value
    let wrong = text.split(separator: "\n").filter { line in
      guard let digit = line.last else { return true }
      return line != "<6>x filling=" + String(repeating: digit, count: length)
    }
    #expect(wrong.isEmpty)
  }

  @Test("a pipe that somebody made non-blocking loses nothing")
  func nonBlocking() async throws {
    let pipe = try Pipe()
    try #require(fcntl(pipe.writing, F_SETFL, O_NONBLOCK) == 0)
    let sink = LogSink(style: .journal, level: .info, descriptor: pipe.writing)
    let filling = String(repeating: "x", count: 300_000)
    let reader = pipe.lines(1)
    Self.logger(sink).info("y", metadata: ["filling": "\(filling)"])
    #expect(await reader.value == "<6>y filling=\(filling)\n")
  }
}
