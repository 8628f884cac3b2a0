import Backstage
import Foundation

/// The service manager's end of `NOTIFY_SOCKET`: each datagram is a line.
final class NotifyListener: Sendable {
  /// What was told so far, and what will be.
  let told = Lines()
  private let socket: Int32

  /// - Parameter path: Where the socket is made.
  init(_ path: String) throws {
    socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let socket = socket
    let code = withUnsafePointer(to: address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(socket, address, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else { throw SystemRefusal("bind \(path)") }
    Thread.detachNewThread { [told] in
      var datagram = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = recv(socket, &datagram, datagram.count, 0)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        told.add(String(decoding: datagram.prefix(count), as: UTF8.self))
      }
      close(socket)
    }
  }

  deinit {
    shutdown(socket, Int32(SHUT_RDWR))
  }
}
