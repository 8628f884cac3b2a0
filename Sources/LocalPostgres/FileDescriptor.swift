import Foundation

/// Owns an open file descriptor.
final class FileDescriptor: Sendable {
  let number: Int32

  /// `SOCK_CLOEXEC`, which the headers define as O_CLOEXEC.
  private static let closeOnExec = O_CLOEXEC

  private init(_ number: Int32) {
    self.number = number
  }

  deinit {
    close(number)
  }

  /// A pipe, both ends closed in any program that this process starts.
  ///
  /// In truth a pair of sockets, since a pipe cannot be made so in one step from Swift: another
  /// thread that starts a program between two steps would hand the ends on. From 10 on, so that the ends stay clear of the low numbers that a child is given them under.
  static func pipe() throws(LocalPostgresError) -> (
    reading: FileDescriptor, writing: FileDescriptor
  ) {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0, &ends) == 0 else {
      throw refused()
    }
    let low = ends.map(FileDescriptor.init)
    return (try low[0].moved(), try low[1].moved())
  }

  private func moved() throws(LocalPostgresError) -> FileDescriptor {
    let copy = fcntl(number, F_DUPFD_CLOEXEC, 10)
    guard copy >= 0 else { throw Self.refused() }
    return FileDescriptor(copy)
  }

  private static func refused() -> LocalPostgresError {
    LocalPostgresError(
      .commandFailed,
      "the system refused a pipe: \(String(cString: strerror(errno)))"
    )
  }
}
