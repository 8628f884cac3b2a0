import Foundation
import Glibc
import Logging
import Testing

@testable import codemint

@Suite("Log lines")
struct LineTests {
  static func entry(
    _ message: String = "call settled",
    level: Logger.Level = .info,
    metadata: Logger.Metadata = [:]
  ) -> LogEntry {
    LogEntry(
      time: "2024-02-29T12:30:45.007Z",
      level: level,
      label: "codemint",
      message: message,
      metadata: metadata
    )
  }

  static let metadata: Logger.Metadata = [
    "job": "7", "duration_ms": .stringConvertible(41), "error": "no route to \"db\"",
    "empty": "", "list": ["a", "b c"], "map": ["k": .stringConvertible(true)],
  ]

  @Test("a text line holds time, level, message and the metadata in order, quoted where needed")
  func text() {
    #expect(
      Self.entry(metadata: Self.metadata).line(.text) == #"""
        2024-02-29T12:30:45.007Z info     call settled duration_ms=41 empty="" \#
        error="no route to \"db\"" job=7 list="[\"a\",\"b c\"]" map="{\"k\":true}"
        """#
    )
  }

  @Test("messages begin in the same column at every level", arguments: Logger.Level.allCases)
  func column(level: Logger.Level) {
    let line = Self.entry(level: level).line(.text)
    #expect(line.dropFirst(34) == "call settled")
  }

  @Test("a journal line begins with the priority and has no time")
  func journal() {
    #expect(Self.entry(metadata: ["job": "7"]).line(.journal) == "<6>call settled job=7")
    let priorities = Logger.Level.allCases.map(JournalLine.priority)
    #expect(priorities == [7, 7, 6, 5, 4, 3, 2])
  }

  @Test("a JSON line is one object whose numbers are numbers")
  func json() {
    #expect(
      Self.entry(metadata: Self.metadata).line(.json) == #"""
        {"time":"2024-02-29T12:30:45.007Z","level":"info","message":"call settled",\#
        "logger":"codemint","duration_ms":41,"empty":"","error":"no route to \"db\"","job":"7",\#
        "list":["a","b c"],"map":{"k":true}}
        """#
    )
  }

  @Test("metadata does not take the place of the line's own members")
  func reserved() throws {
    let line = Self.entry(metadata: ["level": "mine", "time": "late"]).line(.json)
    let object = try #require(try Self.object(line))
    #expect(object["level"] as? String == "info" && object["level_"] as? String == "mine")
    #expect(object["time_"] as? String == "late")
  }

  @Test("numbers that JSON cannot express become strings")
  func oddNumbers() throws {
    let line = Self.entry(metadata: [
      "a": .stringConvertible(Double.nan), "b": .stringConvertible(Double.infinity),
      "c": .stringConvertible(1.5), "d": .stringConvertible(UInt64.max),
    ]).line(.json)
    #expect(line.hasSuffix(#""a":"nan","b":"inf","c":1.5,"d":18446744073709551615}"#))
    #expect(try Self.object(line) != nil)
  }

  @Test("with any text, a line stays one line and cannot control a terminal")
  func harmful() throws {
    let harmful = "a\nb\r\u{1B}[31m\u{0}\u{7F}\u{85}\u{2028}\u{202E}\t\\\"=é🙂"
    let entry = Self.entry(harmful, metadata: ["\(harmful)": "\(harmful)", "m": [harmful: "x"]])
    for style in [LogStyle.text, .json, .journal] {
      let line = entry.line(style)
      let controls = line.unicodeScalars.filter { scalar in
        scalar.properties.generalCategory == .control || (0x2028...0x202E).contains(scalar.value)
      }
      #expect(controls.isEmpty)
      #expect(line.contains("é🙂"))
    }
    let object = try #require(try Self.object(entry.line(.json)))
    #expect(object["message"] as? String == harmful && object[harmful] as? String == harmful)
  }

  @Test("every character comes back from a JSON line as it was")
  func everyCharacter() throws {
    for start in stride(from: UInt32(0), to: 0x3000, by: 0x100) {
      let scalars = (start..<start + 0x100).compactMap(Unicode.Scalar.init)
      let text = String(String.UnicodeScalarView(scalars))
      let object = try #require(try Self.object(Self.entry(text).line(.json)))
      #expect(object["message"] as? String == text)
    }
  }

  @Test("a plain word is unchanged, and anything that could be misread is quoted")
  func words() {
    #expect(Escaping.word("SELECT") == "SELECT")
    #expect(Escaping.word("https://x/y?z") == "https://x/y?z")
    #expect(Escaping.word("a=b") == #""a=b""#)
    #expect(Escaping.word("a b") == #""a b""#)
    #expect(Escaping.word("a\u{A0}b") == "\"a\u{A0}b\"")
    #expect(Escaping.word(#"a\b"#) == #""a\\b""#)
  }

  @Test("times are RFC 3339 in UTC with milliseconds")
  func times() {
    #expect(LogTime.text(seconds: 0, milliseconds: 0) == "1970-01-01T00:00:00.000Z")
    #expect(LogTime.text(seconds: 1_709_209_845, milliseconds: 7) == "2024-02-29T12:30:45.007Z")
    #expect(LogTime.now().wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
  }

  static func object(_ line: String) throws -> [String: Any]? {
    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
  }
}

@Suite("How log lines look")
struct LogStyleTests {
  @Test("an explicit format is used for every output")
  func plain() {
    let journal = ["JOURNAL_STREAM": LogStyle.identity(of: STDERR_FILENO) ?? ""]
    for environment in [[:], journal] {
      #expect(LogStyle(.text, environment: environment) == .text)
      #expect(LogStyle(.json, environment: environment) == .json)
      #expect(LogStyle(.journal, environment: environment) == .journal)
    }
  }

  @Test("auto is journal only if the lines really go to the journal")
  func auto() throws {
    let pipe = try Pipe()
    let identity = try #require(LogStyle.identity(of: pipe.writing))
    func style(_ stream: String?) -> LogStyle {
      let environment = stream.map { ["JOURNAL_STREAM": $0, "NOTIFY_SOCKET": "/run/x"] } ?? [:]
      return LogStyle(.auto, environment: environment, descriptor: pipe.writing)
    }
    #expect(style(identity) == .journal)
    #expect(style("0:0") == .text)
    #expect(style(nil) == .text)
  }
}
