import Foundation
import Glibc

/// Unbuffered output of a command: standard output or standard error.
struct FileDescriptor: Sendable {
  let number: Int32

  static let standardOutput = FileDescriptor(number: STDOUT_FILENO)
  static let standardError = FileDescriptor(number: STDERR_FILENO)

  /// Whether it is a terminal.
  var isTerminal: Bool { isatty(number) == 1 }

  /// The terminal's columns, or 80 if they are unknown.
  var width: Int {
    var size = winsize()
    guard ioctl(number, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// The terminal's lines, or 24 if they are unknown.
  var height: Int {
    var size = winsize()
    guard ioctl(number, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return 24 }
    return Int(size.ws_row)
  }

  /// Writes the whole text. If the reader is gone, the rest is dropped.
  func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        return
      }
    }
  }

  /// Writes a line.
  func line(_ text: String = "") {
    write(text + "\n")
  }
}

extension FileDescriptor {
  /// Writes a value in the format of every `--json`: indented, with sorted keys.
  func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    line(String(decoding: try encoder.encode(value), as: UTF8.self))
  }
}

/// A file that is written under another name and renamed when it is complete, so that nobody finds a
/// part of it. Only its owner may read it, because codes are worth money. A path that is not a regular
/// file, such as `/dev/stdout` or a named pipe, is written to directly: a rename would replace it.
struct OutputFile {
  private let path: String
  /// The name until the file is complete; nil if it is written to in place.
  private let draft: String?
  private let descriptor: FileDescriptor

  /// Creates the draft beside the final path, or opens the path if it is not a regular file.
  /// - Throws: `CommandError` with the reason.
  init(_ path: String) throws(CommandError) {
    self.path = path
    draft = Self.isSpecial(path) ? nil : "\(path).\(getpid()).partial"
    let number =
      draft.map { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
      ?? open(path, O_WRONLY | O_CLOEXEC)
    guard number >= 0 else { throw Self.failure(path) }
    descriptor = FileDescriptor(number: number)
  }

  /// Appends the text.
  func write(_ text: String) throws(CommandError) {
    try descriptor.writeAll(text, to: path)
  }

  /// Writes everything to disk and renames the draft.
  func finish() throws(CommandError) {
    guard let draft else { return _ = close(descriptor.number) }
    guard fsync(descriptor.number) == 0, close(descriptor.number) == 0, rename(draft, path) == 0
    else { throw Self.failure(path) }
  }

  /// Removes the draft.
  func abandon() {
    close(descriptor.number)
    if let draft { unlink(draft) }
  }

  private static func isSpecial(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
  }

  fileprivate static func failure(_ name: String) -> CommandError {
    CommandError(.ioError, "cannot write to \(name): \(String(cString: strerror(errno)))")
  }
}

extension FileDescriptor {
  /// Writes the whole text, or throws.
  /// - Throws: `CommandError` that names the destination.
  func writeAll(_ text: String, to name: String = "standard output") throws(CommandError) {
    var text = text
    let isWhole = text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let rest = bytes.baseAddress.map { $0 + written }
        let count = Glibc.write(number, rest, bytes.count - written)
        if count > 0 { written += count } else if errno != EINTR { return false }
      }
      return true
    }
    if !isWhole { throw OutputFile.failure(name) }
  }
}
