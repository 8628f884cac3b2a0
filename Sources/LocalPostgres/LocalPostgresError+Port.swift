import Foundation

extension LocalPostgresError {
  /// Whether the server's log says that somebody else has the port. The server's messages are in
  /// the caller's language, the system's within them too; the errno's own text is what both share.
  var isPortTaken: Bool {
    code == .startFailed && description.contains(String(cString: strerror(EADDRINUSE)))
  }
}
