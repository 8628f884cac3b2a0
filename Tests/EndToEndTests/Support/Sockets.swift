import Backstage
import Foundation

/// A port at which everybody who connects is counted, and thrown out again or kept in silence.
final class ClosedDoor: Sendable {
  /// On 127.0.0.1.
  let port: Int
  private let knocked = Watched(0)
  private let socket: Int32

  /// - Parameter isSilent: Whether visitors are kept, and hear nothing.
  init(isSilent: Bool = false) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let socket = socket
    let code = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard bind(socket, address, size) == 0, listen(socket, 16) == 0 else { return Int32(-1) }
        return getsockname(socket, address, &size)
      }
    }
    guard code == 0 else { throw SystemRefusal("listen") }
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [knocked] in
      var kept: [Int32] = []
      while true {
        let visitor = accept(socket, nil, nil)
        if visitor < 0, errno == EINTR || errno == ECONNABORTED { continue }
        guard visitor >= 0 else { break }
        if isSilent { kept.append(visitor) } else { close(visitor) }
        knocked.change { $0 += 1 }
      }
      for visitor in kept { close(visitor) }
      close(socket)
    }
  }

  deinit {
    // Ends the thread's `accept`; the thread closes what it used.
    shutdown(socket, Int32(SHUT_RDWR))
  }

  /// Waits until so many have knocked.
  func knocks(_ number: Int) async throws {
    _ = try await knocked.first { $0 >= number ? true : nil }
  }
}

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
