import Backstage
import Foundation
import Sandbox
import Testing

@Suite("codemint probe", .timeLimit(Patience.limit))
struct ProbeTests {
  /// What a script reads of `probe --json`.
  private struct Report: Decodable {
    struct Line: Decodable {
      let subject: String
      let seen: String?
      let differs: Bool
      let setting: String?
    }
    struct Likeness: Decodable {
      let plan: FaultPlan
    }
    let codes: Int
    let stopped: String?
    let lines: [Line]
    let like: Likeness

    var differing: Set<String> { Set(lines.filter(\.differs).map(\.subject)) }
    var rules: Set<FaultRule> { Set(like.plan.rules) }
  }

  /// An API of one shape.
  struct Shape: Sendable, CustomTestStringConvertible {
    let rules: [FaultRule]
    /// The subjects of the lines that differ.
    let differing: Set<String>
    var testDescription: String { rules.map { "\($0.fault)" }.joined(separator: ", ") }

    init(_ faults: Fault..., on endpoint: FaultRule.Endpoint = .list, differing: Set<String>) {
      rules = faults.map { FaultRule(endpoint, $0) }
      self.differing = differing
    }
  }

  /// An API that knows one reward, so that others are refused.
  private static var api: SandboxConfiguration {
    SandboxConfiguration(rewards: .only([Reward.first]))
  }

  /// Codes that somebody made on five days, so that pages show an order and times, at different seconds of a minute:
  /// all at the full one would look like times in minutes.
  private static let old = [3.1001, 1.7002, 9.3004, 4.2003, 6.6005].map { days in
    FaultRule(.reward, .old(count: 4, days: days + 0.0000123))
  }

  private static let shapes = [
    Shape(differing: []),
    Shape(.shortPage(limit: 7), differing: ["largest page"]),
    Shape(.shortPage(limit: 2), differing: ["largest page"]),
    Shape(.order(.ascending), differing: ["order"]),
    Shape(.order(.descending), differing: ["order"]),
    Shape(.order(.ids), differing: ["order"]),
    Shape(.order(.shuffled), differing: ["order"]),
    Shape(.times(TimeForm(zone: .none)), differing: ["createdAt"]),
    Shape(.times(TimeForm(zone: .hours(5.5))), differing: ["createdAt"]),
    Shape(.times(TimeForm(zone: .hours(-8))), differing: ["createdAt"]),
    Shape(.times(TimeForm(resolution: .seconds)), differing: ["createdAt"]),
    Shape(.times(TimeForm(resolution: .microseconds)), differing: ["createdAt"]),
    Shape(.times(TimeForm(resolution: .minutes)), differing: ["createdAt"]),
    Shape(.withheld(.createdAt), differing: ["createdAt"]),
    Shape(.withheld(.createdAt, as: .missing), differing: ["createdAt"]),
    Shape(.withheld(.updatedAt), differing: ["updatedAt"]),
    Shape(.withheld(.updatedAt, as: .missing), differing: ["updatedAt"]),
    Shape(.date(offset: -7200), differing: ["Date"]),
    Shape(.date(offset: 120), differing: ["Date"]),
    Shape(.date(missing: true), differing: ["Date"]),
    Shape(.headers(set: ["age": "0"]), differing: ["caches"]),
    Shape(
      .headers(set: ["ratelimit-policy": "\"second\";q=3;w=2"]),
      differing: ["rate limit"]
    ),
    Shape(.nulls(count: 3), differing: ["nulls"]),
    Shape(.extraFields(count: 2), differing: ["fields"]),
    Shape(.unknownValues(count: 5), differing: ["fields"]),
    Shape(
      .shortPage(limit: 9),
      .times(TimeForm(resolution: .seconds, zone: .none)),
      .order(.ascending),
      .date(offset: 3600),
      differing: ["largest page", "createdAt", "order", "Date"]
    ),
  ]

