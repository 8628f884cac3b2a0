import Foundation
import Sandbox
import Testing

@Suite("An API that misbehaves", .timeLimit(Patience.limit))
struct MisbehavingAPITests {
  /// What may be wrong with an answer of codes, each on a reward of its own.
  private static let faults: [Fault] = [
    .nulls(count: 7, made: false), .nulls(count: 7, made: true), .nulls(count: 60, made: false),
    .short(by: 9), .short(by: 9, made: true), .short(by: 60), .long(by: 11),
    .doubled(count: 5), .doubled(count: 5, instead: true), .foreign(count: 4),
    .foreign(count: 4, instead: true), .unknownValues(count: 6), .extraFields(count: 6),
    .headers(set: ["RateLimit": "limit=1, remaining=0, reset=0"]),
  ]

  @Test("nulls, too few, too many, doubled or foreign codes: jobs get exactly what they asked for")
  func brokenAnswers() async throws {
    let rules = Self.faults.enumerated().map { number, fault in
      FaultRule(.generate, fault, reward: Reward.numbered(number), times: 2)
    }
    try await Stage.play(api: SandboxConfiguration(faults: FaultPlan(rules: rules))) { stage in
      _ = try stage.daemon(["CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1"])
      let jobs = Self.faults.indices.flatMap { number in
        [Job(Reward.numbered(number), 60), Job(Reward.numbered(number), 60, prefix: "OWN")]
      }
      try await stage.database.insert(jobs)
      try await stage.database.allEnded()

      #expect(try await stage.database.unsound() == [])
      // Whatever is stored exists, and under the reward for which it was made.
      let made = Set(stage.sandbox.truth.everyCode.map { "\($0.reward) \($0.code.id)" })
      let stored = try await stage.database.texts(
        "SELECT reward_id || ' ' || id FROM codemint.codes"
      )
      #expect(made.isSuperset(of: stored))
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.doubts") == 0)
      // Every code that was made for these jobs is there, those that no answer showed included. What
      // is beyond the 60 of each job is kept, and said to be so.
      for number in Self.faults.indices {
        let reward = Reward.numbered(number)
        let truth = stage.sandbox.truth.made(ofReward: reward).filter { $0.request != nil }
        let rows = try await stage.database.texts(
          "SELECT id FROM codemint.codes WHERE reward_id = '\(reward)'"
        )
        #expect(Set(truth.map(\.id)).isSubset(of: rows), "\(Self.faults[number])")
        let surplus = try await stage.database.number(
          "SELECT count(*) FROM codemint.codes WHERE surplus AND reward_id = '\(reward)'"
        )
        #expect(surplus == rows.count - 120, "\(Self.faults[number])")
        #expect(rows.count == truth.count, "\(Self.faults[number])")
      }
    }
  }

