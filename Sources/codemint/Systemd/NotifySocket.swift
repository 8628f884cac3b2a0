import Glibc

/// Sends single datagrams to a unix socket.
enum NotifySocket {
  /// Sends one datagram.
  ///
  /// - Parameters:
  ///   - waits: Whether to wait, at most one second, for a receiver that does not read.
  ///   - address: A path, or a name in the abstract namespace. `@` stands for the zero byte at the
  ///     beginning of such a name (unix(7)).
  static func send(_ text: String, to address: String, waits: Bool = true)
    throws(ServiceManagerError)
  {
    guard address.hasPrefix("/") || address.hasPrefix("@") else {
      throw ServiceManagerError(description: "NOTIFY_SOCKET names no unix socket: \(address)")
    }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(address.utf8)
    // A path ends with a zero byte; a name in the abstract namespace begins with one.
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 } else { bytes.append(0) }
    guard bytes.count <= MemoryLayout.size(ofValue: name.sun_path) else {
      throw ServiceManagerError(description: "NOTIFY_SOCKET is too long: \(address)")
    }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
    let length = MemoryLayout.offset(of: \sockaddr_un.sun_path).map { $0 + bytes.count } ?? 0
    let descriptor = try openSocket()
    defer { close(descriptor) }
    let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
    let sent = withUnsafePointer(to: name) { name in
      name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
        retrying {
          sendto(
            descriptor,
            text,
            text.utf8.count,
            flags,
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
    // A service manager that does not read must not block the daemon for ever. The array has the
    // layout of a `timeval`: seconds and microseconds. Two C modules declare that type, and which one
    // the compiler finds is uncertain.
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

/// Why a message could not be sent to the service manager.
struct ServiceManagerError: Error, Equatable, CustomStringConvertible {
  /// What happened, with the operating system's reason.
  let description: String
}
