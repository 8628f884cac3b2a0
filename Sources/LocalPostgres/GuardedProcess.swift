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
