import NIOCore
import Provisioning
import Testing

@testable import OneOfNone

@Suite("The deadline over head and body, and the bound on the answer's size")
struct TimeoutTests {
  private static let short = Duration.milliseconds(300)

  @Test("no head in time proves nothing, and the connection is closed")
  func noHead() async throws {
    let wire = try await trial(timeout: Self.short) { _, _ in
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
    let wire = try await trial(timeout: Self.short) { peer, moment in
      guard case .body = moment else { return }
      peer.send("HTTP/1.1 201 Created\r\ncontent-length: 1000000\r\n\r\n{\"codes\":[")
      peer.drip()
    } _: { client in
      let report = await client.generate()
      #expect(report.outcome == .unknown(.timeout))
      #expect(report.httpStatus == 201)
    }
    #expect(wire.posts == 1)
  }

  @Test("the connection of a call that timed out is not used again")
  func closedAtTimeout() async throws {
    let wire = try await trial(timeout: Self.short) { peer, moment in
      if case .body(2) = moment { peer.send(Sample.created) }
    } _: { client in
      #expect(await client.generate().outcome == .unknown(.timeout))
      #expect(await client.generate().outcome.isIssued)
    }
    #expect(wire.bodies.count == 2)
  }

  @Test("a server that never reads the body proves nothing")
  func bodyNeverRead() async throws {
    let wire = try await trial(timeout: Self.short) { peer, moment in
      if case .head = moment { peer.stopReading() }
    } _: { client in
      #expect(await client.generate().outcome == .unknown(.timeout))
    }
    #expect(wire.posts == 1)
    #expect(wire.bodies.count <= 1)
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

  @Test("a connection that is let wait in the server's line is not sent")
  func tlsThatNeverAnswers() async throws {
    let server = try await RawServer.start { _, _ in }
    try await withClient(base: "https://127.0.0.1:\(server.port)", timeout: Self.short) { client in
      #expect(await client.generate().outcome.isWithoutConnection)
    }
    let wire = try await server.end()
    #expect(wire.heads.isEmpty)
  }
}
