import Foundation
import LocalPostgres
import Testing

@Suite("a private server whose owner is gone")
struct OwnerTests {
  @Test("is stopped and removed when its owner is killed")
  func killed() async throws {
    let result = try #require(
      await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
        try await OwnerTests.startAndDie(suspended: false)
      }
    )
    try await expectGone(result)
  }

  @Test("is stopped and removed even if it was suspended")
  func suspended() async throws {
    let result = try #require(
      await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
        try await OwnerTests.startAndDie(suspended: true)
      }
    )
    try await expectGone(result)
  }

  @Test("is stopped and removed when the last reference goes")
  func dropped() async throws {
    var server: LocalPostgres? = try await LocalPostgres.start()
    let directory = try #require(server?.directory)
    let process = try #require(await server?.processID)
    server = nil
    try await expectGone(directory: directory, process: process)
  }

  /// Runs in a process of its own: tells where the server is, and kills that process.
  private static func startAndDie(suspended: Bool) async throws {
    let server = try await LocalPostgres.start()
    let process = try #require(await server.processID)
    if suspended { await server.suspend() }
    let line = "\nserver \(process) \(server.directory)\n"
    try FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
    kill(getpid(), SIGKILL)
  }

  private func expectGone(_ result: ExitTest.Result) async throws {
    let output = String(decoding: result.standardOutputContent, as: UTF8.self)
    let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("server ") })
    let words = line.split(separator: " ")
    let process = try #require(Int32(words[1]))
    try await expectGone(directory: String(words[2]), process: process)
  }

  /// The guard's work ends with the directory.
  private func expectGone(directory: String, process: Int32) async throws {
    #expect(await DirectoryWatch.isGone(directory))
    #expect(kill(process, 0) == -1)
  }
}

/// Waits for a directory to be removed by somebody else, told by the kernel (inotify(7)).
enum DirectoryWatch {
  /// - Parameter limit: The longest wait, in milliseconds.
  /// - Returns: Whether the directory is gone.
  static func isGone(_ path: String, within limit: Int32 = 30_000) async -> Bool {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: wait(path, limit)) }
    }
  }

  private static func wait(_ path: String, _ limit: Int32) -> Bool {
    let watch = inotify_init1(Int32(IN_CLOEXEC))
    guard watch >= 0 else { return false }
    defer { close(watch) }
    // A directory that cannot be watched because it does not exist is gone already.
    guard inotify_add_watch(watch, path, UInt32(IN_DELETE_SELF)) >= 0 else {
      return errno == ENOENT
    }
    var event = pollfd(fd: watch, events: Int16(POLLIN), revents: 0)
    return poll(&event, 1, limit) == 1
  }
}
