import Testing

@testable import codemint

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
