internal import Glibc

/// Sends one datagram to a unix socket.
enum NotifySocket {
  /// - Parameters:
  ///   - address: A path, or a name in the abstract namespace with `@` for its first byte, which
  ///     is a zero (unix(7)).
  static func send(_ text: String, to address: String) throws(ServiceManagerError) {
    guard address.hasPrefix("/") || address.hasPrefix("@") else {
      throw ServiceManagerError(description: "NOTIFY_SOCKET names no unix socket: \(address)")
    }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(address.utf8)
    // A path needs a zero after it, a name in the abstract namespace begins with one.
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 } else { bytes.append(0) }
    guard bytes.count <= MemoryLayout.size(ofValue: name.sun_path) else {
      throw ServiceManagerError(description: "NOTIFY_SOCKET is too long: \(address)")
    }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
    let length = MemoryLayout.offset(of: \sockaddr_un.sun_path).map { $0 + bytes.count } ?? 0
    let descriptor = try openSocket()
    defer { close(descriptor) }
    let sent = withUnsafePointer(to: name) { name in
      name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
        retrying {
          sendto(
            descriptor,
            text,
            text.utf8.count,
            Int32(MSG_NOSIGNAL),
            name,
            socklen_t(length)
          )
        }
      }
    }
    guard sent == text.utf8.count else { throw failure("send to", address) }
  }

  private static func openSocket() throws(ServiceManagerError) -> Int32 {
    let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = Glibc.socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { throw failure("open a socket for", "NOTIFY_SOCKET") }
    // A manager that does not read must not hold up the daemon for ever.
    // Seconds and microseconds, which is all that a `timeval` is; the type itself belongs to
    // whichever C module the compiler meets first.
    var limit = [1, 0]
    let size = socklen_t(MemoryLayout<Int>.size * limit.count)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    return descriptor
  }

  private static func retrying(_ call: () -> Int) -> Int {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }

  private static func failure(_ deed: String, _ address: String) -> ServiceManagerError {
    let reason = String(cString: strerror(errno))
    return ServiceManagerError(description: "could not \(deed) \(address): \(reason)")
  }
}
