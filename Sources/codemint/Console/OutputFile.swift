import Glibc

/// A file that gets its name when it is complete, so that nobody finds a part of it. Only its owner may
/// read it, because codes are worth money. A path that leads to no regular file, such as `/dev/stdout` or a
/// named pipe, is written to directly, because a rename would replace it. A link to a file is refused: it
/// would be replaced too, or codes would go where whoever made the link wants them. So is a pipe, a socket
/// or a link that another user made, as anybody can in a directory like `/tmp`.
///
/// Until it is complete the file has no name at all, so nothing is left of it whatever ends the process.
/// A file system that cannot do that gets a draft with a name, which signals remove (`DraftOnSignal`).
struct OutputFile {
  private enum Draft {
    /// It is written to in place.
    case none
    case unnamed
    case named(String)
  }

  private let path: String
  private let draft: Draft
  private let descriptor: FileDescriptor

  /// Creates the draft in the directory of the final path, or opens the path if it is not a regular file.
  ///
  /// - Parameter mayBeUnnamed: False to test what happens on file systems without unnamed files.
  /// - Throws: `CommandError` with the reason.
  init(_ path: String, mayBeUnnamed: Bool = true) throws(CommandError) {
    self.path = path
    let (draft, number) = try Self.open(path, mayBeUnnamed: mayBeUnnamed)
    guard number >= 0 else { throw Self.failure(path) }
    self.draft = draft
    descriptor = FileDescriptor(number: number)
  }

  private static func open(_ path: String, mayBeUnnamed: Bool) throws(CommandError) -> (
    Draft, Int32
  ) {
    if let number = try openInPlace(path) { return (.none, number) }
    if mayBeUnnamed {
      let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
      let number = Glibc.open(directory, O_WRONLY | unnamed | O_CLOEXEC, 0o600)
      if number >= 0 {
        if access(link(to: number), F_OK) == 0 { return (.unnamed, number) }
        close(number)
      }
    }
    let name = draftName(path)
    DraftOnSignal.remove(name)
    return (.named(name), Glibc.open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600))
  }

  /// `O_TMPFILE`, which Swift does not import: a file without a name (source: open(2)).
  private static let unnamed = 0o20_000_000 | O_DIRECTORY

  private static func draftName(_ path: String) -> String { "\(path).\(getpid()).partial" }

  private static func link(to number: Int32) -> String { "/proc/self/fd/\(number)" }

  /// Appends the text.
  func write(_ text: String) throws(OutputError) {
    try descriptor.write(text, to: path)
  }

  /// Writes everything to disk and gives the file its name.
  func finish() throws(CommandError) {
    if case .none = draft { return _ = close(descriptor.number) }
    guard fsync(descriptor.number) == 0, named(), close(descriptor.number) == 0 else {
      throw Self.failure(path)
    }
  }

  private func named() -> Bool {
    switch draft {
    case .none: return true
    case .named(let name):
      defer { DraftOnSignal.remove(nil) }
      return rename(name, path) == 0
    case .unnamed:
      if link(as: path) { return true }
      guard errno == EEXIST else { return false }
      // A link replaces no file, and a rename does.
      let name = Self.draftName(path)
      DraftOnSignal.remove(name)
      defer { DraftOnSignal.remove(nil) }
      guard link(as: name) else { return false }
      if rename(name, path) == 0 { return true }
      let reason = errno
      unlink(name)
      errno = reason
      return false
    }
  }

  private func link(as name: String) -> Bool {
    linkat(AT_FDCWD, Self.link(to: descriptor.number), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0
  }

  /// Removes the draft.
  func abandon() {
    close(descriptor.number)
    guard case .named(let name) = draft else { return }
    unlink(name)
    DraftOnSignal.remove(nil)
  }

  /// Opens what the path leads to if no file may take its place; nil if one may.
  private static func openInPlace(_ path: String) throws(CommandError) -> Int32? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    let isLink = kind(status) == S_IFLNK
    if isLink, !isTrusted(status) { throw refusal(path, "the link belongs to another user") }
    guard stat(path, &status) == 0 else {
      throw refusal(path, "it is a link that leads to nothing")
    }
    // /dev/stdout is a link to whatever standard output is, whoever made that.
    if isLink, let number = own(status) { return fcntl(number, F_DUPFD_CLOEXEC, 3) }
    switch kind(status) {
    case S_IFREG where !isLink: return nil
    case S_IFREG: throw refusal(path, "it is a link to a file; name the file itself")
    case S_IFBLK: throw refusal(path, "it is a disk")
    // Nobody but root can make a device.
    case S_IFCHR: break
    default:
      if !isTrusted(status) { throw refusal(path, "it belongs to another user") }
    }
    return try openChecked(path, status, isLink: isLink)
  }

  /// Opens what was looked at. Somebody may have put something else there meanwhile.
  private static func openChecked(_ path: String, _ looked: stat, isLink: Bool)
    throws(CommandError) -> Int32
  {
    let number = Glibc.open(path, O_WRONLY | O_CLOEXEC | (isLink ? 0 : O_NOFOLLOW))
    guard number >= 0 else { return number }
    var opened = stat()
    guard fstat(number, &opened) == 0, isSame(opened, looked) else {
      close(number)
      throw refusal(path, "something else was put there meanwhile")
    }
    return number
  }

  private static func isTrusted(_ status: stat) -> Bool {
    status.st_uid == 0 || status.st_uid == geteuid()
  }

  private static func isSame(_ one: stat, _ other: stat) -> Bool {
    one.st_dev == other.st_dev && one.st_ino == other.st_ino
  }

  private static func kind(_ status: stat) -> mode_t { status.st_mode & S_IFMT }

  /// Which of the standard outputs this file is.
  private static func own(_ file: stat) -> Int32? {
    [STDOUT_FILENO, STDERR_FILENO].first { number in
      var status = stat()
      return fstat(number, &status) == 0 && isSame(status, file)
    }
  }

  private static func refusal(_ path: String, _ reason: String) -> CommandError {
    CommandError(.ioError, "cannot write to \(path): \(reason)")
  }

  private static func failure(_ name: String) -> CommandError {
    CommandError(.ioError, "cannot write to \(name): \(String(cString: strerror(errno)))")
  }
}

/// Removes one file when a signal ends the process.
private enum DraftOnSignal {
  /// Read by the signal's handler, which may do nothing but unlink(2) and raise(3). Set by the thread
  /// that writes the file, before the file exists.
  nonisolated(unsafe) private static var path: UnsafeMutablePointer<CChar>?

  /// Signals that end no process by default, and SIGKILL, which nobody can handle (source: signal(7)).
  private static let harmless: Set<Int32> = [
    SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD, SIGURG, SIGWINCH,
  ]
  private static let signals = (1...64).filter { !harmless.contains($0) }

  /// Sets which file to remove; nil for none.
  static func remove(_ name: String?) {
    let before = path
    path = name.flatMap { strdup($0) }
    free(before)
    guard name != nil else { return }
    for number in signals {
      let disposition = signal(number) { number in
        if let path = DraftOnSignal.path { unlink(path) }
        signal(number, SIG_DFL)
        raise(number)
      }
      // nohup(1) and others let a signal be ignored, and then it ends nothing.
      if unsafeBitCast(disposition, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
        signal(number, SIG_IGN)
      }
    }
  }
}
