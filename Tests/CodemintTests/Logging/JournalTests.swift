import Logging
import Testing

@testable import codemint

@Suite("The journal's own protocol")
struct JournalTests {
  @Test("an entry arrives with its priority, its line, and a field for each part")
  func fields() throws {
    let scratch = try Scratch()
    let address = "\(scratch.path)/journal"
    let journal = try DatagramSocket(address)
    let pipe = try Pipe()
    let sink = LogSink(
      style: .journal,
      level: .info,
      descriptor: pipe.writing,
      journal: address
    )
    LogSinkTests.logger(sink).notice(
      "job changed state",
      metadata: ["job": "7", "duration_ms": "12", "error": "two\nlines", "odd-key": ["a": "b"]]
    )
    sink.flush()
    #expect(
      journal.receive() == #"""
        PRIORITY=5
        SYSLOG_IDENTIFIER=codemint
        MESSAGE=job changed state duration_ms=12 error="two\nlines" job=7 odd-key="{\"a\":\"b\"}"
        CODEMINT_EVENT=job changed state
        CODEMINT_DURATION_MS=12
        CODEMINT_ERROR=two\nlines
        CODEMINT_JOB=7
        CODEMINT_ODD_KEY={"a":"b"}

        """#
    )
  }

  @Test("without a journal, or with an entry that is too long for it, nothing is lost")
  func fallback() async throws {
    let scratch = try Scratch()
    let address = "\(scratch.path)/journal"
    let pipe = try Pipe()
    let away = LogSink(
      style: .journal,
      level: .info,
      descriptor: pipe.writing,
      journal: address
    )
    LogSinkTests.logger(away).info("call settled", metadata: ["job": "7"])
    away.flush()
    #expect(pipe.read() == "<6>call settled job=7\n")

    let journal = try DatagramSocket(address)
    let filling = String(repeating: "x", count: 1_000_000)
    let reader = pipe.lines(1)
    LogSinkTests.logger(away).info("y", metadata: ["filling": "\(filling)"])
    #expect(await reader.value == "<6>y filling=\(filling)\n")
    #expect(journal.receive() == nil)
  }
}
