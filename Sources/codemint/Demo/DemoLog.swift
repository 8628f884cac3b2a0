import Foundation

/// The daemon's log during a demo: a file beside the private database, so that bars stay bars.
struct DemoLog {
  let path: String
  let descriptor: Int32

  init(directory: String) throws {
    path = "\(directory)/codemint.log"
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CommandError(
        .unavailable,
        "cannot write \(path): \(String(cString: strerror(errno)))"
      )
    }
  }
}