  @Test(
    "it gives back the shape of the API, and a stand-in like its report has that shape again",
    arguments: shapes
  )
  func shape(_ shape: Shape) async throws {
    try await Stage.play(api: Self.api) { stage in
      try stage.sandbox.setFaults(FaultPlan(seed: 3, rules: Self.old + shape.rules))
      let file = "\(stage.directory)/report.json"
      let (seen, status) = try await Self.probe(stage, ["--report", file])
      #expect(seen.differing == shape.differing)
      #expect(seen.rules == Set(shape.rules))
      #expect(status == .status(shape.differing.isEmpty ? 0 : 1))
      #expect(stage.sandbox.truth.codes == 20, "it made codes")

      let likeness = try JSONDecoder().decode(
        Report.self,
        from: Data(contentsOf: URL(fileURLWithPath: file))
      ).like
      try stage.sandbox.setFaults(
        FaultPlan(seed: 4, rules: Self.old + likeness.plan.rules)
      )
      let (again, _) = try await Self.probe(stage, [])
      #expect(again.differing == shape.differing && again.rules == Set(shape.rules))
    }
  }

  private static let spentShapes = [
    Shape(differing: []),
    Shape(.prefix(.upper), on: .generate, differing: ["prefix"]),
    Shape(.prefix(.lower), on: .generate, differing: ["prefix"]),
    Shape(.prefix(.plain), on: .generate, differing: ["prefix"]),
    Shape(.prefix(.upperPlain), on: .generate, differing: ["prefix"]),
    Shape(.prefix(.lowerPlain), on: .generate, differing: ["prefix"]),
    Shape(.prefix(.cut(4)), on: .generate, differing: ["prefix"]),
    Shape(.prefix(.dropped), on: .generate, differing: ["prefix"]),
    Shape(
      .times(TimeForm(resolution: .seconds)),
      on: .generate,
      differing: ["createdAt in answers", "times in lists"]
    ),
    Shape(.texts(.masked), differing: ["texts in lists"]),
    Shape(.texts(.lower), differing: ["texts in lists"]),
    Shape(.times(TimeForm(offset: 18_000)), differing: ["createdAt", "times in lists"]),
    Shape(.stale(seconds: 2), differing: []),
    // The codes are not on the first page.
    Shape(.shortPage(limit: 4), .order(.ascending), differing: ["largest page", "order"]),
  ]

