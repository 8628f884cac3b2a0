import Foundation
import Glibc
import Synchronization

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

/// A TCP proxy on loopback that passes everything on, until it is told to swallow everything: then
/// both ends stay connected to it and hear nothing more, as when a firewall forgets a connection.
final class SwallowingProxy: Sendable {
  /// On 127.0.0.1.
  let port: Int
  private let target: Int
  private let listener: Int32
  private let swallows = Mutex(false)

  struct Failed: Error {}

  /// - Parameter target: The port on 127.0.0.1 that it leads to.
  init(to target: Int) throws {
    self.target = target
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = Self.address(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let code = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, size) + getsockname(listener, address, &size)
          + listen(listener, 16)
      }
    }
    guard code == 0 else { throw Failed() }
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [weak self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0, let self else { return }
        self.serve(client)
      }
    }
  }

  deinit {
    // Ends the thread's `accept`.
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// From now on nothing is passed on, or everything again.
  func swallow(_ swallows: Bool) {
    self.swallows.withLock { $0 = swallows }
  }

  private func serve(_ client: Int32) {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var address = Self.address(target)
    let code = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        connect(server, address, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else {
      close(client)
      close(server)
      return
    }
    for (from, to) in [(client, server), (server, client)] {
      Thread.detachNewThread { self.pump(from, to) }
    }
  }

  /// Each descriptor is shut down and never closed, so that the other thread cannot meet a number
  /// that has come to mean something else; they go with the test's process.
  private func pump(_ from: Int32, _ to: Int32) {
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = read(from, &chunk, chunk.count)
      guard count > 0 else { break }
      if swallows.withLock({ $0 }) { continue }
      // A client that has gone is the end of this, and of nothing else: `write` would raise SIGPIPE.
      guard send(to, chunk, count, Int32(MSG_NOSIGNAL)) == count else { break }
    }
    shutdown(from, Int32(SHUT_RDWR))
    if !swallows.withLock({ $0 }) { shutdown(to, Int32(SHUT_RDWR)) }
  }

  private static func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}
