import Foundation

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