  @Test("for codes it sees what answers and lists do with them", arguments: spentShapes)
  func spending(_ shape: Shape) async throws {
    try await Stage.play(api: Self.api) { stage in
      try stage.sandbox.setFaults(FaultPlan(seed: 3, rules: shape.rules))
      _ = try stage.daemon()
      try await stage.database.until("EXISTS (SELECT FROM codemint.workers)")
      let (seen, status) = try await Self.probe(stage, ["--codes", "9", "--yes"])
      #expect(seen.codes == 9 && stage.sandbox.truth.codes == 9)
      #expect(seen.differing == shape.differing)
      #expect(seen.rules == Set(shape.rules))
      #expect(status == .status(shape.differing.isEmpty ? 0 : 1))
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.codes") == 9)
      #expect(
        try await stage.database.texts("SELECT size::text FROM codemint.calls ORDER BY size")
          == ["1", "1", "7"]
      )
    }
  }

  @Test("no report has the key or a code in it, on the terminal, in JSON and in Markdown")
  func secrecy() async throws {
    try await Stage.play(api: Self.api) { stage in
      _ = try stage.daemon()
      try await stage.database.until("EXISTS (SELECT FROM codemint.workers)")
      let file = "\(stage.directory)/report.md"
      let probe = try stage.codemint(
        ["probe", Reward.first, "--codes", "5", "--yes", "--report", file]
      )
      #expect(try await probe.end() == .status(0))
      let page = try String(contentsOfFile: file, encoding: .utf8)
      #expect(page.contains("| as assumed | prefix |"))
      let text = try await probe.everything().joined(separator: "\n") + page
      let made = stage.sandbox.truth.made(ofReward: Reward.first)
      #expect(made.count == 5 && !made.contains { text.contains($0.code) })
      #expect(!text.contains(stage.key))
    }
  }

  @Test("what it cannot do ends with the status that says so, and spends nothing")
  func refused() async throws {
    try await Stage.play(api: Self.api) { stage in
      let endings: [([String], [String: String?], Int32)] = [
        (["no-uuid"], [:], 64), ([Reward.first, "--codes", "51"], [:], 64),
        ([Reward.first, "--codes", "5"], [:], 64),
        ([Reward.first, "--codes", "5", "--yes"], [:], 69), ([Reward.unknown], [:], 69),
        ([Reward.first], ["CODEMINT_API_KEY": "another-key"], 77),
        ([Reward.first], ["CODEMINT_API_BASE_URL": "http://127.0.0.1:1"], 75),
      ]
      for (arguments, settings, status) in endings {
        let probe = try stage.codemint(["probe"] + arguments, settings)
        #expect(try await probe.end() == .status(status), "\(arguments) \(settings)")
        #expect(try await !probe.errors.whole().isEmpty)
      }
      #expect(stage.sandbox.truth.codes == 0)
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.jobs") == 0)
    }
  }

  @Test("a database without the schema is as no ledger; codes are not spent without one")
  func noSchema() async throws {
    try await Stage.play(.empty, api: Self.api) { stage in
      let spending = try stage.codemint(["probe", Reward.first, "--codes", "2", "--yes"])
      #expect(try await spending.end() == .status(78))
      #expect(try await spending.errors.whole().contains { $0.contains("codemint migrate") })
      let looking = try stage.codemint(["probe", Reward.first])
      #expect(try await looking.end() == .status(0))
      #expect(try await looking.errors.whole().contains { $0.contains("nothing is recorded") })
      #expect(stage.sandbox.truth.codes == 0)
    }
  }

  @Test("without a ledger it keeps the rate of the settings; interrupted it says what it knows")
  func interrupted() async throws {
    try await Stage.play(api: Self.api) { stage in
      try stage.sandbox.setFaults(
        FaultPlan(seed: 3, rules: Self.old + [FaultRule(.list, .hang(), skip: 3)])
      )
      let probe = try stage.codemint(
        ["probe", Reward.first],
        ["CODEMINT_DATABASE_URL": "postgresql://127.0.0.1:1/x"]
      )
      try await Patience.until { stage.sandbox.truth.listRequests == 4 }
      probe.send(SIGINT)
      #expect(try await probe.end() == .status(75))
      let lines = try await probe.output.whole()
      #expect(lines.contains { $0.hasPrefix("not seen order") })
      #expect(lines.contains { $0.hasPrefix("ok       key") })
      #expect(lines.last?.hasPrefix("interrupted; ") == true)
      #expect(try await probe.errors.whole().contains { $0.contains("the ledger does not answer") })
    }
  }

  @Test(
    "while its codes are made it says what it waits for; interrupted it says which job goes on, and inserts no other"
  )
  func interruptedSpending() async throws {
    try await Stage.play(api: Self.api) { stage in
      let late = FaultRule(.generate, .hang(seconds: 6), first: 1, reward: Reward.first)
      try stage.sandbox.setFaults(FaultPlan(seed: 3, rules: [late]))
      _ = try stage.daemon()
      try await stage.database.until("EXISTS (SELECT FROM codemint.workers)")
      let probe = try stage.codemint(["probe", Reward.first, "--codes", "7", "--yes"])
      try await probe.errors.line("codemint: job 1 waits: calls for its last 1 codes are out")
      probe.send(SIGINT)
      #expect(try await probe.end() == .status(75))
      let lines = try await probe.output.whole()
      #expect(lines.last?.hasPrefix("interrupted; ") == true)
      #expect(
        lines.contains { $0.hasSuffix("seen: 0 of 1 codes came in answers; job 1 is running") }
      )
      #expect(lines.contains { $0.hasPrefix("ok       unknown reward") })
      #expect(try await probe.errors.whole().contains { $0.contains("inserted job 1; it goes on") })
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 1, distinct: 1, made: 1))
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.jobs") == 1)
    }
  }

  @Test(
    "if a call of it is held, it ends and says which, why, and what helps; the next one spends nothing"
  )
  func held() async throws {
    try await Stage.play(api: Self.api) { stage in
      let other = FaultRule(.generate, .status(200, made: .all), reward: Reward.first)
      try stage.sandbox.setFaults(FaultPlan(seed: 3, rules: [other]))
      _ = try stage.daemon(["CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1"])
      try await stage.database.until("EXISTS (SELECT FROM codemint.workers)")
      for round in 1...2 {
        let probe = try stage.codemint(["probe", Reward.first, "--codes", "7", "--yes"])
        #expect(try await probe.end() == .status(1))
        let lines = try await probe.output.whole()
        let last = lines.last ?? ""
        #expect(last.contains("of job 1 is held until a person decides"), "\(last)")
        #expect(last.contains("the answer had status 200"), "\(last)")
        #expect(last.contains("codemint why 1 says more"), "\(last)")
        #expect(last.contains("differ from what codemint assumes: codes, answers"), "\(last)")
        #expect(last.hasPrefix("nothing more was spent") == (round == 2), "\(last)")
        #expect(lines.contains { $0.hasPrefix("ok       unknown reward") })
        #expect(
          lines.contains { $0.contains("takes only 201 for an answer with codes: 200 leaves") }
        )
        #expect(stage.sandbox.truth.codes == 1)
        #expect(try await stage.database.number("SELECT count(*) FROM codemint.jobs") == 1)
      }
    }
  }

  @Test(
    "the codes of a probe accept an API that has never answered; if other jobs wait, none is spent"
  )
  func firstContact() async throws {
    try await Stage.play(api: Self.api) { stage in
      _ = try stage.daemon()
      try await stage.database.until("EXISTS (SELECT FROM codemint.workers)")
      // From here on the stand-in is as an API elsewhere, which costs money.
      try await stage.database.run(
        """
        CREATE OR REPLACE FUNCTION codemint.stays_here(p_api text) RETURNS boolean LANGUAGE sql IMMUTABLE
        AS 'SELECT false'
        """
      )
      try await stage.database.insert(Job(Reward.first, 10), Job(Reward.first, 10))
      let refused = try stage.codemint(["probe", Reward.first, "--codes", "9", "--yes"])
      #expect(try await refused.end() == .status(69))
      try await refused.errors.line("no job was inserted, because others wait")
      #expect(stage.sandbox.truth.codes == 0)
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.jobs") == 2)
      try await stage.database.run("SELECT codemint.cancel_job(id) FROM codemint.jobs")
      let (seen, status) = try await Self.probe(stage, ["--codes", "9", "--yes"])
      #expect(seen.codes == 9 && status == .status(0))
      #expect(
        try await stage.database.texts("SELECT note FROM codemint.api_acceptances") == [
          "its first answer"
        ]
      )
    }
  }

  @Test("what it saw is in the ledger, and doctor names the setting that it contradicts")
  func facts() async throws {
    try await Stage.play(api: Self.api) { stage in
      let policy = FaultRule(.list, .headers(set: ["RateLimit-Policy": "\"second\";q=3;w=2"]))
      try stage.sandbox.setFaults(
        FaultPlan(seed: 3, rules: Self.old + [policy, FaultRule(.list, .shortPage(limit: 7))])
      )
      let (seen, _) = try await Self.probe(stage, [])
      #expect(
        seen.lines.first { $0.subject == "rate limit" }?.setting
          == "set limits.requests_per_second to 1.5"
      )
      let facts = try await stage.database.texts(
        "SELECT fact || ' ' || value FROM codemint.observed_facts ORDER BY 1"
      )
      #expect(
        facts == [
          "list_asked 1000", "list_order newest_first", "list_page 7",
          "list_resolution millisecond",
          "rate_limit 1.5",
        ]
      )
      let doctor = try stage.codemint(["doctor"])
      #expect(try await doctor.end() == .status(0))
      let lines = try await doctor.output.whole()
      #expect(
        lines.contains {
          $0.hasPrefix("warning  limits.requests_per_second") && $0.contains("allow 1.5 requests")
        }
      )
      #expect(lines.contains { $0.contains("-> lower it to 1.5") })
    }
  }

  private static func probe(_ stage: Stage, _ arguments: [String]) async throws -> (
    Report, CodemintProcess.Ending
  ) {
    let probe = try stage.codemint(["probe", Reward.first, "--json"] + arguments)
    let ending = try await probe.end()
    let text = try await probe.output.whole().joined(separator: "\n")
    return (try JSONDecoder().decode(Report.self, from: Data(text.utf8)), ending)
  }
}
