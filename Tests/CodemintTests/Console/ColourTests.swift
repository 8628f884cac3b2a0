import Foundation
import Testing

@testable import Ledger
@testable import codemint

@Suite("colours")
struct ColourTests {
  @Test("a pipe gets no colours, and a terminal only if its user wants them")
  func wanted() throws {
    let pipe = try Pipe()
    #expect(!Palette(for: FileDescriptor(number: pipe.writing), environment: [:]).isOn)
    let terminal = try Terminal(columns: 80)
    let output = FileDescriptor(number: terminal.number)
    #expect(Palette(for: output, environment: [:]).isOn)
    #expect(Palette(for: output, environment: ["NO_COLOR": ""]).isOn)
    #expect(!Palette(for: output, environment: ["NO_COLOR": "1"]).isOn)
    #expect(!Palette(for: output, environment: ["TERM": "dumb"]).isOn)
    #expect(!Palette(for: output, isRefused: true, environment: [:]).isOn)
  }

  @Test("what others wrote is made harmless before it is coloured")
  func harmless() {
    let text = Palette(isOn: true).paint("a\u{1B}[2Jb", .bad)
    #expect(text == "\u{1B}[31ma\\u001b[2Jb\u{1B}[0m")
    #expect(Palette(isOn: false).paint("a", .bad) == "a")
  }

  @Test("a table is as wide with colours as without")
  func table() {
    var table = TextTable([("JOB", .right), ("STATE", .left), ("WHY", .left)])
    table.add(["1", "running,held", "x"], tints: [nil, .bad])
    table.add(["20", "queued", ""])
    let coloured = table.lines(Palette(isOn: true)).map {
      $0.replacing(/\u{1B}\[\d+m/, with: "")
    }
    #expect(coloured == table.lines)
    #expect(table.lines == ["JOB  STATE         WHY", "  1  running,held  x", " 20  queued"])
  }

  @Test(
    "on 40 columns a job's line shows its number, how far it is and its state, and does not wrap"
  )
  func narrow() async throws {
    for columns in [20, 40, 60, 80, 200] as [UInt16] {
      let terminal = try Terminal(columns: columns)
      var board = ProgressBoard(
        FileDescriptor(number: terminal.number),
        environment: ["NO_COLOR": "1"]
      )
      try board.show([Self.job])
      let line = try #require(terminal.text().split(whereSeparator: \.isNewline).last)
      let shown = line.replacing("\u{1B}[2K", with: "")
      #expect(shown.count < Int(columns), "\(shown)")
      if columns >= 40 {
        #expect(shown.contains("job 7") && shown.contains("running, held"), "\(shown)")
      }
      #expect(shown.contains(columns < 70 ? "25%" : "250/1000"), "\(shown)")
    }
  }

  private static let job = JobStatus(
    id: 7,
    reward: "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    state: "running",
    count: 1000,
    issued: 250,
    outstanding: 0,
    surplus: 0,
    inDoubt: 0,
    codesPerSecond: nil,
    timeLeft: nil,
    paused: false,
    held: true,
    priority: 5,
    errorCode: "forbidden",
    errorMessage: nil,
    nextCallAt: nil,
    createdAt: "",
    finishedAt: nil
  )
}

/// A terminal of a width, whose output can be read.
private final class Terminal {
  let number: Int32
  private let master: Int32

  init(columns: UInt16) throws {
    var (master, slave): (Int32, Int32) = (-1, -1)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    try #require(openpty(&master, &slave, nil, nil, &size) == 0)
    (self.master, number) = (master, slave)
  }

  deinit {
    close(number)
    close(master)
  }

  /// What has been written so far.
  func text() -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(master, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
