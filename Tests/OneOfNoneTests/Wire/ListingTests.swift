import Provisioning
import Testing

@testable import OneOfNone

@Suite("The calls that make no codes")
struct ListingTests {
  @Test("a page is read, with its nulls, its count and its date")
  func page() async throws {
    let body = """
      {"data":[\(Sample.codeText(id: 1)),null,\(Sample.codeText(id: 2))],\
      "pagination":{"next":null,"limit":3,"total_count":17},"more":[{}]}
      """
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http("200 OK", body, headers: ["Date: Thu, 02 Jan 2025 03:04:05 GMT"]))
    } _: { client in
      let page = try await client.listCodes(
        reward: Sample.reward,
        query: ListQuery(
          limit: 3,
          offset: 6,
          order: .descending,
          orderBy: "created at&x",
          includeCount: true
        )
      )
      #expect(page.codes.map(\.id.id.bits) == [1, 2])
      #expect(page.nulls == 1)
      #expect(page.total == 17)
      #expect(!page.isStored)
      #expect(!page.isEmpty)
      #expect(page.answeredAt == Timestamp(rfc3339: "2025-01-02T03:04:05Z"))
    }
    let target =
      "/v1/rewards/\(Sample.reward)/codes"
      + "?limit=3&offset=6&order=desc&order_by=created%20at%26x&include_count=true"
    #expect(wire.heads.first?.hasPrefix("GET \(target) HTTP/1.1\r\n") == true)
  }

  @Test("a page out of a cache says so, and an empty page is empty")
  func stored() async throws {
    _ = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http("200 OK", #"{"data":[],"pagination":[]}"#, headers: ["Age: 0"]))
    } _: { client in
      let page = try await client.listCodes(reward: Sample.reward, query: ListQuery())
      #expect(page.isStored)
      #expect(page.isEmpty)
      #expect(page.total == nil)
      #expect(page.answeredAt == nil)
    }
  }

  @Test(
    "each status is an error of its kind",
    arguments: [
      ("401 Unauthorized", APIError.Code.credentials), ("403 Forbidden", .forbidden),
      ("404 Not Found", .gone), ("410 Gone", .gone), ("400 Bad Request", .rejected),
      ("307 Temporary Redirect", .rejected), ("429 Too Many Requests", .pace),
      ("503 Service Unavailable", .unavailable), ("204 No Content", .unavailable),
    ]
  )
  func statuses(status: String, code: APIError.Code) async throws {
    let body = status.hasPrefix("204") ? "" : #"{"code":"c","message":"m"}"#
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http(status, body, headers: ["retry-after: 4", "location: /elsewhere"]))
    } _: { client in
      let error = await #expect(throws: APIError.self) {
        try await client.listCodes(reward: Sample.reward, query: ListQuery())
      }
      #expect(error?.code == code)
      #expect(error?.pause == .seconds(4))
      #expect(error?.status.map { status.hasPrefix("\($0)") } == true)
    }
    #expect(wire.heads.count == 1)
  }

  @Test("a page that cannot be read, or is cut off, is an error")
  func unreadable() async throws {
    _ = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.http("200 OK", #"{"codes":[]}"#))
      case .body: peer.sendAndClose("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"data\":[]}")
      case .head: break
      }
    } _: { client in
      for expected in [APIError.Code.unreadable, .unreachable] {
        let error = await #expect(throws: APIError.self) {
          try await client.listCodes(reward: Sample.reward, query: ListQuery())
        }
        #expect(error?.code == expected)
      }
    }
  }

  @Test("no answer in time and a cancelled task are errors of their kinds")
  func noAnswer() async throws {
    let clock = ManualDeadline()
    let wire = try await trial(deadline: clock.deadline) { _, moment in
      if case .body = moment { clock.expire() }
    } _: { client in
      let late = await #expect(throws: APIError.self) {
        try await client.listCodes(reward: Sample.reward, query: ListQuery())
      }
      #expect(late?.code == .timeout)
      let cancelled = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try await client.retrySync(reward: Sample.reward, system: .shopify)
      }
      let error = await #expect(throws: APIError.self) { try await cancelled.value }
      #expect(error?.code == .cancelled)
    }
    #expect(wire.heads.count == 1)
  }

  @Test("changes are asked for newest first; refused that order, the API is asked for another one")
  func changes() async throws {
    let wire = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.http("400 Bad Request", #"{"code":"c","message":"m"}"#))
      case .body: peer.send(Sample.http("200 OK", #"{"data":[],"pagination":[]}"#))
      case .head: break
      }
    } _: { client in
      let refused = await client.listChanges(Sample.reward, offset: 0, limit: 1000)
      #expect(refused == .failure(.failed("m")))
      let page = await client.listChanges(Sample.reward, offset: 7, limit: 9)
      #expect((try? page.get().codes) == [])
    }
    #expect(wire.heads.count == 2)
    #expect(
      wire.heads.first?.contains("?limit=1000&offset=0&order=desc&order_by=updatedAt ") == true
    )
    #expect(wire.heads.last?.contains("?limit=9&offset=7&order=desc&order_by=createdAt ") == true)
  }

  @Test("asking to copy once more tells what the API made of it")
  func resync() async throws {
    _ = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.http("200 OK", #"{"id":"x"}"#))
      case .body: peer.send(Sample.http("404 Not Found", #"{"code":"gone","message":"no"}"#))
      case .head: break
      }
    } _: { client in
      #expect(await client.resync(Sample.reward, system: .stripe) == .accepted)
      #expect(await client.resync(Sample.reward, system: .stripe) == .failed("gone: no"))
    }
  }

  @Test("a sync is asked for once, without a body")
  func sync() async throws {
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.send(Sample.http("200 OK", #"{"id":"x"}"#)) }
    } _: { client in
      try await client.retrySync(reward: Sample.reward, system: .shopify)
    }
    #expect(wire.posts == 1)
    let head = try #require(wire.heads.first)
    #expect(head.hasPrefix("POST /v1/rewards/\(Sample.reward)/sync?system=shopify HTTP/1.1\r\n"))
    #expect(Head.values(of: "content-length", in: head) == ["0"])
    #expect(Head.values(of: "x-api-key", in: head) == [testKey])
  }
}
