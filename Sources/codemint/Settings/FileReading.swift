internal import Glibc

/// Reads small files whole. A missing file and an unreadable file are different errors.
enum FileReading {
  /// Why a file was not read.
  enum Failure: Error, Equatable {
    case missing
    /// With the operating system's reason.
    case unreadable(String)
  }

  /// The most bytes that are read. No settings file is larger, but a device may have no end.
  static let largest = 1 << 20

  static func bytes(_ path: String) throws(Failure) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw errno == ENOENT ? .missing : failure() }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = read(file, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure() }
      if count == 0 { return bytes }
      bytes += chunk.prefix(count)
      guard bytes.count <= largest else { throw .unreadable("larger than \(largest) bytes") }
    }
  }

  /// The text of the file; nil if it cannot be read.
  static func text(_ path: String) -> String? {
    (try? bytes(path)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether this process may read the file.
  static func isReadable(_ path: String) -> Bool {
    access(path, R_OK) == 0
  }

  private static func failure() -> Failure {
    .unreadable(String(cString: strerror(errno)))
  }
}
