import Foundation
import Testing

@testable import Sandbox

@Suite("fault plans as documents")
struct FaultPlanTests {
  static let everyFault: [(FaultRule.Endpoint, Fault)] = [
    (.team, .latency(seconds: 1, jitter: 0.5)), (.list, .headers(set: ["Age": "3"])),
    (.generate, .nulls(count: 1, made: false)), (.generate, .short(by: 2, made: true)),
    (.generate, .long(by: 3)), (.list, .doubled(count: 4, instead: true)),
    (.generate, .foreign(count: 5)), (.generate, .unknownValues(count: 6)),
    (.list, .extraFields(count: 7)), (.generate, .nulCharacter(count: 8, field: .error)),
    (.list, .order(.shuffled)), (.list, .stale(seconds: 9, age: true)),
    (.list, .shortPage(limit: 10)), (.list, .somebodyElse(count: 11, prefix: .other)),
    (
      .generate,
      .status(
        503,
        made: .part(12),
        retryAfter: RetryAfter(.rfc850, seconds: 13),
        headers: ["X-A": "b"]
      )
    ),
    (.sync, .reset(at: .inBody, made: .all, abrupt: false)),
    (.rewards, .hang(made: .all, seconds: 14)),
    (.generate, .hang()), (.generate, .generateLate(seconds: 15)),
    (.team, .cut(keep: 0.25, complete: false, made: .none)), (.generate, .html(status: 200)),
    (.generate, .prefix(.upper)), (.generate, .prefix(.cut(4))), (.list, .texts(.masked)),
    (.list, .times(TimeForm(offset: -5, resolution: .seconds, rounded: true, zone: .hours(5.5)))),
    (.generate, .times(TimeForm(zone: .none))), (.list, .withheld(.updatedAt, as: .missing)),
    (.team, .date(offset: -7200, missing: false)), (.list, .cached(seconds: 19, age: true)),
    (.list, .hidden(share: 0.5, status: .redeemed)), (.generate, .replayed(made: false)),
    (.generate, .collapsed(seconds: 20)), (.generate, .swapped(seconds: 21)),
    (.generate, .swapped(seconds: 21, across: true)),
    (.generate, .older(count: 22, made: true)), (.generate, .resent(times: 2)),
    (.generate, .slow(seconds: 23, answer: 24)), (.generate, .slow(seconds: 25)),
    (.reward, .old(count: 26, days: 27.5, prefix: "P")), (.reward, .old(count: 28, days: 29)),
    (.reward, .stream(everySeconds: 1.5, prefix: .other)),
    (.list, .drip(bytes: 16, everySeconds: 17)), (.generate, .flood(bytes: 18, declared: false)),
  ]

  @Test("a plan with every fault survives being written and read")
  func roundTrip() throws {
    let plan = FaultPlan(
      seed: 5,
      rules: Self.everyFault.map {
        FaultRule(
          $0,
          $1,
          probability: 0.5,
          skip: 1,
          first: 2,
          every: 3,
          reward: Caller.reward,
          times: 4,
          from: 5,
          until: 6.5
        )
      }
    )
    #expect(try FaultPlan(json: plan.json) == plan)
    #expect(try FaultPlan(json: FaultPlan().json) == FaultPlan())
  }

