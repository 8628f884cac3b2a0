import Foundation
import Testing

@testable import Sandbox

@Suite("connections that break, as the bytes on the wire show it")
struct BrokenAnswerTests {
  private static let team = #"{"id":"7ea00000-0000-4000-8000-000000000001","name":"Sandbox"}"#

  @Test("a reset before the request's body was read makes nothing and answers nothing")
  func beforeRequestBody() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .reset(at: .beforeRequestBody))
      // The body is announced and never sent: the reset does not wait for it.
      try await caller.send(
        "POST",
        "/v1/rewards/\(Caller.reward)/codes/generate",
        headers: ["Content-Length": "11", "Content-Type": "application/json"]
      )
      let answer = try await caller.answer()
      #expect(answer.ending == .reset)
      #expect(answer.byteCount == 0)
      let request = try #require(caller.sandbox.truth.requests().first)
      #expect(request.made == 0)
      #expect(request.count == nil)
      #expect(request.status == nil)
    }
  }

  @Test("a reset before any byte of the answer, with the codes made or not")
  func beforeAnswer() async throws {
    try await withSandbox { (caller) async throws in
      for (made, count) in [(Making.none, 0), (.all, 4), (.part(1), 5)] {
        try caller.misbehave(.generate, .reset(at: .beforeAnswer, made: made))
        let answer = try await caller.generate(4)
        #expect(answer.ending == .reset)
        #expect(answer.byteCount == 0)
        #expect(caller.sandbox.truth.codes == count)
      }
      let requests = caller.sandbox.truth.requests()
      #expect(requests.allSatisfy { $0.answer == GenerateRequest.Answer.none })
      #expect(requests.allSatisfy { $0.status == nil })
    }
  }

  @Test("an orderly end in place of a reset")
  func orderly() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .reset(at: .beforeAnswer, made: .all, abrupt: false))
      let answer = try await caller.generate(4)
      #expect(answer.ending == .closed)
      #expect(answer.byteCount == 0)
      #expect(caller.sandbox.truth.codes == 4)
    }
  }

  @Test("a reset behind the head shows the status and no body")
  func afterHead() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .reset(at: .afterHead, made: .all))
      let answer = try await caller.generate(4)
      #expect(answer.ending == .reset)
      #expect(answer.status == 201)
      #expect(answer.body.isEmpty)
      #expect(Int(answer.headers["content-length"] ?? "") ?? 0 > 1000)
      #expect(caller.sandbox.truth.codes == 4)
      #expect(caller.sandbox.truth.requests().first?.answer == .part)
    }
  }

  @Test("a reset in the middle shows half of the body")
  func inBody() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .reset(at: .inBody, made: .all))
      let answer = try await caller.generate(4)
      #expect(answer.ending == .reset)
      #expect(answer.status == 201)
      let length = try #require(Int(answer.headers["content-length"] ?? ""))
      #expect(answer.body.count == length / 2)
      #expect(answer.text.hasPrefix("{\"codes\":["))
    }
  }

  @Test("a reset behind the whole answer leaves it whole")
  func afterAnswer() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .reset(at: .afterAnswer, made: .all))
      let socket = try await caller.connection()
      let answer = try await caller.generate(4)
      #expect(answer.ending == .open)
      #expect(try answer.codes().count == 4)
      #expect(try await socket.readEnding() == .reset)
      #expect(caller.sandbox.truth.requests().first?.answer == .whole)
    }
  }

  @Test("cut-off JSON in a whole message")
  func cutComplete() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .cut(keep: 0.5))
      let answer = try await caller.generate(2)
      #expect(answer.ending == .open)
      #expect(answer.status == 201)
      #expect(answer.text.hasPrefix("{\"codes\":["))
      #expect(throws: (any Error).self) { try answer.codes() }
      #expect(caller.sandbox.truth.codes == 2)
      try caller.misbehave(.generate, .cut(keep: 0))
      let empty = try await caller.generate(2)
      #expect(empty.status == 201)
      #expect(empty.body.isEmpty)
    }
  }

  @Test("a body shorter than its length, behind which the connection ends in order")
  func cutClosed() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .cut(keep: 0.25, complete: false))
      let answer = try await caller.generate(4)
      #expect(answer.ending == .closed)
      let length = try #require(Int(answer.headers["content-length"] ?? ""))
      #expect(answer.body.count == length / 4)
      #expect(caller.sandbox.truth.codes == 4)
    }
  }

  @Test("a slow drip sends a few bytes at a time, and all of them in the end")
  func drip() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.team, .drip(bytes: 20, everySeconds: 5))
      try await caller.send("GET", "/v1/team")
      let socket = try await caller.connection()
      var seen = ""
      var body: String { seen.components(separatedBy: "\r\n\r\n").dropFirst().first ?? "" }
      for drops in 1...4 {
        if drops > 1 {
          await clock.sleepers(1)
          clock.advance(by: .seconds(5))
        }
        // The clock stands still, so there is no more than this to read.
        let due = min(20 * drops, Self.team.count)
        while body.count < due { seen += try await socket.readSome() }
        #expect(body == Self.team.prefix(due))
      }
    }
  }

  @Test("a flood has the size asked for, declared or not", arguments: [true, false])
  func flood(_ declared: Bool) async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .flood(bytes: 3_000_001, declared: declared))
      let answer = try await caller.generate(1)
      #expect(answer.status == 201)
      #expect(answer.body.count == 3_000_001)
      #expect((answer.headers["content-length"] != nil) == declared)
      #expect(caller.sandbox.truth.codes == 1)
    }
  }
}
