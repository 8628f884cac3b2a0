import Foundation
import Glibc

/// Unbuffered output of a command. Everything that codemint prints goes through here, so that there is
/// one answer to each thing that can go wrong: a full pipe is waited for, a reader that is gone ends the
/// command quietly, and anything else ends it with status 74.
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

  /// Writes the whole text, or throws.
  ///
  /// - Parameter name: The destination, for the error; nil for the standard outputs.
  func write(_ text: String, to name: String? = nil) throws(OutputError) {
    var text = text
    let failure = text.withUTF8 { bytes -> Int32? in
      var written = 0
      while written < bytes.count {
        let rest = bytes.baseAddress.map { $0 + written }
        let count = Glibc.write(number, rest, bytes.count - written)
        if count >= 0 {
          written += count
        } else if errno == EAGAIN {
          // Another process that shares the pipe or terminal made it non-blocking.
          var ready = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
          poll(&ready, 1, -1)
        } else if errno != EINTR {
          return errno
        }
      }
      return nil
    }
    if let failure { throw OutputError(failure, writingTo: name ?? standardName) }
  }

  /// Writes a line or several, or throws. What somebody else wrote, such as a note or a message, may be
  /// among them, so characters that control a terminal are escaped.
  func line(_ text: String = "") throws(OutputError) {
    try write(Escaping.lines(text) + "\n")
  }

  /// Writes a value in the format of every `--json`: indented, with sorted keys.
  func json(_ value: some Encodable) throws {
    try line(try Self.jsonText(value))
  }

  /// The same as a text.
  static func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// A value on one line, so that it is found among lines of text.
  static func jsonLine(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// Throws if nobody can read any more what will be written, as a command that writes seldom would
  /// otherwise learn too late or never.
  func checkReader() throws(OutputError) {
    var state = pollfd(fd: number, events: 0, revents: 0)
    guard poll(&state, 1, 0) > 0, state.revents & Int16(POLLERR | POLLHUP) != 0 else { return }
    throw .readerGone
  }

  private var standardName: String {
    number == STDERR_FILENO ? "standard error" : "standard output"
  }
}

/// Why output could not be written.
enum OutputError: Error, Equatable, CustomStringConvertible {
  /// The reader of the pipe is gone, so it wants no more. The command ends as by SIGPIPE: quietly, and
  /// with a status that says that the output is incomplete.
  case readerGone
  /// Anything else. The text names the destination and the reason.
  case failed(String)

  init(_ number: Int32, writingTo name: String) {
    self =
      number == EPIPE
      ? .readerGone : .failed("cannot write to \(name): \(String(cString: strerror(number)))")
  }

  var description: String {
    switch self {
    case .readerGone: "nobody reads the output any more"
    case .failed(let reason): reason
    }
  }
}

/// What a command says to a person beside its output.
enum Complaint {
  /// Says a line on standard error, escaped as every line. If that cannot be written, nobody can be told, so it is dropped. A
  /// reader that does not read is waited for, but not for ever: the daemon says its last words here.
  static func say(_ text: String) {
    let bytes = Array((Escaping.lines(text) + "\n").utf8)
    var rest = bytes[...]
    while !rest.isEmpty {
      var ready = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
      let state = poll(&ready, 1, patience)
      if state < 0, errno == EINTR { continue }
      guard state > 0 else { return }
      // A pipe that is ready has room for so much, so that write(2) does not wait.
      let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, min($0.count, 4096)) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR, errno != EAGAIN {
        return
      }
    }
  }

  /// In milliseconds.
  private static let patience: Int32 = 2000
}

extension FileDescriptor {
  /// Opens /dev/null on standard input, output and error if they are closed. Otherwise the next file or
  /// connection that is opened would get the number, and output would go into it.
  ///
  /// They are opened for the wrong direction, so that output which somebody asked for and which has
  /// nowhere to go is still an error.
  static func openStandard() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
      // The lowest free number, which is this one.
      _ = open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }
}
