import Backstage
import Foundation

/// Connections to a web server that do nothing.
final class Crowd {
  private var sockets: [Int32] = []

  /// Connects so many times.
  /// - Parameter path: What each asks for, without reading the answer; nil to ask for nothing.
  init(of count: Int, at address: String, asking path: String? = nil) throws {
    var limit = rlimit()
    getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = in_port_t(address.split(separator: ":").last ?? "")?.bigEndian ?? 0
    place.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
    for _ in 0..<count {
      let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      guard socket >= 0 else { throw SystemRefusal("socket") }
      sockets.append(socket)
      let result = withUnsafePointer(to: place) { place in
        place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard result == 0 else { throw SystemRefusal("connect") }
      if let path {
        let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n"
        _ = send(socket, request, request.utf8.count, Int32(MSG_NOSIGNAL))
      }
    }
  }

  deinit {
    leave()
  }

  /// Closes all of them.
  func leave() {
    for socket in sockets { close(socket) }
    sockets = []
  }
}
