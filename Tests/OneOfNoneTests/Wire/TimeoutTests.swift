import NIOCore
import Provisioning
import Testing

@testable import OneOfNone

@Suite("The deadline for head and body, and the limit on the answer's size")
struct TimeoutTests {
  private let clock = ManualDeadline()

  @Test("no head in time proves nothing")
  func noHead() async throws {
    let wire = try await trial(deadline: clock.deadline) { _, moment in
      if case .body = moment { clock.expire() }
    } _: { client in
      let report = await client.generate()
      #expect(report.outcome == .unknown(.timeout))
      #expect(report.httpStatus == nil)
    }
    #expect(wire.posts == 1)
    #expect(wire.bodies.count == 1)
  }

  @Test("a body that drips for ever ends with the deadline")
  func drip() async throws {
    let wire = try await trial(deadline: clock.deadline) { peer, moment in
      guard case .body = moment else { return }
      peer.send("HTTP/1.1 201 Created\r\ncontent-length: 1000000\r\n\r\n{\"codes\":[")
      peer.drip { count in if count == 20 { clock.expire() } }
    } _: { client in
      let report = await client.generate()
      #expect(report.outcome == .unknown(.timeout))
    }
    #expect(wire.posts == 1)
  }

  @Test("the connection of a call that timed out is closed and not used again")
  func closedAtTimeout() async throws {
    let wire = try await trial(deadline: clock.deadline) { peer, moment in
      switch moment {
      case .body(1): clock.expire()
      case .body: peer.send(Sample.created)
      case .head: break
      }
    } _: { client in
      #expect(await client.generate().outcome == .unknown(.timeout))
      #expect(await client.generate().outcome.isIssued)
    }
    #expect(wire.posts == 2)
    #expect(wire.bodies.count == 2)
  }

  @Test("a server that never reads the body proves nothing, or the body was not sent")
  func bodyNeverRead() async throws {
    let wire = try await trial(deadline: clock.deadline) { peer, moment in
      guard case .head = moment else { return }
      peer.stopReading()
      peer.channel.eventLoop.scheduleTask(in: .milliseconds(20)) { clock.expire() }
    } _: { client in
      let outcome = await client.generate().outcome
      #expect(outcome == .unknown(.timeout) || outcome.isWithoutConnection)
    }
    #expect(wire.posts == 1)
    #expect(wire.bodies.count <= 1)
  }

  @Test("if the deadline passes while the body is produced, at most one request is sent")
  func atTheGate() async throws {
    let wire = try await trial(deadline: clock.deadline) { peer, moment in
      if case .body = moment { peer.send(Sample.created) }
    } _: { client in
      for _ in 0..<50 {
        let report = await client.generate(Sample.call()) {
          clock.expire()
          return true
        }
        #expect(report.outcome == .unknown(.timeout) || report.outcome.isIssued)
      }
    }
    #expect(wire.posts <= 50)
    #expect(wire.bodies.count <= 50)
  }

  @Test("the real timer ends a call that nobody answers")
  func realTimer() async throws {
    let server = try await RawServer.start { _, _ in }
    let base = "http://127.0.0.1:\(server.port)"
    try await withClient(base: base, timeout: .milliseconds(200)) { client in
      let outcome = await client.generate().outcome
      // On a busy machine the time may be over before the connection stands.
      #expect(outcome == .unknown(.timeout) || outcome.isWithoutConnection)
    }
    #expect(try await server.end().posts <= 1)
  }

  @Test("a TLS handshake that does not end is not sent")
  func endlessHandshake() async throws {
    let server = try await RawServer.start { _, _ in }
    let base = "https://127.0.0.1:\(server.port)"
    try await withClient(base: base, timeout: .milliseconds(200)) { client in
      #expect(await client.generate().outcome.isWithoutConnection)
    }
    #expect(try await server.end().heads.isEmpty)
  }

  @Test("an answer of 100 MB is not read to its end", arguments: [true, false])
  func endless(hasLength: Bool) async throws {
    let chunk = ByteBuffer(repeating: UInt8(ascii: " "), count: 1 << 20)
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      if hasLength {
        peer.send("HTTP/1.1 201 Created\r\ncontent-length: \(100 << 20)\r\n\r\n")
      } else {
        peer.send("HTTP/1.1 201 Created\r\n\r\n")
      }
      peer.pour(chunk, times: 100)
    } _: { client in
      let report = await client.generate()
      #expect(report.outcome == .unknown(.tooLarge))
      #expect(report.httpStatus == 201)
    }
    #expect(wire.posts == 1)
    // What the kernel took beyond the bound lies in socket buffers, not in the client.
    #expect(wire.sentBytes < 64 << 20)
  }
}
