import Foundation
import Glibc
import Logging
import Testing

@testable import codemint

@Suite("Logging never waits")
struct LogQueueTests {
  @Test("a pipe that nobody reads stops nobody; what had no room is counted when it is read again")
  func unread() async throws {
    let pipe = try Pipe()
    let sink = LogSink(style: .journal, level: .info, descriptor: pipe.writing, limit: 10_000)
    let logger = LogSinkTests.logger(sink)
    let filling = String(repeating: "x", count: 1000)
    let count = 1000
    for _ in 0..<count { logger.info("y", metadata: ["filling": "\(filling)"]) }

    // A pipe holds 64 KiB, so this line is reached only because most of the lines were dropped.
    let (written, dropped) = await Self.account(of: pipe, until: count)
    #expect(written + dropped == count)
    #expect(written >= 60 && dropped >= 800)
    #expect(LogQueue.droppedLines >= dropped)
  }

  @Test("on a full disk lines are counted, and said to be missing when there is room again")
  func fullDisk() throws {
    let descriptor = open("/dev/full", O_WRONLY | O_CLOEXEC)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let sink = LogSink(style: .journal, level: .info, descriptor: descriptor)
    for _ in 0..<3 { LogSinkTests.logger(sink).info("unseen") }
    sink.flush()

    let pipe = try Pipe()
    try #require(dup2(pipe.writing, descriptor) == descriptor)
    LogSinkTests.logger(sink).info("seen")
    sink.flush()
    #expect(
      pipe.read() == """
        <6>seen
        <4>log lines were dropped, because they could not be written in time lines=3

        """
    )
  }

  @Test("a sink that cannot be written to does no harm")
  func closed() {
    let sink = LogSink(style: .text, level: .info, descriptor: -1)
    LogSinkTests.logger(sink).info("unseen")
    sink.flush()
  }

  /// Reads until so many lines have come or were said to be missing.
  private static func account(of pipe: Pipe, until count: Int) async -> (written: Int, dropped: Int)
  {
    let (stream, continuation) = AsyncStream.makeStream(of: (Int, Int).self)
    Thread.detachNewThread {
      var (text, written, dropped) = ("", 0, 0)
      while written + dropped < count {
        let part = pipe.read()
        if part.isEmpty { break }
        text += part
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        text = lines.popLast().map(String.init) ?? ""
        for line in lines {
          if line.hasPrefix("<6>") { written += 1 }
          dropped += line.split(separator: "lines=").dropFirst().first.flatMap { Int($0) } ?? 0
        }
      }
      continuation.yield((written, dropped))
      continuation.finish()
    }
    return await stream.first { _ in true } ?? (0, 0)
  }
}
