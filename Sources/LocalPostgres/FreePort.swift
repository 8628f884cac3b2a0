import Foundation

/// Finds a TCP port that nobody uses.
public enum FreePort {
  /// A port on 127.0.0.1 that was free a moment ago.
  public static func find() throws(LocalPostgresError) -> Int {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard socket >= 0 else { throw failed() }
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(socket, address, size) == 0 ? getsockname(socket, address, &size) : -1
      }
    }
    guard code == 0 else { throw failed() }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  private static func failed() -> LocalPostgresError {
    LocalPostgresError(.startFailed, "no free port: \(String(cString: strerror(errno)))")
  }
}
