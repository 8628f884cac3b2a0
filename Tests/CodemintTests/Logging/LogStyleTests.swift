import Glibc
import Testing

@testable import codemint

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