  @Test("rule 8: a code with U+0000 in it is kept as bytes, wherever it shows; the job gets others")
  func unstorableCode() async throws {
    let nul = Fault.nulCharacter(count: 1)
    let rules = [
      FaultRule(.generate, nul, reward: Reward.first, times: 1),
      FaultRule(.list, nul, reward: Reward.first),
    ]
    try await Stage.play(api: SandboxConfiguration(faults: FaultPlan(rules: rules))) { stage in
      _ = try stage.daemon()
      try await stage.firstAnswer()
      try await stage.database.insert(Job(Reward.first, 20))
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      #expect(stage.sandbox.truth.codes == 22)
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.codes") == 21)
      let raw = try await stage.database.texts("SELECT id FROM codemint.raw_codes")
      let made = stage.sandbox.truth.made(ofReward: Reward.first)
      #expect(raw.count == 1 && Set(made.map(\.id)).isSuperset(of: raw))
      #expect(
        try await stage.database.holds(
          "(SELECT get_byte(code, length(code) - 1) FROM codemint.raw_codes) = 0"
        )
      )
      // Its own answer is there too, byte for byte.
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.answers") == 1)
    }
  }

  @Test(
    "rule 8: an answer that cannot be read is kept as bytes, and its codes are found by listing"
  )
  func unreadableAnswer() async throws {
    let cut = FaultRule(.generate, .cut(keep: 0.5), reward: Reward.first, times: 1)
    try await Stage.play(api: SandboxConfiguration(faults: FaultPlan(rules: [cut]))) { stage in
      _ = try stage.daemon()
      try await stage.firstAnswer()
      try await stage.database.insert(Job(Reward.first, 20))
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 21, distinct: 21, made: 21))
      let kept = try await stage.database.texts(
        """
        SELECT c.state || ' ' || (length(a.body) > 100)
               || ' ' || starts_with(encode(a.body, 'escape'), '{"codes"')
        FROM codemint.answers a JOIN codemint.calls c ON c.id = a.call_id
        """
      )
      #expect(kept == ["adopted true true"])
    }
  }

  @Test("an answer without one new code is asked for again a few times, then the job says why")
  func noProgress() async throws {
    let nothing = FaultRule(.generate, .nulls(count: 500, made: false))
    let plan = FaultPlan(rules: [nothing])
    try await Stage.play(api: SandboxConfiguration(faults: plan)) { stage in
      _ = try stage.daemon(["CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1"])
      try await stage.database.insert(Job(Reward.first, 10))
      try await stage.database.allEnded()
      let jobs = try await stage.database.texts(
        "SELECT concat_ws(' ', state, issued, error_code) FROM codemint.jobs"
      )
      #expect(jobs == ["failed 0 no_progress"])
      #expect(stage.sandbox.truth.generateRequests == 5)
    }
  }

  @Test("429 with Retry-After: everybody waits, nothing fails")
  func throttled() async throws {
    let refusal = Fault.status(429, retryAfter: RetryAfter(.seconds, seconds: 1))
    let plan = FaultPlan(rules: [FaultRule(.generate, refusal, first: 2)])
    try await Stage.play(api: SandboxConfiguration(faults: plan)) { stage in
      _ = try stage.daemon([
        "CODEMINT_LIMITS_MAX_IN_FLIGHT": "2", "CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD": "2",
      ])
      try await stage.database.insert(Job(Reward.first, 700), Job(Reward.second, 20))
      try await stage.database.allEnded()

      #expect(try await stage.count() == Stage.Count(stored: 720, distinct: 720, made: 720))
      #expect(try await stage.database.unsound() == [])
      let refused = try await stage.database.texts(
        "SELECT DISTINCT state FROM codemint.calls WHERE http_status = 429"
      )
      #expect(refused == ["rejected"])
      // By the API's own clock: nothing arrived in the second after it had said so. If the second
      // call waited for the end of that second, another one may have left beside it.
      let requests = stage.sandbox.truth.requests()
      let second: UInt64 = 900_000_000
      let first = try #require(requests.first { $0.status == 429 })
      let last = try #require(requests.last { $0.status == 429 })
      let later = requests.filter { $0.number > last.number }
      #expect(!later.isEmpty)
      #expect(later.allSatisfy { $0.arrivedAt - first.arrivedAt > second })
      let beside = last.arrivedAt - first.arrivedAt > second ? 1 : 0
      #expect(later.dropFirst(beside).allSatisfy { $0.arrivedAt - last.arrivedAt > second })
    }
  }

  @Test(
    "401 fails nothing: the account is shown blocked, and when the key is taken again all goes on"
  )
  func blocked() async throws {
    let rules = [FaultRule(.generate, .status(401)), FaultRule(.team, .status(401))]
    try await Stage.play(api: SandboxConfiguration(faults: FaultPlan(rules: rules))) { stage in
      let daemon = try stage.daemon([
        "CODEMINT_POLL_SECONDS": "0.2", "CODEMINT_LOG_LEVEL": "debug",
      ])
      try await stage.database.insert(Job(Reward.first, 900), Job(Reward.second, 30))
      try await daemon.errors.line("the API still refuses the account")
      let refused = stage.sandbox.truth.generateRequests
      #expect((1...8).contains(refused))
      let status = try stage.codemint(["status"])
      #expect(try await status.end() == .status(0))
      #expect(try await status.output.whole().contains { $0.hasPrefix("account blocked (") })
      #expect(
        try await stage.database.number(
          "SELECT count(*) FROM codemint.jobs WHERE finished_at IS NOT NULL OR error_code IS NOT NULL"
        ) == 0
      )

      try stage.sandbox.setFaults(FaultPlan())
      // The next probe is due in half a minute; the test's clock is moved to it.
      try await stage.database.run("UPDATE codemint.account SET probe_at = clock_timestamp()")
      try await daemon.errors.line("the API accepts the account again")
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      #expect(try await stage.count() == Stage.Count(stored: 930, distinct: 930, made: 930))
      let open = try await stage.database.texts("SELECT state FROM codemint.account_status")
      #expect(open == ["open"])
    }
  }
}
