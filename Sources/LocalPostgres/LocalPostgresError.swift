import Foundation

/// Why there is no local server.
public struct LocalPostgresError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure. More may be added: switch with a `default`.
  public struct Code: Hashable, Sendable {
    private let name: String

    private init(_ name: String) { self.name = name }

    /// The server's programs are not installed.
    public static let binariesMissing = Code("binariesMissing")
    /// The temporary directory could not be made or written.
    public static let directoryFailed = Code("directoryFailed")
    /// A program could not be run or failed.
    public static let commandFailed = Code("commandFailed")
    /// The server did not come up, or not in time.
    public static let startFailed = Code("startFailed")
    /// The server did not stop in time.
    public static let stopFailed = Code("stopFailed")
    /// The server is not in the state that the call needs.
    public static let wrongState = Code("wrongState")
  }

  /// The kind of failure.
  public let code: Code
  /// What happened, with the end of the server's log where that tells more.
  public let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}

extension LocalPostgresError {
  /// Whether the server's log says that somebody else has the port. The server's messages are in
  /// the caller's language, the system's within them too; the errno's own text is what both share.
  var isPortTaken: Bool {
    code == .startFailed && description.contains(String(cString: strerror(EADDRINUSE)))
  }
}
