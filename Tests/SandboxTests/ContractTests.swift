import Foundation
import Testing

@testable import Sandbox

@Suite("the calls as the contract words them")
struct ContractTests {
  @Test(
    "a generate answer holds as many codes as asked for, each with every required field and no other"
  )
  func generateShape() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      let answer = try await caller.generate(3, prefix: "SUMMER")
      #expect(answer.status == 201)
      #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true)
      let top = try #require(
        try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: [[String: Any]]]
      )
      #expect(top.keys.sorted() == ["codes"])
      let required: Set = [
        "id", "rewardId", "code", "status", "reservedFor", "redeemedBy", "redeemedAt", "orderId",
        "externalOrderId", "createdAt", "expiresAt", "updatedAt", "externalIds",
      ]
      for code in top["codes"] ?? [] { #expect(Set(code.keys) == required) }
      let codes = try answer.codes()
      #expect(codes.count == 3)
      #expect(codes.allSatisfy { $0.rewardId == Caller.reward && $0.status == "available" })
      #expect(codes.allSatisfy { $0.code.hasPrefix("SUMMER") && $0.code.count == 16 })
      #expect(codes.allSatisfy { UUID(uuidString: $0.id) != nil })
      #expect(codes.allSatisfy { $0.createdAt == "2026-01-31T12:34:56.789Z" })
    }
  }

  @Test("each answer says that it is a stand-in's, so that nobody takes its codes for real ones")
  func standIn() async throws {
    try await withSandbox { (caller) async throws in
      for (method, path, body) in [
        ("POST", "/v1/rewards/\(Caller.reward)/codes/generate", #"{"count":2}"#),
        ("POST", "/v1/rewards/\(Caller.reward)/codes/generate", #"{"count":0}"#),
        ("GET", "/v1/team", ""), ("GET", "/v1/rewards/\(Caller.reward)/codes", ""),
        ("GET", "/nothing", ""),
      ] {
        let answer = try await caller.call(method, path, body: body)
        #expect(answer.headers["codemint-stand-in"] == "codemint sandbox", "\(method) \(path)")
      }
    }
  }

  @Test(
    "a body that the contract does not allow is refused with 400",
    arguments: [
      #"{"count":0}"#, #"{"count":501}"#, #"{"count":-1}"#, #"{"count":1.5}"#, #"{"count":"5"}"#,
      #"{"count":true}"#, #"{"count":null}"#, #"{}"#, #"{"prefix":"A"}"#, #"[]"#, #"5"#, "", "{",
      #"{"count":1,"prefix":""}"#, #"{"count":1,"prefix":null}"#, #"{"count":1,"prefix":7}"#,
      #"{"count":1,"prefix":"123456789012345678901234567890123"}"#,
      #"{"count":1,"idempotencyKey":"x"}"#, #"{"Count":1}"#,
    ]
  )
  func strictBodies(_ body: String) async throws {
    try await withSandbox { (caller) async throws in
      let answer = try await caller.call(
        "POST",
        "/v1/rewards/\(Caller.reward)/codes/generate",
        body: body
      )
      #expect(answer.status == 400)
      let error = try answer.decoded(ErrorShown.self)
      #expect(error.code == "invalid_request")
      #expect(!error.message.isEmpty)
      #expect(caller.sandbox.truth.codes == 0)
    }
  }

  @Test(
    "the bounds themselves are allowed",
    arguments: [
      (#"{"count":1}"#, 1), (#"{"count":500}"#, 500), (#"{"count":2,"prefix":"A"}"#, 2),
      (#"{"count":2,"prefix":"12345678901234567890123456789012"}"#, 2),
      (#" { "prefix" : "\u00e4\"\\\n" , "count" : 2 } "#, 2),
    ]
  )
  func bounds(_ body: String, _ count: Int) async throws {
    try await withSandbox { (caller) async throws in
      let answer = try await caller.call(
        "POST",
        "/v1/rewards/\(Caller.reward)/codes/generate",
        body: body
      )
      #expect(answer.status == 201)
      #expect(try answer.codes().count == count)
    }
  }

  @Test("a prefix is literally the leading part of a code, whatever characters it has")
  func oddPrefix() async throws {
    try await withSandbox { (caller) async throws in
      let answer = try await caller.generate(1, prefix: #"\"\\\u0001ä€🎁"#)
      #expect(try answer.codes().first?.code.hasPrefix("\"\\\u{1}ä€🎁") == true)
      let listed = try await caller.list().data()
      let generated = try answer.codes()
      #expect(listed == generated)
      let made = caller.sandbox.truth.made(ofReward: Caller.reward)
      #expect(made.map(\.code) == listed.map(\.code))
    }
  }

  @Test("a body of another content type is refused with 400")
  func contentType() async throws {
    try await withSandbox { (caller) async throws in
      let answer = try await caller.call(
        "POST",
        "/v1/rewards/\(Caller.reward)/codes/generate",
        body: #"{"count":1}"#,
        headers: ["Content-Type": "text/plain"]
      )
      #expect(answer.status == 400)
    }
  }

  @Test("a body larger than 64 KiB is refused with 413")
  func largeBody() async throws {
    try await withSandbox { (caller) async throws in
      let answer = try await caller.call(
        "POST",
        "/v1/rewards/\(Caller.reward)/codes/generate",
        body: String(repeating: " ", count: 70_000) + #"{"count":1}"#
      )
      #expect(answer.status == 413)
    }
  }

  @Test("rewards that are excepted or not named answer 404 to every call")
  func unknownRewards() async throws {
    let except = SandboxConfiguration(rewards: .any(except: [Caller.otherReward.uppercased()]))
    let only = SandboxConfiguration(rewards: .only([Caller.reward]))
    for configuration in [except, only] {
      try await withSandbox(configuration) { (caller) async throws in
        #expect(try await caller.generate(1, reward: Caller.reward).status == 201)
        let refused = try await caller.generate(1, reward: Caller.otherReward)
        #expect(refused.status == 404)
        #expect(try refused.decoded(ErrorShown.self).code == "reward_not_found")
        #expect(try await caller.list(reward: Caller.otherReward).status == 404)
        let sync = "/v1/rewards/\(Caller.otherReward)/sync?system=shopify"
        #expect(try await caller.call("POST", sync).status == 404)
      }
    }
  }

  @Test("a reward id that is no UUID is refused with 400")
  func malformedReward() async throws {
    try await withSandbox { (caller) async throws in
      #expect(try await caller.generate(1, reward: "summer-sale").status == 400)
      #expect(try await caller.list(reward: "3c90c3cc0d444b5088888dd25736052a").status == 400)
    }
  }

  @Test("every call needs a key as at the API: the configured one, or any if none is configured")
  func keys() async throws {
    let paths = [
      ("GET", "/v1/team"), ("GET", "/v1/rewards"), ("GET", "/v1/rewards/\(Caller.reward)/codes"),
      ("POST", "/v1/rewards/\(Caller.reward)/sync?system=stripe"),
    ]
    try await withSandbox(SandboxConfiguration(apiKey: "right")) { (caller) async throws in
      for (method, path) in paths {
        caller.key = nil
        #expect(try await caller.call(method, path).status == 401)
        let wrong = try await caller.call(method, path, headers: ["x-api-key": "wrong"])
        #expect(wrong.status == 401)
        #expect(try wrong.decoded(ErrorShown.self).code == "unauthorized")
        let right = try await caller.call(method, path, headers: ["X-API-Key": "right"])
        #expect(right.status == 200)
      }
      #expect(try await caller.generate(1).status == 401)
      #expect(caller.sandbox.truth.codes == 0)
      #expect("\(caller.sandbox.configuration)".contains("right") == false)
    }
    try await withSandbox { (caller) async throws in
      for (method, path) in paths {
        let keyless = try await caller.call(method, path, headers: ["x-api-key": ""])
        #expect(keyless.status == 401)
        #expect(try await caller.call(method, path).status == 200)
      }
      caller.key = nil
      #expect(try await caller.generate(1).status == 401)
      #expect(caller.sandbox.truth.codes == 0)
    }
  }

  @Test("unknown paths answer 404 and wrong methods 405, in the API's form of errors")
  func paths() async throws {
    try await withSandbox { (caller) async throws in
      for path in [
        "/", "/v1", "/v1/teams", "/v1/rewards/\(Caller.reward)", "/v2/team", "/v1/team/",
      ] {
        let answer = try await caller.call("GET", path)
        #expect(answer.status == 404)
        #expect(try answer.decoded(ErrorShown.self).code == "not_found")
      }
      #expect(try await caller.call("DELETE", "/v1/team").status == 405)
      #expect(
        try await caller.call("GET", "/v1/rewards/\(Caller.reward)/codes/generate").status == 405
      )
    }
  }

  @Test("the team and the rewards can be read, and rewards hold an array of external ids")
  func teamAndRewards() async throws {
    try await withSandbox { (caller) async throws in
      let team = try await caller.call("GET", "/v1/team")
      #expect(team.status == 200)
      #expect(try team.decoded([String: String].self)["id"] != nil)
      _ = try await caller.generate(1)
      let answer = try await caller.call("GET", "/v1/rewards?limit=5&offset=0")
      let rewards = try #require(
        try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
      )
      let first = try #require((rewards["data"] as? [[String: Any]])?.first)
      #expect(first["id"] as? String == Caller.reward)
      #expect((first["externalIds"] as? [[String: Any]])?.first?["system"] as? String == "shopify")
    }
  }
}

@Suite("dates, UUIDs and JSON as bytes")
struct WireFormTests {
  @Test(
    "moments are written in ISO 8601 with milliseconds",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (1_769_862_896_789, "2026-01-31T12:34:56.789Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] as [(Int64, String)]
  )
  func timestamps(_ milliseconds: Int64, _ text: String) {
    #expect(Timestamp.text(milliseconds * 1000) == text)
  }

  @Test("the three forms of HTTP dates are those of RFC 9110")
  func httpDates() {
    let date = Calendar(microseconds: 784_111_777_000_000)
    #expect(date.imfFixdate == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(date.rfc850 == "Sunday, 06-Nov-94 08:49:37 GMT")
    #expect(date.asctime == "Sun Nov  6 08:49:37 1994")
  }

  @Test("UUIDs are read in any case and written in lower case")
  func uuids() {
    let text = "3C90c3cc-0d44-4b50-8888-8dd25736052A"
    #expect(UUIDBits(text)?.description == text.lowercased())
    #expect(UUIDBits("00000000-0000-0000-0000-000000000000") == UUIDBits(high: 0, low: 0))
    for wrong in ["", "3c90c3cc", text + "0", String(text.dropLast()), "g" + text.dropFirst()] {
      #expect(UUIDBits(wrong) == nil)
    }
    #expect(UUIDBits("3c90c3cc00d44-4b50-8888-8dd25736052") == nil)
  }

  @Test("shares are met, and never and always are exact")
  func shares() {
    let lots = (UInt64(0)..<10_000).map(mixed)
    #expect(lots.filter(Share(0).covers).isEmpty)
    #expect(lots.filter(Share(1).covers).count == lots.count)
    #expect((2300...2700).contains(lots.filter(Share(0.25).covers).count))
  }
}
