import Testing

@testable import Sandbox

@Suite("answers with another status")
struct StatusFaultTests {
  @Test(
    "every status comes with a body in the API's form, and nothing is made",
    arguments: [400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504]
  )
  func refusals(_ status: Int) async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .status(status))
      let answer = try await caller.generate(5)
      #expect(answer.status == status)
      #expect(try answer.decoded(ErrorShown.self).code == "status_\(status)")
      #expect(caller.sandbox.truth.codes == 0)
      let request = try #require(caller.sandbox.truth.requests().first)
      #expect(request.status == status)
      #expect(request.made == 0)
      #expect(request.answer == .whole)
      #expect(request.faults == ["status"])
    }
  }

  @Test("a status can come after all, or a part, of the codes were made")
  func afterMaking() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .status(500, made: .all))
      #expect(try await caller.generate(5).status == 500)
      #expect(caller.sandbox.truth.codes == 5)
      try caller.misbehave(.generate, .status(500, made: .part(3)))
      #expect(try await caller.generate(5).status == 500)
      #expect(try await caller.generate(2).status == 500)
      #expect(caller.sandbox.truth.codes == 10)
      #expect(caller.sandbox.truth.requests().map(\.made) == [5, 3, 2])
    }
  }

  @Test(
    "redirects lead back to the same path unless told otherwise",
    arguments: [301, 302, 303, 307, 308]
  )
  func redirects(_ status: Int) async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.list, .status(status))
      let answer = try await caller.list("limit=5")
      #expect(answer.status == status)
      #expect(answer.headers["location"] == "/v1/rewards/\(Caller.reward)/codes?limit=5")
      try caller.misbehave(.generate, .status(status, headers: ["Location": "/elsewhere"]))
      let other = try await caller.generate(1)
      #expect(other.status == status)
      #expect(other.headers["location"] == "/elsewhere")
    }
  }

  @Test("a 2xx other than the right one still shows the codes, a 204 shows nothing")
  func otherSuccess() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .status(200, made: .all))
      let answer = try await caller.generate(2)
      #expect(answer.status == 200)
      #expect(try answer.codes().count == 2)
      try caller.misbehave(.generate, .status(204, made: .all))
      let empty = try await caller.generate(2)
      #expect(empty.status == 204)
      #expect(empty.body.isEmpty)
      try caller.misbehave(.generate)
      let after = try await caller.generate(1)
      #expect(after.status == 201)
    }
  }

  @Test(
    "Retry-After comes in every form, right and wrong",
    arguments: [
      (.seconds, "90"), (.imfFixdate, "Sat, 31 Jan 2026 12:36:26 GMT"),
      (.rfc850, "Saturday, 31-Jan-26 12:36:26 GMT"), (.asctime, "Sat Jan 31 12:36:26 2026"),
      (.negative, "-90"), (.huge, "99999999999999999999999999"), (.garbage, "in a little while"),
    ] as [(RetryAfter.Form, String)]
  )
  func retryAfter(_ form: RetryAfter.Form, _ text: String) async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .status(429, retryAfter: RetryAfter(form, seconds: 90)))
      let answer = try await caller.generate(1)
      #expect(answer.status == 429)
      #expect(answer.headers["retry-after"] == text)
    }
  }

  @Test("headers are added to good answers and bad ones")
  func headers() async throws {
    try await withSandbox { (caller) async throws in
      let limits = ["RateLimit-Limit": "10", "RateLimit": "\"default\";r=0;t=5"]
      try caller.misbehave(.generate, .headers(set: limits))
      let good = try await caller.generate(1)
      #expect(good.status == 201)
      #expect(good.headers["ratelimit-limit"] == "10")
      try caller.misbehave(.generate, .headers(set: limits), .status(429))
      let bad = try await caller.generate(1)
      #expect(bad.status == 429)
      #expect(bad.headers["ratelimit"] == "\"default\";r=0;t=5")
    }
  }

  @Test("HTML comes with 201 though the codes were made")
  func html() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .html())
      let answer = try await caller.generate(4)
      #expect(answer.status == 201)
      #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
      #expect(answer.text.hasPrefix("<!doctype html>"))
      #expect(caller.sandbox.truth.codes == 4)
    }
  }

  @Test("the other calls can be struck as well")
  func otherCalls() async throws {
    try await withSandbox { (caller) async throws in
      let calls: [(FaultRule.Endpoint, String, String)] = [
        (.team, "GET", "/v1/team"), (.rewards, "GET", "/v1/rewards"),
        (.sync, "POST", "/v1/rewards/\(Caller.reward)/sync?system=shopify"),
        (.list, "GET", "/v1/rewards/\(Caller.reward)/codes"),
      ]
      for (endpoint, method, path) in calls {
        try caller.misbehave(endpoint, .status(403))
        #expect(try await caller.call(method, path).status == 403)
        try caller.misbehave(endpoint)
        #expect(try await caller.call(method, path).status == 200)
      }
    }
  }
}