  @Test("what has a default may be left out")
  func defaults() throws {
    let plan = try FaultPlan(
      json: """
        {"rules": [
          {"where": "generate", "what": {"fault": "status", "status": 500}},
          {"where": "generate", "what": {"fault": "cut"}, "times": 1},
          {"where": "list", "what": {"fault": "order", "as": "ascending"}}
        ]}
        """
    )
    #expect(
      plan.rules == [
        FaultRule(.generate, .status(500)), FaultRule(.generate, .cut(), times: 1),
        FaultRule(.list, .order(.ascending)),
      ]
    )
    #expect(try FaultPlan(json: "{}") == FaultPlan())
  }

  @Test(
    "a plan that means nothing is refused, and the message names the place",
    arguments: [
      ("no JSON", "JSON"), (#"{"rule": []}"#, "\"rule\""), (#"{"rules": [{}]}"#, "where"),
      (#"{"rules": [{"where": "team", "what": {"fault": "fire"}}]}"#, "\"fire\""),
      (#"{"rules": [{"where": "codes", "what": {"fault": "hang"}}]}"#, "where"),
      (#"{"rules": [{"where": "team", "what": {"fault": "hang", "secs": 1}}]}"#, "\"secs\""),
      (#"{"rules": [{"where": "team", "what": {"fault": "status"}}]}"#, "status"),
      (#"{"rules": [{"where": "team", "what": {"fault": "status", "status": 99}}]}"#, "200 to 599"),
      (#"{"rules": [{"where": "team", "what": {"fault": "long", "by": 1}}]}"#, "long"),
      (#"{"rules": [{"where": "list", "what": {"fault": "generateLate", "seconds": 1}}]}"#, "list"),
      (#"{"rules": [{"where": "team", "what": {"fault": "hang"}, "probability": 2}]}"#, "probab"),
      (#"{"rules": [{"where": "team", "what": {"fault": "hang"}, "every": 0}]}"#, "every"),
      (#"{"rules": [{"where": "team", "what": {"fault": "hang"}, "reward": "r"}]}"#, "UUID"),
      (#"{"rules": [{"where": "team", "what": {"fault": "cut", "keep": 1}}]}"#, "cut"),
      (
        #"{"rules": [{"where": "team", "what": {"fault": "headers", "set": {"a b": "c"}}}]}"#,
        "a b"
      ),
      (#"{"rules": [{"where": "team", "what": {"fault": "html", "made": "some"}}]}"#, "made"),
      (#"{"rules": [{"where": "list", "what": {"fault": "prefix", "as": "upper"}}]}"#, "list"),
      (#"{"rules": [{"where": "generate", "what": {"fault": "prefix", "as": "u"}}]}"#, "plain"),
      (#"{"rules": [{"where": "generate", "what": {"fault": "prefix", "as": 33}}]}"#, "32"),
      (#"{"rules": [{"where": "list", "what": {"fault": "times", "zone": "UTC"}}]}"#, "none"),
      (#"{"rules": [{"where": "list", "what": {"fault": "times", "zone": 15}}]}"#, "14"),
      (#"{"rules": [{"where": "list", "what": {"fault": "hidden", "share": 2}}]}"#, "hidden"),
      (
        #"{"rules": [{"where": "list", "what": {"fault": "old", "count": 1, "days": 1}}]}"#,
        "list"
      ),
      (
        #"{"rules": [{"where": "reward", "what": {"fault": "status", "status": 500}}]}"#,
        "reward"
      ),
      (
        #"{"rules": [{"where": "reward", "what": {"fault": "stream", "everySeconds": 0}}]}"#,
        "0.001"
      ),
      (
        #"{"rules": [{"where": "team", "what": {"fault": "hang"}, "until": -1}]}"#, "until"
      ),
    ]
  )
  func refused(_ json: String, _ word: String) throws {
    let error = #expect(throws: SandboxError.self) { try FaultPlan(json: json) }
    #expect(error?.code == .invalidFaultPlan)
    #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
  }

  @Test("a plan can be read from a file")
  func file() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("plan-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let plan = FaultPlan(rules: [FaultRule(.generate, .status(500))])
    try plan.json.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try FaultPlan(contentsOfFile: path) == plan)
    #expect(throws: SandboxError.self) { try FaultPlan(contentsOfFile: path + ".none") }
  }

  @Test("the admin endpoint sets, shows and clears the plan, and refuses a wrong one")
  func admin() async throws {
    try await withSandbox { (caller) async throws in
      let plan = FaultPlan(rules: [FaultRule(.team, .status(503), times: 1)])
      let set = try await caller.call("PUT", "/sandbox/faults", body: plan.json)
      #expect(set.status == 200)
      #expect(caller.sandbox.faults == plan)
      let shown = try await caller.call("GET", "/sandbox/faults")
      #expect(try FaultPlan(json: shown.text) == plan)
      var team: [Int?] = []
      for _ in 0..<2 { team.append(try await caller.call("GET", "/v1/team").status) }
      #expect(team == [503, 200])
      let truth = try await caller.call("GET", "/sandbox/truth")
      #expect(truth.text.contains(#""fault_rules":[{"seen":2,"struck":1}]"#))
      let wrong = try await caller.call("PUT", "/sandbox/faults", body: #"{"rulez":[]}"#)
      #expect(wrong.status == 400)
      #expect(caller.sandbox.faults == plan)
      let cleared = try await caller.call("DELETE", "/sandbox/faults")
      #expect(cleared.status == 204)
      #expect(caller.sandbox.faults == FaultPlan())
    }
  }
}
