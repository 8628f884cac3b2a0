import Synchronization

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
