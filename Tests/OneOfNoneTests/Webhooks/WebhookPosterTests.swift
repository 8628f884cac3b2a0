import Dispatch
import Provisioning
import Synchronization
import Testing

@testable import OneOfNone

@Suite("Posting to a webhook, over a real socket")
struct WebhookPosterTests {
  private static let here = NetworkAddress([127, 0, 0, 1])

  /// Counts from 1.
  private final class Count: Sendable {
    private let number = Mutex(0)

    func next() -> Int {
      number.withLock { number in
        number += 1
        return number
      }
    }
  }

  /// Posts one message to a server that follows a script, and says what came over the wire.
  private static func trial(
    timeout: Duration = .seconds(20),
    posts: Int = 1,
    server script: @escaping RawServer.Script,
    _ check: (WebhookPoster.Outcome) -> Void
  ) async throws -> RawServer.Wire {
    let server = try await RawServer.start(script)
    try await post(
      to: "http://127.0.0.1:\(server.port)/hook/?a=b",
      timeout: timeout,
      posts: posts,
      check
    )
    return try await server.end()
  }

  private static func post(
    to url: String,
    timeout: Duration = .seconds(20),
    allowsPrivate: Bool = true,
    caFile: String? = nil,
    posts: Int = 1,
    lookup: @escaping WebhookPoster.Lookup = WebhookPoster.addresses,
    _ check: (WebhookPoster.Outcome) -> Void
  ) async throws {
    let poster = try WebhookPoster(
      BaseURL(webhook: url),
      allowsPrivate: allowsPrivate,
      timeout: timeout,
      caFile: caFile,
      version: "1.2.3",
      lookup: lookup
    )
    for attempt in 1...posts {
      check(await poster.post(Array("{}".utf8), headers: [("webhook-id", "m1")], attempt: attempt))
    }
  }

  @Test("a message is one POST to the URL with its path and query, with its headers and no key")
  func request() async throws {
    let wire = try await Self.trial { peer, moment in
      if case .body = moment { peer.send(Sample.http("204 No Content", "")) }
    } _: { outcome in
      #expect(outcome.ending == .delivered && outcome.status == 204)
    }
    let head = try #require(wire.heads.first)
    #expect(wire.bodies == ["{}"])
    #expect(head.hasPrefix("POST /hook/?a=b HTTP/1.1\r\n"))
    #expect(Head.values(of: "webhook-id", in: head) == ["m1"])
    #expect(Head.values(of: "content-type", in: head) == ["application/json"])
    #expect(Head.values(of: "user-agent", in: head) == ["codemint/1.2.3"])
    for absent in ["x-api-key", "authorization", "cookie"] {
      #expect(Head.values(of: absent, in: head).isEmpty)
    }
  }

