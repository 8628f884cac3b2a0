import Foundation
import Testing

@testable import Sandbox

@Suite("the truth about what happened")
struct TruthTests {
  private struct Requests: Decodable {
    struct Generate: Decodable {
      let number: Int
      let reward: String
      let arrivedNs: UInt64
      let count: Int?
      let made: Int
      let status: Int?
      let answer: String
      let faults: [String]

      enum CodingKeys: String, CodingKey {
        case number, reward, count, made, status, answer, faults
        case arrivedNs = "arrived_ns"
      }
    }
    struct List: Decodable {
      let reward: String
      let status: Int?
    }
    let generate: [Generate]
    let list: [List]
  }

  private struct Counts: Decodable {
    let codes: Int
    let generateRequests: Int
    let listRequests: Int
    let syncRequests: Int
    let somebodyElse: Int
    let rewards: [String: Int]

    enum CodingKeys: String, CodingKey {
      case codes, rewards
      case generateRequests = "generate_requests"
      case listRequests = "list_requests"
      case syncRequests = "sync_requests"
      case somebodyElse = "somebody_else"
    }
  }

  private struct Line: Decodable, Equatable {
    let id: String
    let reward: String
    let request: Int?
  }

  @Test("codes are counted by reward and known by the request that made them")
  func counts() async throws {
    try await withSandbox { (caller) async throws in
      let first = try await caller.generate(3).codes()
      _ = try await caller.generate(501)
      let third = try await caller.generate(2, reward: Caller.otherReward).codes()
      let truth = caller.sandbox.truth
      #expect(truth.codes == 5)
      #expect(truth.codesByReward == [Caller.reward: 3, Caller.otherReward: 2])
      #expect(truth.ids(ofReward: Caller.reward.uppercased()) == first.map(\.id))
      #expect(truth.made(ofReward: Caller.otherReward).map(\.request) == [3, 3])
      #expect(truth.made(ofReward: Caller.otherReward).map(\.code) == third.map(\.code))
      #expect(truth.made(ofReward: "nonsense").isEmpty)
      #expect(truth.generateRequests == 3)
      let requests = truth.requests()
      #expect(requests.map(\.number) == [1, 2, 3])
      #expect(requests.map(\.status) == [201, 400, 201])
      #expect(requests.map(\.count) == [3, nil, 2])
      #expect(requests.map(\.made) == [3, 0, 2])
      #expect(requests.allSatisfy { $0.answer == .whole && $0.faults.isEmpty })
    }
  }

  @Test("arrivals are moments of the monotonic clock, in order")
  func arrivals() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      for _ in 0..<3 {
        _ = try await caller.generate(1)
        clock.advance(by: .milliseconds(250))
      }
      let arrivals = caller.sandbox.truth.arrivals()
      #expect(arrivals.map { $0 - arrivals[0] } == [0, 250_000_000, 500_000_000])
    }
  }

  @Test("the admin surface tells the same to another process, without a key")
  func admin() async throws {
    try await withSandbox(SandboxConfiguration(apiKey: "k")) { (caller) async throws in
      let generate = "/v1/rewards/\(Caller.reward)/codes/generate"
      _ = try await caller.call(
        "POST",
        generate,
        body: #"{"count":4}"#,
        headers: ["x-api-key": "k"]
      )
      _ = try await caller.generate(4)
      _ = try await caller.list()
      let counts: Counts = try await caller.call("GET", "/sandbox/truth").decoded()
      #expect(counts.codes == 4)
      #expect(counts.generateRequests == 2)
      #expect(counts.listRequests == 1)
      #expect(counts.syncRequests == 0)
      #expect(counts.somebodyElse == 0)
      #expect(counts.rewards == [Caller.reward: 4])
      let requests: Requests = try await caller.call("GET", "/sandbox/requests").decoded()
      #expect(requests.generate.map(\.status) == [201, 401])
      #expect(requests.generate.map(\.made) == [4, 0])
      #expect(requests.generate.map(\.arrivedNs) == caller.sandbox.truth.arrivals())
      #expect(requests.list.map(\.status) == [401])
    }
  }

  @Test("ids are streamed a line each, of one reward or of all, without the texts of codes")
  func streamedIds() async throws {
    try await withSandbox { (caller) async throws in
      for _ in 0..<8 { _ = try await caller.generate(500, prefix: "SECRET") }
      _ = try await caller.generate(1, reward: Caller.otherReward)
      let all = try await caller.call("GET", "/sandbox/truth?ids=1")
      #expect(!all.text.contains("SECRET"))
      let lines = try all.text.split(separator: "\n").map {
        try JSONDecoder().decode(Line.self, from: Data($0.utf8))
      }
      #expect(lines.count == 4001)
      #expect(Set(lines.map(\.id)).count == 4001)
      let mine = lines.filter { $0.reward == Caller.reward }
      #expect(mine.map(\.id) == caller.sandbox.truth.ids(ofReward: Caller.reward))
      #expect(mine.map(\.request) == (1...8).flatMap { Array(repeating: $0, count: 500) })
      let one = try await caller.call(
        "GET",
        "/sandbox/truth?ids=1&reward=\(Caller.otherReward)"
      )
      #expect(one.text.split(separator: "\n").count == 1)
    }
  }

  @Test("only so many list requests are remembered, and the latest stay")
  func forgetting() throws {
    let log = RequestLog()
    let reward = try #require(UUIDBits(Caller.reward))
    for moment in 1...RequestLog.listCapacity + 10 {
      let number = log.listArrived(reward, at: UInt64(moment))
      #expect(number == moment)
    }
    log.update(list: 3) { $0.status = 500 }
    log.update(list: RequestLog.listCapacity + 9) { $0.status = 200 }
    let remembered = log.listRequests()
    #expect(remembered.count == RequestLog.listCapacity)
    #expect(remembered.first?.arrivedAt == 11)
    #expect(remembered.last?.arrivedAt == UInt64(RequestLog.listCapacity + 10))
    #expect(remembered.suffix(2).map(\.status) == [200, -1])
    #expect(remembered.allSatisfy { $0.status != 500 })
    #expect(log.listCount == RequestLog.listCapacity + 10)
  }
}
