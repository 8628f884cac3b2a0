import Backstage
import Foundation
import Sandbox
import Testing

@Suite("codemint sandbox", .timeLimit(Patience.limit))
struct SandboxCommandTests {
  @Test("it prints where it is, stands in for the API, and ends with status 0")
  func standsIn() async throws {
    try await Stage.play { stage in
      let sandbox = try stage.codemint(["sandbox", "--port", "0", "--reward", Reward.first])
      let url = try await sandbox.output.line("http://127.0.0.1:")
      _ = try stage.daemon(["CODEMINT_API_BASE_URL": url])
      try await stage.database.insert(Job(Reward.first, 510), Job(Reward.second, 10))
      try await stage.database.allEnded()
      let jobs = try await stage.database.texts(
        "SELECT concat_ws(' ', state, issued, error_code) FROM codemint.jobs ORDER BY id"
      )
      #expect(jobs == ["completed 510", "failed 0 reward_not_found"])

      let second = try stage.codemint(["sandbox", "--port", try #require(url.port)])
      #expect(try await second.end() == .status(69))
      try await second.errors.line("cannot listen: 127.0.0.1:")

      sandbox.send(SIGTERM)
      #expect(try await sandbox.end() == .status(0))
    }
  }

  @Test("it misbehaves as the plan in a file says, and tells what it made; audit finds the same")
  func faultFile() async throws {
    try await Stage.play { stage in
      let file = "\(stage.directory)/plan.json"
      let plan = """
        {"seed": 7, "rules": [
          {"where": "generate", "what": {"fault": "reset", "at": "beforeAnswer", "made": "all"},
           "reward": "\(Reward.first)", "times": 1},
          {"where": "list", "what": {"fault": "status", "status": 503}, "first": 1}
        ]}
        """
      try plan.write(toFile: file, atomically: true, encoding: .utf8)
      let sandbox = try stage.codemint(["sandbox", "--port", "0", "--faults", file])
      let url = try await sandbox.output.line("http://127.0.0.1:")
      let api = ["CODEMINT_API_BASE_URL": url]
      _ = try stage.daemon(api)
      try await stage.firstAnswer()
      try await stage.database.insert(Job(Reward.first, 60))
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      let calls = try await stage.database.texts("SELECT state FROM codemint.calls ORDER BY size")
      #expect(calls == ["issued", "adopted"])

      let web = Web(address: "127.0.0.1:\(try #require(url.port))")
      let truth = try await web.get("/sandbox/truth").body
      #expect(truth.contains(#""codes":61,"generate_requests":2,"#))
      #expect(truth.contains(#""fault_rules":[{"seen":1,"struck":1},{"seen":"#))
      let requests = try await web.get("/sandbox/requests").body
      #expect(requests.contains(#""made":60,"status":null,"answer":"none","faults":["reset"]"#))
      let audit = try stage.codemint(["audit", Reward.first], api)
      #expect(try await audit.end() == .status(0))
    }
  }

  @Test(
    "like the report of a probe it differs as that API did; a file that is no report is refused"
  )
  func like() async throws {
    try await Stage.play { stage in
      let rules = [
        FaultRule(.list, .shortPage(limit: 3)), FaultRule(.list, .times(TimeForm(zone: .hours(2)))),
      ]
      let old = FaultRule(.reward, .old(count: 8, days: 2))
      try stage.sandbox.setFaults(FaultPlan(seed: 1, rules: [old] + rules))
      let report = "\(stage.directory)/report.json"
      let probe = try stage.codemint(["probe", Reward.first, "--report", report])
      #expect(try await probe.end() == .status(1))

      let more = "\(stage.directory)/more.json"
      try FaultPlan(rules: [old]).json.write(toFile: more, atomically: true, encoding: .utf8)
      let arguments = ["--like", report, "--faults", more, "--reward", Reward.first]
      let sandbox = try stage.codemint(["sandbox", "--port", "0"] + arguments)
      let url = try await sandbox.output.line("http://127.0.0.1:")
      let body = try await Web(address: "127.0.0.1:\(try #require(url.port))")
        .get("/sandbox/faults").body
      #expect(try Set(FaultPlan(json: body).rules) == Set(rules + [old]))
      let again = try stage.codemint(["probe", Reward.first], ["CODEMINT_API_BASE_URL": url])
      #expect(try await again.end() == .status(1))
      #expect(
        try await again.output.whole().last
          == "2 of 17 things differ from what codemint assumes: largest page, createdAt"
      )

      for file in [more, "\(stage.directory)/none.json"] {
        let refused = try stage.codemint(["sandbox", "--port", "0", "--like", file])
        #expect(try await refused.end() == .status(65))
        #expect(try await refused.errors.whole().contains { $0.contains("no JSON report") })
      }
    }
  }

  @Test("a seed draws how the API differs from its documents; it is printed, and drawn again")
  func axes() async throws {
    var plans: [String] = []
    for _ in 0..<2 {
      let arguments = ["sandbox", "--port", "0", "--axes-seed", "17", "--axes-prefix", "SUMMER"]
      let sandbox = try CodemintProcess(arguments, environment: [:])
      let url = try await sandbox.output.line("http://127.0.0.1:")
      plans.append(try await sandbox.errors.line("plan: "))
      let shown = try await Web(address: "127.0.0.1:\(try #require(url.port))")
        .get("/sandbox/faults").body
      #expect(plans.last == "plan: \(shown)")
      sandbox.send(SIGTERM)
      #expect(try await sandbox.end() == .status(0))
    }
    #expect(plans[0] == plans[1])
    #expect(plans[0].contains(#""seed":17"#))
  }

  private static let refusals: [([String], Int32)] = [
    (["--pending", "2"], 64), (["--port", "70000"], 64), (["--latency", "-1"], 64),
    (["--changing", "2"], 64), (["--axes-seed", "1", "--reward", "none"], 64),
    (["--faults", "/dev/null"], 65),
  ]

  @Test(
    "flags that make no sense end it with 64, a fault plan that makes none with 65",
    arguments: refusals
  )
  func refused(arguments: [String], status: Int32) async throws {
    let process = try CodemintProcess(["sandbox"] + arguments, environment: [:])
    #expect(try await process.end() == .status(status))
    #expect(try await process.errors.whole().isEmpty == false)
  }
}

extension String {
  /// The port at the end of a URL without a path.
  fileprivate var port: String? { split(separator: ":").last.map(String.init) }
}
