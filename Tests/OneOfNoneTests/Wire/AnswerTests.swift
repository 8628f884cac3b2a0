import Provisioning
import Testing

@testable import OneOfNone

@Suite("Answers over a real socket")
struct AnswerTests {
  @Test("the request follows the API's contract, and the key is in one header")
  func request() async throws {
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.send(Sample.created) }
    } _: { client in
      #expect(await client.generate(prefix: "A\"\\\u{1}é").outcome.isIssued)
      #expect(await client.generate().outcome.isIssued)
    }
    let head = try #require(wire.heads.first)
    #expect(head.hasPrefix("POST /v1/rewards/\(Sample.reward)/codes/generate HTTP/1.1\r\n"))
    #expect(Head.values(of: "x-api-key", in: head) == [testKey])
    #expect(Head.values(of: "content-type", in: head) == ["application/json"])
    #expect(Head.values(of: "accept-encoding", in: head) == ["identity"])
    #expect(Head.values(of: "user-agent", in: head) == ["codemint/1.2.3"])
    #expect(Head.values(of: "content-length", in: head).count == 1)
    #expect(Head.values(of: "host", in: head).count == 1)
    for absent in ["transfer-encoding", "authorization", "traceparent"] {
      #expect(Head.values(of: absent, in: head).isEmpty)
    }
    #expect(wire.bodies == [#"{"count":1,"prefix":"A\"\\\u0001é"}"#, #"{"count":1}"#])
  }

  @Test("a page of HTML behind a 201 is unreadable, and is not repeated")
  func html() async throws {
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(
        Sample.http("201 Created", "<html>Sign in</html>", headers: ["content-type: text/html"])
      )
    } _: { client in
      let outcome = await client.generate().outcome
      guard case .unknown(let reason) = outcome, case .unreadable = reason else {
        Issue.record("not unreadable: \(outcome)")
        return
      }
      #expect(!reason.message.contains("html"))
    }
    #expect(wire.posts == 1)
  }

  @Test("rule 8: a successful answer that cannot be read is kept as bytes, up to a limit")
  func keptBytes() async throws {
    let cut = #"{"codes":[{"id":"#
    let long = cut + String(repeating: " ", count: 2 * Bounds.unreadableAnswerBytes)
    let answers: [(status: String, body: String, kept: Int?)] = [
      ("201 Created", cut, cut.utf8.count), ("200 OK", cut, cut.utf8.count),
      ("201 Created", long, Bounds.unreadableAnswerBytes), ("500 Failed", cut, nil),
      ("303 See Other", cut, nil), ("400 Bad Request", cut, nil),
    ]
    for answer in answers {
      _ = try await trial { peer, moment in
        if case .body = moment { peer.send(Sample.http(answer.status, answer.body)) }
      } _: { client in
        let report = await client.generate()
        #expect(report.rawAnswer?.count == answer.kept, "\(answer.status)")
        if let raw = report.rawAnswer { #expect(answer.body.utf8.starts(with: raw)) }
        #expect(!String(reflecting: report).contains("123, 34"))
      }
    }
    _ = try await trial { peer, moment in
      if case .body = moment { peer.send(Sample.created) }
    } _: { client in
      #expect(await client.generate().rawAnswer == nil)
    }
  }

  @Test("a key that the API repeats shows in no report")
  func keyInAnswer() async throws {
    let body = #"{"code":"bad_\#(testKey)","message":"the key \#(testKey) is\u0000 wrong"}"#
    for status in ["401 Unauthorized", "400 Bad Request", "500 Internal Server Error"] {
      let wire = try await trial { peer, moment in
        if case .body = moment { peer.send(Sample.http(status, body)) }
      } _: { client in
        let report = await client.generate()
        #expect(!String(reflecting: report).contains(testKey))
        #expect(String(reflecting: report).contains("the key (secret) (hidden) wrong"))
        let team = await client.checkTeam()
        #expect(!String(reflecting: team).contains(testKey))
        let resync = await client.resync(Sample.reward, system: .stripe)
        #expect(!String(reflecting: resync).contains(testKey))
        guard case .failed(let words) = resync.value else {
          Issue.record("not failed")
          return
        }
        #expect(words.contains("the key (secret)"))
      }
      #expect(wire.posts == 2)
    }
  }

  @Test("a code that the API quotes when it refuses shows in no report")
  func codeInAnswer() async throws {
    let body = #"{"code":"K7Q2-X9AB","message":"summerling and K7Q2-X9AB exist, SUMMER is taken"}"#
    _ = try await trial { peer, moment in
      if case .body = moment { peer.send(Sample.http("422 Unprocessable Entity", body)) }
    } _: { client in
      let report = await client.generate(prefix: "SUMMER")
      guard case .rejected(let rejection) = report.outcome else {
        Issue.record("not rejected")
        return
      }
      #expect(rejection.code == "http_422")
      #expect(rejection.message == "(hidden) and (hidden) exist, (hidden) is taken")
      #expect(!String(reflecting: report).contains("K7Q2"))
    }
  }

  @Test("what the headers say about the pace is in the report")
  func feedback() async throws {
    _ = try await trial { peer, moment in
      switch moment {
      case .body(1):
        let body = Sample.answerText(Sample.codeText())
        let headers = ["RateLimit: \"default\";r=30;t=12"]
        peer.send(Sample.http("201 Created", body, headers: headers))
      case .body(2): peer.send(Sample.http("503 Down", "", headers: ["Retry-After: 30"]))
      case .body: peer.send(Sample.http("200 OK", "{}", headers: ["RateLimit: \"a\";r=0;t=9"]))
      case .head: break
      }
    } _: { client in
      #expect(await client.generate().feedback == PaceFeedback(ceiling: 2.5))
      #expect(await client.generate().feedback == PaceFeedback(pause: .seconds(30)))
      #expect(await client.checkTeam().feedback == PaceFeedback(pause: .seconds(9)))
    }
  }

  @Test("a 429 carries the pause that it asks for, in its outcome alone")
  func pace() async throws {
    _ = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http("429 Too Many Requests", "", headers: ["Retry-After: 7"]))
    } _: { client in
      let report = await client.generate()
      guard case .rejected(let rejection) = report.outcome else {
        Issue.record("not rejected")
        return
      }
      #expect(report.feedback == nil)
      #expect(rejection.scope == .pace(pause: .seconds(7)))
      #expect(rejection.code == "http_429")
    }
  }

  @Test("a preliminary answer is not taken for the answer")
  func preliminary() async throws {
    _ = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send("HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n" + Sample.created)
    } _: { client in
      #expect(await client.generate().outcome.isIssued)
    }
  }

  @Test("a check of the key distinguishes accepted, refused and unreachable")
  func team() async throws {
    let wire = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.http("200 OK", "{}"))
      case .body(2): peer.send(Sample.http("403 Forbidden", #"{"code":"no","message":"why"}"#))
      case .body(3): peer.send(Sample.http("502 Bad Gateway", "<html>"))
      case .body: peer.close()
      case .head: break
      }
    } _: { client in
      #expect(await client.checkTeam().value == .accepted)
      #expect(await client.checkTeam().value == .refused(code: "no", message: "why"))
      for _ in 0..<2 {
        guard case .unreachable(let text) = await client.checkTeam().value else {
          Issue.record("not unreachable")
          return
        }
        #expect(!text.contains("html"))
      }
    }
    #expect(wire.heads.allSatisfy { $0.hasPrefix("GET /v1/team HTTP/1.1\r\n") })
  }

  @Test("after the shutdown a call is not sent, and another shutdown does nothing")
  func afterShutdown() async throws {
    try await withClient(base: "http://127.0.0.1:9") { client in
      await client.shutdown()
      #expect(await client.generate().outcome.isWithoutConnection)
      await client.shutdown()
    }
  }
}
