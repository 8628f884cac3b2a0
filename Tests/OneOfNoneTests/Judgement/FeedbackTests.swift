import NIOHTTP1
import Provisioning
import Testing

@testable import OneOfNone

@Suite("What answers say about the pace")
struct FeedbackTests {
  private static func feedback(_ status: Int, _ headers: HTTPHeaders) -> PaceFeedback? {
    let now = Timestamp(microseconds: 1_700_000_000 * 1_000_000)
    return Feedback.of(Reply(status: status, headers: headers, body: [], receivedAt: now))
  }

  @Test("an answer without such headers is no feedback")
  func nothing() {
    #expect(Self.feedback(201, [:]) == nil)
    #expect(Self.feedback(500, [:]) == nil)
    #expect(Self.feedback(201, ["RateLimit": "garbage", "X-RateLimit-Remaining": "-1"]) == nil)
    #expect(Self.feedback(201, ["Retry-After": "9"]) == nil)
    #expect(Self.feedback(201, ["RateLimit": "\"day\";r=900;t=80000"]) == nil)
  }

  @Test("a 429 is a refusal, with the pause that it asks for")
  func refusal() {
    #expect(Self.feedback(429, [:]) == PaceFeedback(isRefusal: true))
    let asked = Self.feedback(429, ["Retry-After": "7"])
    #expect(asked == PaceFeedback(isRefusal: true, pause: .seconds(7)))
  }

  @Test("Retry-After of a failing server is a pause")
  func overloaded() {
    #expect(Self.feedback(503, ["Retry-After": "30"]) == PaceFeedback(pause: .seconds(30)))
    #expect(Self.feedback(503, ["Retry-After": "-3"]) == nil)
    let long = Self.feedback(503, ["Retry-After": "999999999999999999999"])
    #expect(long == PaceFeedback(pause: Bounds.longestPause))
  }

  @Test(
    "an exhausted window is a pause, in every form of the fields",
    arguments: [
      ["RateLimit": "\"default\";r=0;t=12"],
      ["RateLimit": "\"a\";r=5;t=90, \"b\";r=0;t=12"],
      ["RateLimit": "limit=10, remaining=0, reset=12"],
      ["RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "12"],
      ["X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"],
      ["X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000012"],
      ["X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000012000"],
    ] as [HTTPHeaders]
  )
  func usedUp(headers: HTTPHeaders) {
    #expect(Self.feedback(201, headers) == PaceFeedback(pause: .seconds(12)))
  }

  @Test(
    "the rest of a short window is spread over the window",
    arguments: [
      ["RateLimit": "\"default\";r=30;t=12"],
      ["RateLimit": "\"a\";r=30;t=12, \"b\";r=100;t=10, \"day\";r=100;t=80000"],
      ["RateLimit": "limit=100, remaining=30, reset=12"],
      ["RateLimit-Remaining": "30", "RateLimit-Reset": "12"],
      ["X-RateLimit-Remaining": "30", "X-RateLimit-Reset": "12"],
      ["X-RateLimit-Remaining": "30.0", "X-RateLimit-Reset": "12.0"],
      ["RateLimit": "\"default\";r=30;t=12.0"],
    ] as [HTTPHeaders]
  )
  func left(headers: HTTPHeaders) {
    #expect(Self.feedback(201, headers) == PaceFeedback(ceiling: 2.5))
  }
}
