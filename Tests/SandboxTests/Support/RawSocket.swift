import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A TCP connection read byte by byte with the system's own calls: no HTTP client tidies up what the
/// sandbox really sent. Each call blocks a thread of its own, never one that the server needs.
final class RawSocket: Sendable {
  struct Failure: Error {
    let call: String
    let number: Int32
  }

  private let descriptor: Int32
  private let unread = Mutex<[UInt8]>([])

  private init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  static func connect(port: Int) async throws -> RawSocket {
    try await onThread {
      #if canImport(Glibc)
        let stream = Int32(SOCK_STREAM.rawValue)
      #else
        let stream = SOCK_STREAM
      #endif
      let descriptor = socket(AF_INET, stream, 0)
      guard descriptor >= 0 else { throw Failure(call: "socket", number: errno) }
      // A bug must end in a failed test, not in one that never ends.
      var patience = timeval(tv_sec: 60, tv_usec: 0)
      setsockopt(
        descriptor,
        SOL_SOCKET,
        SO_RCVTIMEO,
        &patience,
        socklen_t(MemoryLayout<timeval>.size)
      )
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard result == 0 else {
        close(descriptor)
        throw Failure(call: "connect", number: errno)
      }
      return RawSocket(descriptor: descriptor)
    }
  }

  func send(_ text: String) async throws {
    try await Self.onThread { [self] in
      let bytes = Array(text.utf8)
      var sent = 0
      while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { throw Failure(call: "send", number: errno) }
        sent += count
      }
    }
  }

  /// Closes the way to the server and back, as a client does that has run out of patience.
  func hangUp() {
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  /// Reads one answer, or what there is of it until the connection ends.
  func readAnswer() async throws -> WireAnswer {
    try await Self.onThread { [self] in
      var bytes = unread.withLock { exchange(&$0, with: []) }
      while true {
        if let answer = WireAnswer(complete: bytes) {
          unread.withLock { $0 = Array(bytes.dropFirst(answer.byteCount)) }
          return answer
        }
        if let ending = readSome(into: &bytes) { return WireAnswer(part: bytes, ending: ending) }
      }
    }
  }

  /// Reads until the connection ends.
  func readEnding() async throws -> WireAnswer.Ending {
    try await Self.onThread { [self] in
      var bytes: [UInt8] = []
      while true {
        if let ending = readSome(into: &bytes) { return ending }
      }
    }
  }

  /// Reads what has arrived by the next call of the system that returns something.
  func readSome() async throws -> String {
    try await Self.onThread { [self] in
      var bytes: [UInt8] = []
      _ = readSome(into: &bytes)
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private func readSome(into bytes: inout [UInt8]) -> WireAnswer.Ending? {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(descriptor, &piece, piece.count)
    if count > 0 {
      bytes += piece[..<count]
      return nil
    }
    if count == 0 { return .closed }
    return errno == ECONNRESET ? .reset : .failed(errno)
  }

  private static func onThread<Result: Sendable>(
    _ work: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(with: Swift.Result { try work() })
      }
    }
  }
}

private func exchange<Value>(_ place: inout Value, with value: Value) -> Value {
  let old = place
  place = value
  return old
}
