// Backstage: what end-to-end tests and storms need to run the real binary and to be sure of its end.
//
// `CodemintProcess` is one run of `codemint`: its lines, its signals, its exit status. `Lines` is what
// comes out of a program, `Watched` a value whose changes can be waited for. `Undertaker` kills what is
// left if this process is itself killed.

package import Foundation
package import LocalPostgres
import Synchronization

/// The binary under test.
package enum Binary {
  /// It is built into the same directory as whoever runs it.
  package static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "codemint").path
}

/// One run of the binary.
package final class CodemintProcess: Sendable {
  /// How a process ended.
  package enum Ending: Equatable, Sendable {
    case status(Int32)
    case signal(Int32)
  }

  /// Its process id. Signals go through `send`, which knows whether it is still this process's.
  package let process: pid_t
  /// Lines of standard output.
  package let output = Lines()
  /// Lines of standard error: the log, and complaints.
  package let errors = Lines()

  /// Where the toolchain's libraries are, and what sanitizers need, if the tests need that too.
  private static let inherited = [
    "LD_LIBRARY_PATH", "LD_PRELOAD", "TSAN_OPTIONS", "ASAN_OPTIONS", "LSAN_OPTIONS",
  ]

  private let ending = Watched<Ending?>(nil)
  private let isGone = Mutex(false)

  /// Starts `codemint`. Nothing is in its environment but what is given here, and what is `inherited`.
  /// - Parameters:
  ///   - program: The path of another build of the binary.
  ///   - output: Where its standard output goes; nil to read it here.
  ///   - errors: Where its standard error goes; nil to read it here.
  package init(
    _ arguments: [String],
    environment: [String: String],
    program: String = Binary.path,
    output elsewhere: Int32? = nil,
    errors otherErrors: Int32? = nil
  ) throws {
    var environment = environment
    for name in Self.inherited {
      environment[name] = ProcessInfo.processInfo.environment[name]
    }
    let (outputReading, outputWriting) = try Spawn.pipe()
    let (errorsReading, errorsWriting) = try Spawn.pipe()
    defer {
      close(outputWriting)
      close(errorsWriting)
    }
    output.read(outputReading)
    errors.read(errorsReading)
    process = try Spawn.run(
      program,
      arguments,
      environment: environment,
      files: [nil, elsewhere ?? outputWriting, otherErrors ?? errorsWriting]
    )
    Undertaker.born(process)
    Thread.detachNewThread { [self] in awaitEnding() }
  }

  /// Sends a signal, unless the process has ended.
  package func send(_ signal: Int32) {
    isGone.withLock { isGone in
      if !isGone { _ = kill(process, signal) }
    }
  }

  /// Whether it has ended.
  package var hasEnded: Bool { ending.now != nil }

  /// Waits for the end, and until everything that it wrote has been read.
  package func end() async throws -> Ending {
    let ending = try await ending.first { $0 }
    _ = try await everything()
    return ending
  }

  /// Kills the process if it still runs, and waits for its end even if the test is cancelled.
  package func bury() async {
    send(SIGKILL)
    _ = try? await Task { try await ending.first { $0 } }.value
  }

  /// Everything that it has written, when both outputs have ended.
  package func everything() async throws -> [String] {
    try await output.whole() + errors.whole()
  }

  private func awaitEnding() {
    var information = siginfo_t()
    // Only looks: until the process is reaped nobody else can have its id.
    while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
    var raw: Int32 = 0
    isGone.withLock { isGone in
      isGone = true
      waitpid(process, &raw, 0)
    }
    Undertaker.ended(process)
    let signal = raw & 0x7f
    let result: Ending = signal == 0 ? .status((raw >> 8) & 0xff) : .signal(signal)
    ending.change { $0 = result }
  }
}

/// The system refused something that a test needs.
package struct SystemRefusal: Error, CustomStringConvertible {
  package let description: String

  /// - Parameter number: What the call left in `errno`.
  package init(_ call: String, _ number: Int32 = errno) {
    description = "\(call): \(String(cString: strerror(number)))"
  }
}

extension Spawn {
  /// A pipe whose ends no other program inherits.
  package static func pipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0 else { throw SystemRefusal("pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }
}
