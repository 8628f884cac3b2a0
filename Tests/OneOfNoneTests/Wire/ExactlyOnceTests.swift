import Provisioning
import Synchronization
import Testing

@testable import OneOfNone

@Suite("A generate request is on the wire at most once")
struct ExactlyOnceTests {
  @Test("a good answer is issued, and the connection is used again")
  func kept() async throws {
    let connections = Mutex<Set<ObjectIdentifier>>([])
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      connections.withLock { _ = $0.insert(ObjectIdentifier(peer.channel)) }
      peer.send(Sample.created)
    } _: { client in
      // A connection is free again a moment after its answer has been read: the next request may
      // come before that, but not every one.
      for asked in 1...50 {
        let report = await client.generate(prefix: "SUMMER")
        #expect(report.outcome.isIssued)
        #expect(report.httpStatus == 201)
        if connections.withLock({ $0.count < asked }) { return }
      }
      Issue.record("fifty requests, each on a connection of its own")
    }
    #expect(wire.bodies == Array(repeating: #"{"count":1,"prefix":"SUMMER"}"#, count: wire.posts))
  }

  @Test("a kept connection that dies after the body was read proves nothing")
  func keptConnectionDies() async throws {
    let wire = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.created)
      case .body: peer.close()
      case .head: break
      }
    } _: { client in
      #expect(await client.generate().outcome.isIssued)
      let report = await client.generate()
      #expect(report.outcome.isConnectionLost)
      #expect(report.httpStatus == nil)
    }
    #expect(wire.posts == 2)
    #expect(wire.bodies.count == 2)
  }

  @Test("an answer cut off in its head or its body proves nothing", arguments: [9, 40, 300])
  func cutOff(length: Int) async throws {
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.sendAndClose(String(Sample.created.prefix(length))) }
    } _: { client in
      #expect(await client.generate().outcome.isConnectionLost)
    }
    #expect(wire.posts == 1)
    #expect(wire.bodies.count == 1)
  }

  @Test("a cut-off answer without a length is unreadable")
  func cutOffWithoutLength() async throws {
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.sendAndClose(
        "HTTP/1.1 201 Created\r\nconnection: close\r\n\r\n"
          + Sample.answerText(Sample.codeText()).dropLast()
      )
    } _: { client in
      let report = await client.generate()
      guard case .unknown(.unreadable) = report.outcome else {
        Issue.record("not unreadable: \(report.outcome)")
        return
      }
    }
    #expect(wire.posts == 1)
  }

  @Test(
    "a redirect is not followed",
    arguments: ["301 Moved Permanently", "303 See Other", "307 Temporary Redirect"]
  )
  func redirect(status: String) async throws {
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http(status, "", headers: ["location: /v1/elsewhere"]))
    } _: { client in
      let outcome = await client.generate().outcome
      if status.hasPrefix("307") {
        guard case .rejected(let rejection) = outcome else {
          Issue.record("not rejected: \(outcome)")
          return
        }
        #expect(rejection.scope == .request)
      } else {
        guard case .unknown(.status) = outcome else {
          Issue.record("not unknown: \(outcome)")
          return
        }
      }
    }
    #expect(wire.posts == 1)
    #expect(wire.heads.count == 1)
  }

  @Test("rule 4: a reset after the head is not sent or unknown, and never sent again")
  func resetAfterHead() async throws {
    let wire = try await trial { peer, moment in
      if case .head = moment { peer.reset() }
    } _: { client in
      let outcome = await client.generate().outcome
      #expect(outcome.isConnectionLost || outcome.isWithoutConnection)
    }
    #expect(wire.posts == 1)
  }

  @Test("a reset after the body proves nothing")
  func resetAfterBody() async throws {
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.reset() }
    } _: { client in
      #expect(await client.generate().outcome.isConnectionLost)
    }
    #expect(wire.posts == 1)
    #expect(wire.bodies.count == 1)
  }

  @Test("a reset of a kept connection after the body proves nothing")
  func resetOfKeptConnection() async throws {
    let wire = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.created)
      case .body: peer.reset()
      case .head: break
      }
    } _: { client in
      #expect(await client.generate().outcome.isIssued)
      #expect(await client.generate().outcome.isConnectionLost)
    }
    #expect(wire.posts == 2)
    #expect(wire.bodies.count == 2)
  }

  @Test("a server that closes an idle connection before the next request never doubles one")
  func idleConnectionCloses() async throws {
    let outcomes = Mutex<[String: CallOutcome]>([:])
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.sendAndClose(Sample.created) }
    } _: { client in
      for number in 0..<200 {
        let prefix = "P\(number)"
        let outcome = await client.generate(prefix: prefix).outcome
        outcomes.withLock { $0[prefix] = outcome }
      }
    }
    for (prefix, outcome) in outcomes.withLock({ $0 }) {
      let sent = wire.bodies.count { $0.contains("\"\(prefix)\"") }
      switch outcome {
      case .issued: #expect(sent == 1)
      case .unsent: #expect(sent == 0)
      // The close crossed the body on its way: that is what doubt is for.
      case .unknown(.connectionLost): #expect(sent <= 1)
      case .rejected, .unknown: Issue.record("unexpected: \(outcome)")
      }
    }
  }

  @Test("an answer before a closing connection is never thrown away, however busy the client is")
  func closesAfterAnswer() async throws {
    let closing = Sample.http(
      "201 Created",
      Sample.answerText(Sample.codeText()),
      headers: ["connection: close"]
    )
    let issued = Mutex(0)
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.sendAndClose(closing) }
    } _: { client in
      for _ in 0..<15 {
        await withTaskGroup(of: Bool.self) { group in
          for _ in 0..<20 {
            group.addTask { await client.generate().outcome.isIssued }
          }
          for await isIssued in group where isIssued { issued.withLock { $0 += 1 } }
        }
      }
    }
    // Whatever was sent was issued; a busy machine may fail to connect, which sends nothing.
    #expect(issued.withLock { $0 } == wire.posts)
    #expect(wire.posts > 0)
  }

  @Test("rule 4: each of many calls at once is at most one request")
  func manyAtOnce() async throws {
    let wire = try await trial { peer, moment in
      guard case .body(let number) = moment else { return }
      switch number % 4 {
      case 0: peer.reset()
      case 1: peer.close()
      default: peer.send(Sample.created)
      }
    } _: { client in
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<100 {
          group.addTask { _ = await client.generate(prefix: "P\(number)") }
        }
      }
    }
    #expect(Set(wire.bodies).count == wire.bodies.count)
    #expect(wire.posts <= 100)
  }
}
