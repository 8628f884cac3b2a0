import Foundation
import Glibc
import Testing

/// A pipe to write lines into and to read them from.
final class Pipe: Sendable {
  let reading: Int32
  let writing: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  /// The bytes that one read(2) brings.
  func read(atMost count: Int = 65_536) -> String {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = Glibc.read(reading, &bytes, count)
    return String(decoding: bytes.prefix(max(0, got)), as: UTF8.self)
  }

  /// Begins to read on a thread of its own, since the tasks that write may block all others.
  ///
  /// - Returns: What comes until this many lines have come.
  func lines(_ count: Int) -> Task<String, Never> {
    let (stream, continuation) = AsyncStream.makeStream(of: String.self)
    Thread.detachNewThread {
      var text = ""
      var lines = 0
      while lines < count {
        let part = self.read()
        guard !part.isEmpty else { break }
        lines += part.utf8.count { $0 == UInt8(ascii: "\n") }
        text += part
      }
      continuation.yield(text)
      continuation.finish()
    }
    return Task { await stream.first { _ in true } ?? "" }
  }
}
