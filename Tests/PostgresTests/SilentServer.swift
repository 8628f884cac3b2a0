import Glibc

/// A TCP socket on loopback that lets clients connect, by the kernel's doing, and never says a word.
final class SilentServer {
  let port: Int
  private let listener: Int32
  private var fillers: [Int32] = []

  struct Failed: Error {}

  /// - Parameter isFull: Whether its queue is full, so that the kernel drops what comes next: to
  ///   a client that is an address from which nothing ever comes back.
  init(isFull: Bool = false) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let code = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, size) + getsockname(listener, address, &size)
          + listen(listener, isFull ? 0 : 16)
      }
    }
    guard code == 0 else { throw Failed() }
    port = Int(UInt16(bigEndian: address.sin_port))
    if isFull {
      for _ in 0..<4 {
        let filler = socket(
          AF_INET,
          Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK,
          0
        )
        fillers.append(filler)
        withUnsafePointer(to: &address) { address in
          address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            _ = connect(filler, address, size)
          }
        }
      }
    }
  }

  deinit {
    for filler in fillers { close(filler) }
    close(listener)
  }

  /// Blocks until somebody connects.
  func awaitClient() {
    var poll = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    _ = Glibc.poll(&poll, 1, -1)
  }
}
