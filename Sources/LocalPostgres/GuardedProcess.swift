import Foundation
import Synchronization

/// A program that cannot outlive this process, not even if this process is killed with SIGKILL.
///
/// Between the two stands a small shell, the guard, in a session of its own, so that Ctrl-C in a
/// terminal reaches neither guard nor program. The guard waits at the reading end of a pipe whose
/// only writing end is this process's; the end of the pipe is the end of the owner, however it
/// came, and the guard then stops the program.
final class GuardedProcess: Sendable {
  /// What the guard runs; `$@` is the program. Descriptor 3 is the owner's pipe.
  ///
  /// The owner may have stopped (SIGSTOP) the program and its children before it died: they are
  /// continued first, since a stopped process takes no other signal. SIGQUIT is the server's
  /// immediate shutdown.
  private static let script = """
    "$@" 3<&- &
    program=$!
    (
      read -r nothing <&3
      children=$(cat "/proc/$program/task/$program/children" 2>/dev/null)
      kill -CONT $program $children 2>/dev/null
      kill -QUIT $program 2>/dev/null
    ) &
    watch=$!
    wait $program
    status=$?
    kill $watch 2>/dev/null
    exit $status
    """

  private let ownersEnd: FileDescriptor
  private let ending: Ending

  /// Starts a program.
  /// - Parameters:
  ///   - arguments: The program's absolute path and its arguments.
  ///   - log: The file to which it writes both its outputs.
  ///   - heir: A descriptor that guard and program keep open as long as they live.
  init(
    _ arguments: [String],
    log: String,
    heir: FileDescriptor?
  ) throws(LocalPostgresError) {
    let (reading, writing) = try FileDescriptor.pipe()
    ownersEnd = writing
    ending = Ending(
      of: try Spawn.shell(Self.script, arguments, input: reading, heir: heir, log: log)
    )
  }

  /// The exit status of the program, or nil while it runs. 128 and more is a signal.
  var status: Int32? { ending.status }

  /// Waits for the program's end.
  func exit() async -> Int32 { await ending.wait() }
}

/// The end of a child process: reaped by a thread, asked for by anybody.
final class Ending: Sendable {
  private struct State {
    var status: Int32?
    var waiting: [CheckedContinuation<Int32, Never>] = []
  }

  private let state = Mutex(State())

  /// Begins to wait for `process`, a child of this one.
  init(of process: pid_t) {
    Thread.detachNewThread { [self] in
      var raw: Int32 = 0
      while waitpid(process, &raw, 0) == -1, errno == EINTR {}
      let signal = raw & 0x7f
      finish(signal == 0 ? (raw >> 8) & 0xff : 128 + signal)
    }
  }

  private func finish(_ status: Int32) {
    let waiting = state.withLock { state in
      state.status = status
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: status) }
  }

  /// The exit status as a shell counts it, 128 and more being a signal; nil while it runs.
  var status: Int32? { state.withLock { $0.status } }

  /// Waits for the end.
  func wait() async -> Int32 {
    await withCheckedContinuation { continuation in
      let status = state.withLock { state -> Int32? in
        if state.status == nil { state.waiting.append(continuation) }
        return state.status
      }
      if let status { continuation.resume(returning: status) }
    }
  }
}

/// Removes a directory when everybody who has to do with it is gone.
///
/// It waits for the end of a pipe whose writing end is shared by this process and, inherited, by
/// every guard and server process: the pipe ends with the last of them.
final class DirectoryKeeper: Sendable {
  private static let script = """
    read -r nothing <&3
    rm -rf -- "$1"
    """

  private let writing: Mutex<FileDescriptor?>
  private let ending: Ending

  /// Begins to keep `directory`.
  init(_ directory: String) throws(LocalPostgresError) {
    let (reading, writing) = try FileDescriptor.pipe()
    self.writing = Mutex(writing)
    ending = Ending(
      of: try Spawn.shell(Self.script, [directory], input: reading, log: "/dev/null")
    )
  }

  /// The writing end, for a guard to inherit; nil once released.
  var share: FileDescriptor? { writing.withLock { $0 } }

  /// Gives up this process's share, and waits until the directory is gone.
  func release() async {
    writing.withLock { $0 = nil }
    _ = await ending.wait()
  }
}
