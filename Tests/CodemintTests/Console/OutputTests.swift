import Glibc
import Testing

@testable import codemint

@Suite("files that commands write")
struct OutputFileTests {
  @Test("a file is there when it is complete, and not before; only its owner may read it")
  func complete() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/codes.csv"
    let file = try OutputFile(path)
    try file.write("id,code\n")
    #expect(access(path, F_OK) != 0)
    try file.finish()
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
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
