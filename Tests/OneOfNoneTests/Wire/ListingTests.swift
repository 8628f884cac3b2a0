import Provisioning
import Testing

@testable import OneOfNone

@Suite("The requests that make no codes")
struct ListingTests {
  private typealias Page = Result<ListedPage, ListingFailure>

  private static func list(_ client: APIClient) async -> Paced<Page> {
    await client.list(Sample.reward, offset: 0, limit: 1000)
  }

  @Test("a page is read, with its nulls, and the newest code is requested first")
  func page() async throws {
    let body = """
      {"data":[\(Sample.codeText(id: 1)),null,\(Sample.codeText(id: 2)),null,null],\
      "pagination":{"next":null,"limit":3,"total_count":17},"more":[{}]}
      """
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http("200 OK", body, headers: ["Date: Thu, 02 Jan 2025 03:04:05 GMT"]))
    } _: { client in
      let answer = await client.list(Sample.reward, offset: 6, limit: 3)
      let page = try answer.value.get()
      #expect(page.codes.map(\.id.id.bits) == [1, 2])
      #expect(page.nulls == 3)
      #expect(page.trailingNulls == 2)
      #expect(page.count == 5)
      #expect(!page.isStale)
      #expect(page.date == Timestamp(rfc3339: "2025-01-02T03:04:05Z"))
      #expect(answer.feedback == nil)
    }
    let target =
      "/v1/rewards/\(Sample.reward)/codes?limit=3&offset=6&order=desc&order_by=createdAt"
    #expect(wire.heads.first?.hasPrefix("GET \(target) HTTP/1.1\r\n") == true)
  }

  @Test(
    "rule 10: a page is stale if a cache had it before it was asked for, or tells no readable age",
    arguments: [
      ([], false), (["Age: 0"], false), (["Age: 31"], true), (["Age: soon"], true),
      (["Age: 0", "Age: 31"], true),
    ] as [([String], Bool)]
  )
  func cached(headers: [String], isStale: Bool) async throws {
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http("200 OK", #"{"data":[],"pagination":[]}"#, headers: headers))
    } _: { client in
      let page = try await Self.list(client).value.get()
      #expect(page.isStale == isStale)
      #expect(page.count == 0 && page.date == nil)
    }
    #expect(wire.heads.allSatisfy { $0.contains("\r\ncache-control: no-cache\r\n") })
  }

  @Test(
    "each status is a failure of its kind, and only a refused query ends the requests for an order",
    arguments: [
      ("401 Unauthorized", .keyRefused(code: "gone", message: "no"), false),
      ("403 Forbidden", .refused(code: "gone", message: "no"), false),
      ("404 Not Found", .refused(code: "gone", message: "no", isMissing: true), false),
      ("410 Gone", .refused(code: "gone", message: "no"), false),
      ("408 Request Timeout", .failed("the API answered 408: no"), false),
      ("400 Bad Request", .failed("the API answered 400: no"), true),
      ("307 Temporary Redirect", .failed("the API answered 307: no"), true),
      (
        "429 Too Many Requests",
        .failed("the API answered 429: no", retryAfter: .seconds(4)), false
      ),
      (
        "503 Service Unavailable",
        .failed("the API answered 503: no", retryAfter: .seconds(4)), false
      ),
      (
        "204 No Content", .failed("the API answered 204 No Content without a message of its own"),
        false
      ),
    ] as [(String, ListingFailure, Bool)]
  )
  func statuses(status: String, failure: ListingFailure, refusesOrder: Bool) async throws {
    let body = status.hasPrefix("204") ? "" : #"{"code":"gone","message":"no"}"#
    let feedback: PaceFeedback? =
      switch status.prefix(3) {
      case "429": PaceFeedback(isRefusal: true, pause: .seconds(4))
      case "503": PaceFeedback(pause: .seconds(4))
      default: nil
      }
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http(status, body, headers: ["retry-after: 4", "location: /elsewhere"]))
    } _: { client in
      for _ in 0..<2 {
        let answer = await Self.list(client)
        #expect(answer.value == .failure(failure))
        #expect(answer.feedback == feedback)
      }
    }
    #expect(wire.heads.map { $0.contains("order_by=createdAt") } == [true, !refusesOrder])
  }

  @Test("a page that cannot be read, or is cut off, is a failure")
  func unreadable() async throws {
    _ = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.http("200 OK", #"{"codes":[]}"#))
      case .body: peer.sendAndClose("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"data\":[]}")
      case .head: break
      }
    } _: { client in
      #expect(
        await Self.list(client).value == .failure(.failed("expected a list `data` at byte 12"))
      )
      guard case .failure(.failed(let cause, _)) = await Self.list(client).value else {
        Issue.record("not failed")
        return
      }
      #expect(cause.contains("connection") || cause.contains("HTTP client"), "\(cause)")
    }
  }

  @Test("no answer in time and a cancelled task are failures that say so")
  func noAnswer() async throws {
    let clock = ManualDeadline()
    let wire = try await trial(deadline: clock.deadline) { _, moment in
      if case .body = moment { clock.expire() }
    } _: { client in
      let late = await Self.list(client)
      #expect(late.value == .failure(.failed("no complete answer of the API in time")))
      let cancelled = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return await client.resync(Sample.reward, system: .shopify)
      }
      #expect(await cancelled.value.value == .failed("the request was given up"))
    }
    #expect(wire.heads.count == 1)
  }

  @Test(
    "changes are requested newest first; if the API refuses, the order of creation is requested"
  )
  func changes() async throws {
    let wire = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.http("400 Bad Request", #"{"code":"gone","message":"no"}"#))
      case .body: peer.send(Sample.http("200 OK", #"{"data":[],"pagination":[]}"#))
      case .head: break
      }
    } _: { client in
      let refused = await client.listChanges(Sample.reward, offset: 0, limit: 1000)
      #expect(refused.value == .failure(.failed("the API answered 400: no")))
      let page = await client.listChanges(Sample.reward, offset: 7, limit: 9)
      #expect((try? page.value.get().codes) == [])
    }
    #expect(wire.heads.count == 2)
    #expect(
      wire.heads.first?.contains("?limit=1000&offset=0&order=desc&order_by=updatedAt ") == true
    )
    #expect(wire.heads.last?.contains("?limit=9&offset=7&order=desc&order_by=createdAt ") == true)
  }

  @Test("a resync tells what the API answered")
  func resync() async throws {
    _ = try await trial { peer, moment in
      switch moment {
      case .body(1): peer.send(Sample.http("200 OK", #"{"id":"x"}"#))
      case .body:
        let body = #"{"code":"gone","message":"no"}"#
        peer.send(Sample.http("404 Not Found", body, headers: ["RateLimit: \"a\";r=0;t=12"]))
      case .head: break
      }
    } _: { client in
      let accepted = await client.resync(Sample.reward, system: .stripe)
      #expect(accepted.value == .accepted)
      #expect(accepted.feedback == nil)
      let failed = await client.resync(Sample.reward, system: .stripe)
      #expect(failed.value == .failed("gone: no"))
      #expect(failed.feedback == PaceFeedback(pause: .seconds(12)))
    }
  }

  @Test("a resync is one request without a body")
  func resyncRequest() async throws {
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.send(Sample.http("200 OK", #"{"id":"x"}"#)) }
    } _: { client in
      #expect(await client.resync(Sample.reward, system: .shopify).value == .accepted)
    }
    #expect(wire.posts == 1)
    let head = try #require(wire.heads.first)
    #expect(head.hasPrefix("POST /v1/rewards/\(Sample.reward)/sync?system=shopify HTTP/1.1\r\n"))
    #expect(Head.values(of: "content-length", in: head) == ["0"])
    #expect(Head.values(of: "x-api-key", in: head) == [testKey])
  }
}
