import Foundation
import Glibc
import Testing

@testable import codemint

@Suite("files that commands write")
struct OutputFileTests {
  @Test(
    "a file is there when it is complete, and not before; only its owner may read it",
    arguments: [true, false]
  )
  func complete(mayBeUnnamed: Bool) throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/codes.csv"
    let file = try OutputFile(path, mayBeUnnamed: mayBeUnnamed)
    try file.write("id,code\n")
    #expect(access(path, F_OK) != 0)
    try file.finish()
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(try Self.names(in: scratch) == ["codes.csv"])
  }

  @Test("a file that exists is replaced at once, or stays as it was", arguments: [true, false])
  func replaced(mayBeUnnamed: Bool) throws {
    let scratch = try Scratch()
    let path = try scratch.file("codes.csv", "old")
    let abandoned = try OutputFile(path, mayBeUnnamed: mayBeUnnamed)
    try abandoned.write("new")
    abandoned.abandon()
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
    let file = try OutputFile(path, mayBeUnnamed: mayBeUnnamed)
    try file.write("new")
    try file.finish()
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
    #expect(try Self.names(in: scratch) == ["codes.csv"])
  }

  @Test("until it is complete it has no name at all, so nothing that kills the process leaves it")
  func unnamed() throws {
    let scratch = try Scratch()
    let file = try OutputFile("\(scratch.path)/codes.csv")
    try file.write("id,code\n")
    #expect(try Self.names(in: scratch) == [])
    file.abandon()
  }

  private static func names(in scratch: Scratch) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: scratch.path)
  }

  @Test("what is no regular file is written to, and no file takes its place")
  func special() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    // A reader that does not wait for a writer, so that the writer does not wait either.
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    let file = try OutputFile(path)
    try file.write("id,code\n")
    try file.finish()
    var bytes = [UInt8](repeating: 0, count: 64)
    #expect(read(reader, &bytes, bytes.count) == 8)
    close(reader)
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
  }
}

@Suite("links and devices that commands shall write to")
struct OutputPlaceTests {
  @Test(
    "a pipe or a link that another user put there is refused; standard output is whosever it is",
    .enabled(if: geteuid() == 0)
  )
  func others() throws {
    let scratch = try Scratch()
    let paths = ["pipe", "link"].map { "\(scratch.path)/\($0)" }
    #expect(mkfifo(paths[0], 0o666) == 0 && symlink("/dev/null", paths[1]) == 0)
    for path in paths {
      #expect(lchown(path, 65_534, 65_534) == 0)
      let error = #expect(throws: CommandError.self) { try OutputFile(path) }
      #expect(error?.description.contains("belongs to another user") == true)
    }
  }

  @Test("a link to a file, to nothing, or from one link to another is refused, and stays")
  func links() throws {
    let scratch = try Scratch()
    let file = try scratch.file("codes.csv", "old")
    let paths = ["link", "chain", "dangling"].map { "\(scratch.path)/\($0)" }
    for (path, target) in zip(paths, [file, paths[0], "\(scratch.path)/nothing"]) {
      #expect(symlink(target, path) == 0)
      let error = #expect(throws: CommandError.self) { try OutputFile(path) }
      #expect(error?.status == .ioError && error?.description.contains(path) == true)
      var status = stat()
      #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    }
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "old")
    #expect(access("\(scratch.path)/nothing", F_OK) != 0)
  }

  @Test("a device is written to and stays a device, also behind a link")
  func devices() throws {
    let scratch = try Scratch()
    let link = "\(scratch.path)/null"
    #expect(symlink("/dev/null", link) == 0)
    for path in ["/dev/null", link] {
      let file = try OutputFile(path)
      try file.write("id,code\n")
      try file.finish()
      var status = stat()
      #expect(stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }
    var status = stat()
    #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(throws: CommandError.self) { try OutputFile(scratch.path) }
  }
}

@Suite("what commands print")
struct OutputTests {
  @Test("a pipe that somebody made non-blocking is waited for, and loses nothing")
  func nonBlocking() async throws {
    let pipe = try Pipe()
    try #require(fcntl(pipe.writing, F_SETFL, O_NONBLOCK) == 0)
    let text = String(repeating: "x", count: 700_000) + "\n"
    let reader = pipe.lines(1)
    try FileDescriptor(number: pipe.writing).write(text)
    #expect(await reader.value == text)
  }

  @Test("a full disk and a closed descriptor are errors that name what could not be written")
  func failures() throws {
    let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
    defer { close(full) }
    let noSpace = OutputError.failed("cannot write to codes.csv: No space left on device")
    #expect(throws: noSpace) { try FileDescriptor(number: full).write("x", to: "codes.csv") }
    #expect(throws: OutputError.failed("cannot write to standard output: Bad file descriptor")) {
      try FileDescriptor(number: -1).line("x")
    }
  }

  @Test("what others wrote cannot control the terminal: lines, JSON and complaints are escaped")
  func escaped() async throws {
    let hostile =
      "a\u{1B}[2J\u{9B}1A\u{202E}b\r\u{7F}\u{200B}\u{200F}\u{2060}\u{AD}\u{FEFF}\u{E0041}"
    let harmless =
      "a\\u001b[2J\\u009b1A\\u202eb\\r\\u007f\\u200b\\u200f\\u2060\\u00ad\\ufeff\\udb40\\udc41"
    let pipe = try Pipe()
    let reader = pipe.lines(4)
    let output = FileDescriptor(number: pipe.writing)
    try output.line("\(hostile)\n\(hostile)")
    try output.json([hostile])
    let text = await reader.value
    #expect(text.hasPrefix("\(harmless)\n\(harmless)\n[\n"))
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value < 0x7F })
  }

  @Test("a reader that is gone is noticed without writing")
  func readerGone() throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    defer { close(ends[1]) }
    try FileDescriptor(number: ends[1]).checkReader()
    close(ends[0])
    #expect(throws: OutputError.readerGone) {
      try FileDescriptor(number: ends[1]).checkReader()
    }
  }
}

@Suite("Tables")
struct TextTableTests {
  @Test("a cell with several lines is shown on one line, without control characters")
  func cells() {
    var table = TextTable([("JOB", .right), ("ERROR", .left), ("COUNT", .right)])
    table.add(["1", "connection refused\n\tIs the server running?\n", "5"])
    table.add(["20", "wrong setting:\n  a: b\u{1B}[2A", "70"])
    #expect(
      table.lines == [
        "JOB  ERROR                                       COUNT",
        "  1  connection refused; Is the server running?      5",
        " 20  wrong setting: a: b\\u001b[2A                   70",
      ]
    )
  }
}
