import Foundation
import Glibc
import Testing

@testable import codemint

/// The start runs code that nothing needs again, and an idle daemon shall be small.
@Suite("pages of the start")
struct StartPagesTests {
  @Test("code that was run gives its memory back, and is there when it is needed again")
  func release() throws {
    let length = 16 * Int(getpagesize())
    let program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
    defer { close(program) }
    let code = try #require(mmap(nil, length, PROT_READ | PROT_EXEC, MAP_PRIVATE, program, 0))
    try #require(code != MAP_FAILED)
    defer { munmap(code, length) }
    let before = Data(bytes: code, count: length)
    #expect(try Self.resident(code) > 0)
    StartPages.release()
    #expect(try Self.resident(code) == 0)
    #expect(Data(bytes: code, count: length) == before)
  }

  /// KiB of the mapping that begins here which are in memory (proc_pid_smaps(5)).
  private static func resident(_ start: UnsafeMutableRawPointer) throws -> Int {
    let maps = try #require(FileReading.text("/proc/self/smaps")).split(separator: "\n")
    let begin = String(UInt(bitPattern: start), radix: 16) + "-"
    let map = try #require(maps.firstIndex { $0.hasPrefix(begin) })
    let line = try #require(maps[map...].first { $0.hasPrefix("Rss:") })
    return try #require(Int(line.split(separator: " ")[1]))
  }
}