  @Test(
    "a redirect is not followed",
    arguments: ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"]
  )
  func redirect(status: String) async throws {
    let wire = try await Self.trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http(status, "", headers: ["location: /elsewhere"]))
    } _: { outcome in
      #expect(outcome.ending.error?.contains("redirect") == true)
    }
    #expect(wire.heads.count == 1)
  }

  @Test("the pause that a receiver asks for is read")
  func asked() async throws {
    _ = try await Self.trial { peer, moment in
      guard case .body = moment else { return }
      peer.send(Sample.http("503 Busy", "", headers: ["retry-after: 120"]))
    } _: { outcome in
      #expect(outcome.asked == .seconds(120))
      #expect(outcome.ending == .failed("the receiver answered 503"))
    }
  }

  @Test("a receiver that never answers, closes, or resets is a failure in words")
  func silence() async throws {
    _ = try await Self.trial(timeout: .seconds(1)) { _, _ in
    } _: { outcome in
      #expect(outcome.ending == .failed("the receiver did not answer within 1 s"))
    }
    _ = try await Self.trial { peer, moment in
      if case .body = moment { peer.close() }
    } _: { outcome in
      #expect(outcome.status == nil && outcome.ending.error != nil)
    }
    _ = try await Self.trial { peer, moment in
      if case .head = moment { peer.reset() }
    } _: { outcome in
      #expect(outcome.status == nil && outcome.ending.error != nil)
    }
  }

  @Test("an answer without an end is a success by its status, and little of it is read")
  func endless() async throws {
    let chunk = String(repeating: "x", count: 65_536)
    let wire = try await Self.trial { peer, moment in
      guard case .body = moment else { return }
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
      peer.pour(.init(string: chunk), times: 1000)
    } _: { outcome in
      #expect(outcome.ending == .delivered)
    }
    #expect(wire.sentBytes < 30_000_000)
    _ = try await Self.trial(timeout: .seconds(1)) { peer, moment in
      guard case .body = moment else { return }
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")
    } _: { outcome in
      #expect(outcome.ending == .delivered)
    }
  }

  @Test(
    "without leave nothing is sent to this machine, whatever leads there",
    arguments: [
      "https://127.0.0.1", "https://localhost", "https://127.1", "https://2130706433",
      "https://0x7f000001",
      "https://[::1]", "https://0.0.0.0",
    ]
  )
  func enclosed(url: String) async throws {
    let server = try await RawServer.start { _, _ in }
    try await Self.post(to: "\(url):\(server.port)/", timeout: .seconds(5), allowsPrivate: false) {
      outcome in
      #expect(outcome.ending != .delivered && outcome.status == nil)
      let words = outcome.ending.error ?? ""
      #expect(
        words.contains("may not be sent to") || words.contains("cannot be resolved"),
        "\(words)"
      )
    }
    #expect(try await server.end().heads.isEmpty)
  }

  @Test("addresses that keep the secrets of machines are refused even with leave")
  func forbidden() async throws {
    for bytes: [UInt8] in [[169, 254, 169, 254], [0, 0, 0, 0], [224, 0, 0, 1]] {
      let address = NetworkAddress(bytes)
      try await Self.post(
        to: "https://hook.example/",
        lookup: { _ in .success([address].compactMap(\.self)) }
      ) {
        #expect($0.ending.error?.contains("may not be sent to") == true)
      }
    }
  }

  @Test(
    "a name that leads elsewhere the next moment is judged each time, and connections go where it was judged to"
  )
  func rebinding() async throws {
    let server = try await RawServer.start { peer, moment in
      if case .body = moment { peer.send(Sample.http("200 OK", "")) }
    }
    let looks = Count()
    var errors: [String?] = []
    // The system does not know the name: whoever looked it up again would fail.
    try await Self.post(
      to: "http://localhost:\(server.port)/",
      posts: 3,
      lookup: { _ in
        let address = looks.next() == 2 ? NetworkAddress([10, 0, 0, 1]) : Self.here
        return .success([address].compactMap(\.self))
      }
    ) { outcome in
      errors.append(outcome.ending.error)
    }
    #expect(errors[0] == nil && errors[2] == nil)
    #expect(errors[1] == "localhost leads to an address that webhooks may not be sent to")
    #expect(try await server.end().posts == 2)
  }

  @Test("names whose servers do not answer keep no other webhook waiting")
  func slowNames() async throws {
    let server = try await RawServer.start { peer, moment in
      if case .body = moment { peer.send(Sample.http("200 OK", "")) }
    }
    let gate = DispatchSemaphore(value: 0)
    let slow = try (0..<16).map { _ in
      try WebhookPoster(
        BaseURL(webhook: "https://slow.example/"),
        allowsPrivate: true,
        timeout: .seconds(60),
        caFile: nil,
        version: "1.2.3",
        lookup: { _ in
          gate.wait()
          return .failure(.init(words: "nobody answered"))
        }
      )
    }
    try await withThrowingTaskGroup { group in
      for poster in slow { group.addTask { _ = await poster.post([], headers: [], attempt: 1) } }
      try await Self.post(to: "http://127.0.0.1:\(server.port)/", timeout: .seconds(3)) { outcome in
        #expect(outcome.ending == .delivered)
      }
      for _ in slow { gate.signal() }
    }
    #expect(try await server.end().posts == 1)
  }

  @Test("the certificate is checked against the name, not against the address")
  func certificates() async throws {
    try await Certificates.with { certificates in
      for (authority, isTrusted) in [
        (certificates.authority, true), (certificates.otherAuthority, false),
      ] {
        let server = try await RawServer.start(tls: certificates.serverContext()) { peer, moment in
          if case .body = moment { peer.send(Sample.http("200 OK", "")) }
        }
        try await Self.post(
          to: "https://localhost:\(server.port)/",
          caFile: authority,
          lookup: { _ in .success([Self.here].compactMap(\.self)) }
        ) { outcome in
          #expect((outcome.ending == .delivered) == isTrusted, "\(outcome)")
        }
        #expect(try await server.end().posts == (isTrusted ? 1 : 0))
      }
    }
  }

  @Test("plain http needs leave")
  func plain() throws {
    let url = try BaseURL(webhook: "http://127.0.0.1/")
    let error = #expect(throws: ConfigurationError.self) {
      try WebhookPoster(url, allowsPrivate: false, timeout: .seconds(1), caFile: nil, version: "1")
    }
    #expect(error?.description.contains("https://") == true)
  }
}
