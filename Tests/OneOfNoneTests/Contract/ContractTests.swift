import NIOHTTP1
import Provisioning
import Synchronization
import Testing

@testable import OneOfNone

@Suite("Answers held against the API's documents")
struct ContractTests {
  private static let code = """
    {"id":"11111111-1111-4111-8111-111111111111","rewardId":"22222222-2222-4222-8222-222222222222",\
    "code":"SUMMER","status":"available","reservedFor":null,"redeemedBy":null,"redeemedAt":null,\
    "orderId":null,"externalOrderId":null,"createdAt":"2026-01-31T12:34:56.789Z","expiresAt":null,\
    "updatedAt":"2026-01-31T12:34:56.789Z","externalIds":{"shopify":{"discountId":"d","codeId":null,\
    "syncedAt":"2026-01-31T12:34:56.789Z","syncStatus":"pending","error":null},"klaviyo":{"a":1}}}
    """

  private static func found(
    _ body: String,
    _ request: Contract.Endpoint = .list,
    status: Int = 200,
    elements: Int = Contract.sample
  ) -> Set<String> {
    let reply = Reply(
      status: status,
      headers: [:],
      body: Array(body.utf8),
      receivedAt: Timestamp(microseconds: 0)
    )
    return Set(Contract.differences(reply, request, elements: elements).keys.map(\.description))
  }

  private static func page(_ codes: String...) -> String {
    #"{"data":[\#(codes.joined(separator: ","))],"pagination":{"next":null}}"#
  }

  @Test("what the documents say is no difference: nulls, other systems, any pagination")
  func documented() {
    #expect(Self.found(Self.page(Self.code, "null")) == [])
    #expect(Self.found(#"{"codes":[\#(Self.code)]}"#, .generate, status: 201) == [])
    #expect(Self.found(#"{"message":"no","code":"x","more":1}"#, status: 404) == [])
    #expect(Self.found("anything", .team) == [])
  }

  @Test("each kind of difference is named with its place, and without a value")
  func kinds() {
    func changed(_ old: String, _ new: String) -> Set<String> {
      Self.found(Self.page(Self.code.replacing(old, with: new)))
    }
    #expect(
      changed(#""code":"#, #""tier":1,"code":"#) == ["list: data[] has the unknown field tier"]
    )
    #expect(changed(#""orderId":null,"#, "") == ["list: data[].orderId is missing"])
    #expect(changed(#""SUMMER""#, "17") == ["list: data[].code has another type"])
    #expect(
      changed("available", "archived") == ["list: data[].status has the unknown word archived"]
    )
    #expect(
      changed("pending", "queued")
        == ["list: data[].externalIds.shopify.syncStatus has the unknown word (a word not shown)"]
    )
    #expect(
      changed("2026-01-31T12:34:56.789Z", "now").contains("list: data[].createdAt has another type")
    )
    #expect(Self.found(#"{"data":[]}"#) == ["list: pagination is missing"])
    #expect(Self.found("<html>") == ["list: the answer is no JSON"])
    #expect(Self.found("[]") == ["list: the answer has another type"])
  }

  @Test("other statuses than documented, and errors of another form; rare statuses are one place")
  func statuses() {
    #expect(Self.found("{}", .team, status: 204) == ["team: status 204"])
    #expect(
      Self.found(#"{"error":"slow"}"#, .generate, status: 429) == [
        "generate: status 429", "generate: message is missing", "generate: code is missing",
      ]
    )
    #expect(Self.found("", .team, status: 299) == ["team: status 2xx"])
    let expected = [401, 403, 408, 429, 500, 503].allSatisfy { status in
      let reply = Reply(
        status: status,
        headers: [:],
        body: Array(#"{"message":"","code":""}"#.utf8),
        receivedAt: Timestamp(microseconds: 0)
      )
      return Contract.differences(reply, .generate).keys.allSatisfy(\.isExpected)
    }
    #expect(expected)
  }

  @Test(
    "a name that may be the value of a code is not shown",
    arguments: ["SUMMER", "a1", "", "ä", "qwertz", "createdQwertz", "_"]
  )
  func names(name: String) {
    let code = Self.code.replacing(#""code":"#, with: #""\#(name)":1,"code":"#)
    #expect(
      Self.found(Self.page(code)) == ["list: data[] has the unknown field (a name not shown)"]
    )
  }

  @Test("of a long answer only a sample is looked at, however deep its objects are")
  func bounded() {
    let other = Self.code.replacing("available", with: "archived")
    #expect(Self.found(Self.page(Self.code, Self.code, Self.code, other)) == [])
    #expect(
      Self.found(Self.page(Self.code, Self.code, Self.code, other), elements: 4)
        == ["list: data[].status has the unknown word archived"]
    )
    let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    #expect(Self.found(#"{"data":\#(deep),"pagination":{}}"#) == ["list: data[] has another type"])
  }

  @Test(
    "an answer that says that it is a stand-in's is noticed, whatever its status",
    arguments: [201, 404, 500]
  )
  func standIn(status: Int) async throws {
    for isSaid in [true, false] {
      let server = try await RawServer.start { peer, moment in
        guard case .body = moment else { return }
        peer.send(
          Sample.http("\(status) Word", "{}", headers: isSaid ? ["Codemint-Stand-In: yes"] : [])
        )
      }
      let notices = Mutex(0)
      let client = APIClient(
        try APIConfiguration(
          baseURL: "http://127.0.0.1:\(server.port)",
          key: APIKey(testKey),
          timeout: .seconds(60),
          version: "1.2.3"
        ),
        onStandIn: { notices.withLock { $0 += 1 } }
      )
      _ = await client.generate(prefix: "SUMMER")
      await client.shutdown()
      _ = try await server.end()
      #expect(notices.withLock { $0 } == (isSaid ? 1 : 0))
    }
  }

  @Test("how a time is written is read from its text")
  func times() throws {
    let full = try #require(TimeText("2026-01-31T12:34:00.789012+05:30"))
    #expect(full.digits == 6 && full.zone == "+05:30" && full.isWholeMinute)
    let short = try #require(TimeText("2026-01-31T12:34:56"))
    #expect(short.digits == 0 && short.zone.isEmpty && !short.isWholeMinute)
    #expect(TimeText("2026-01-31T12:34:56Z")?.zone == "Z" && TimeText("yesterday") == nil)
  }
}
