import Glibc

/// A file that is written beside its place and takes it when it is whole, so that nobody finds half
/// of it under its name. Only its owner may read it: what is written here may be worth money.
struct OutputFile {
  private let path: String
  private let draft: String
  private let descriptor: FileDescriptor

  /// Opens the file's draft.
  /// - Throws: `CommandError` saying why that cannot be.
  init(_ path: String) throws(CommandError) {
    self.path = path
    draft = "\(path).\(getpid()).partial"
    let number = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw Self.failure(path) }
    descriptor = FileDescriptor(number: number)
  }

  /// Writes on.
  func write(_ text: String) throws(CommandError) {
    try descriptor.writeAll(text, to: path)
  }

  /// Puts the file into its place.
  func finish() throws(CommandError) {
    guard fsync(descriptor.number) == 0, close(descriptor.number) == 0, rename(draft, path) == 0
    else { throw Self.failure(path) }
  }

  /// Leaves nothing behind.
  func abandon() {
    close(descriptor.number)
    unlink(draft)
  }

  fileprivate static func failure(_ name: String) -> CommandError {
    CommandError(.ioError, "cannot write to \(name): \(String(cString: strerror(errno)))")
  }
}

extension FileDescriptor {
  /// Writes text whole, to whoever must not miss a part of it.
  /// - Throws: `CommandError` naming where it could not be written to.
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
