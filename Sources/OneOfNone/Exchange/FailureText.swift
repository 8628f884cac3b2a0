internal import AsyncHTTPClient
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Says in words for people what a failure of the network was. Only words: what a failure proves
/// is never read from its type, since the same errors come before and after a body went out.
enum FailureText {
  static func describe(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      describe(error)
    case let error as HTTPClientError:
      describe(error)
    case let error as NIOSSLError:
      if case .handshakeFailed(let cause) = error {
        "the TLS handshake failed: \(cause)"
      } else {
        "TLS failed: \(error)"
      }
    case let error as IOError:
      "the connection failed: \(error)"
    case is ChannelError:
      "the connection was closed"
    default:
      "the connection failed: \(error)"
    }
  }

  private static func describe(_ error: NIOConnectionError) -> String {
    let place = "\(error.host), port \(error.port)"
    if let cause = error.connectionErrors.first {
      return "cannot connect to \(place): \(cause.error)"
    }
    if let cause = error.dnsAError ?? error.dnsAAAAError {
      return "the name \(error.host) cannot be resolved: \(cause)"
    }
    return "cannot connect to \(place)"
  }

  private static func describe(_ error: HTTPClientError) -> String {
    if error == .connectTimeout { return "the connection could not be opened in time" }
    if error == .remoteConnectionClosed { return "the server closed the connection" }
    if error == .tlsHandshakeTimeout { return "the TLS handshake did not end in time" }
    return "the HTTP client failed: \(error)"
  }
}
