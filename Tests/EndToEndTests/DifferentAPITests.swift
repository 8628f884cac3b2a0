import Foundation
import Sandbox
import Testing

/// An API that does as documented, and yet looks different from the one that anybody had in mind. Each
/// scenario has its own reward; the account has had clean answers before.
@Suite("An API that is not as we imagined it", .timeLimit(Patience.limit))
struct DifferentAPITests {
  /// What an API does to one reward, what is asked of it, and what has to come out.
  private struct Scenario {
    let name: String
    /// What holds all the time.
    var always: [FaultRule] = []
    /// Jobs that end with clean answers before anything goes wrong.
    var before: [(count: Int, prefix: String?)] = []
    /// What strikes the requests after that.
    var then: [FaultRule] = [lost]
    let jobs: [(count: Int, prefix: String?)]
    /// Codes that requests of ours have made in the end.
    let made: Int
    /// How the calls of `jobs` stand in the end, sorted: state, and why a call is held.
    let calls: [String]

    /// The answer is lost, and the codes exist.
    static let lost = FaultRule(.generate, .reset(at: .beforeAnswer, made: .all), times: 1)
    /// The answer is lost, and nothing was made.
    static let nothing = FaultRule(.generate, .reset(at: .beforeAnswer), times: 1)

    func rules(_ rules: [FaultRule], of reward: String) -> [FaultRule] {
      rules.map { rule in
        var rule = rule
        rule.reward = reward
        return rule
      }
    }
  }

  private static let scenarios: [Scenario] = [
    Scenario(
      name: "rule 11: a prefix loses its punctuation, though another one is literal",
      always: [FaultRule(.generate, .prefix(.plain))],
      before: [(5, "SUMMER"), (5, "BLACK-FRIDAY")],
      jobs: [(500, "BLACK-FRIDAY")],
      made: 510,
      calls: ["adopted"]
    ),
    Scenario(
      name: "rule 10: nothing has shown whether the API or its list leaves out a hyphen",
      always: [FaultRule(.generate, .prefix(.plain))],
      before: [(5, "SUMMER")],
      jobs: [(500, "BLACK-FRIDAY")],
      made: 505,
      calls: ["in_doubt no_witness"]
    ),
    Scenario(
      name: "rule 10: the list shows codes in lower case",
      always: [FaultRule(.list, .texts(.lower))],
      before: [(1000, "SUMMER")],
      jobs: [(500, "SUMMER")],
      made: 1500,
      calls: ["in_doubt list_differs"]
    ),
    Scenario(
      name: "rule 10: the list shows times five hours off and without a zone",
      always: [FaultRule(.list, .times(TimeForm(offset: 18_000, zone: .none)))],
      before: [(1000, nil)],
      jobs: [(500, nil)],
      made: 1500,
      calls: ["adopted"]
    ),
    Scenario(
      name: "rule 10: codes that were made by hand in August are nobody's",
      always: [FaultRule(.reward, .old(count: 500, days: 100))],
      then: [Scenario.nothing],
      jobs: [(500, nil)],
      made: 500,
      calls: ["absent", "issued"]
    ),
    Scenario(
      name: "rule 7: an answer with two nulls does not get old codes in their place",
      always: [FaultRule(.reward, .old(count: 40, days: 100))],
      then: [FaultRule(.generate, .nulls(count: 2, made: false), times: 1)],
      jobs: [(10, nil)],
      made: 10,
      calls: ["issued", "issued"]
    ),
    Scenario(
      name: "rule 10: times in whole seconds are understood",
      always: [
        FaultRule(.reward, .old(count: 500, days: 100)),
        FaultRule(.generate, .times(TimeForm(resolution: .seconds))),
        FaultRule(.list, .times(TimeForm(resolution: .seconds))),
      ],
      before: [(20, nil), (20, nil), (20, nil)],
      jobs: [(500, nil)],
      made: 560,
      calls: ["adopted"]
    ),
    Scenario(
      name: "rule 7: a cache answers a POST that went through with the previous answer",
      before: [(500, nil)],
      then: [FaultRule(.generate, .replayed(made: true), times: 1)],
      jobs: [(500, nil)],
      made: 1000,
      calls: ["adopted"]
    ),
    Scenario(
      name: "rule 7: an exact answer has a hundred codes that are known already",
      before: [(500, nil)],
      then: [FaultRule(.generate, .older(count: 100, made: true), times: 1)],
      jobs: [(500, nil)],
      made: 1000,
      calls: ["issued"]
    ),
    Scenario(
      name: "rule 10: an age of no seconds on every answer makes none of them stale",
      always: [FaultRule(.list, .headers(set: ["Age": "0"]))],
      before: [(20, nil)],
      jobs: [(500, nil)],
      made: 520,
      calls: ["adopted"]
    ),
    Scenario(
      name: "rule 7: an empty answer beside a call in doubt buys nothing a second time",
      before: [(15, nil)],
      then: [
        FaultRule(.generate, .latency(seconds: 1), times: 2),
        FaultRule(.generate, .short(by: 500, made: true), times: 1),
        FaultRule(.generate, .reset(at: .beforeAnswer, made: .all), skip: 1, times: 1),
      ],
      jobs: [(500, nil), (500, nil)],
      made: 1015,
      calls: ["adopted", "issued"]
    ),
    Scenario(
      name: "rule 7: answers are exchanged, and each code goes to the job whose prefix it has",
      before: [(5, "EAST"), (5, "WEST")],
      then: [FaultRule(.generate, .swapped(seconds: 2), times: 1)],
      jobs: [(500, "EAST"), (500, "WEST")],
      made: 1010,
      calls: ["adopted", "adopted"]
    ),
  ]

  /// Short times. All calls go at once.
  private static let settings: [String: String?] = [
    "CODEMINT_LEASE_SECONDS": "5", "CODEMINT_API_TIMEOUT_SECONDS": "5",
    "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1", "CODEMINT_POLL_SECONDS": "0.2",
    "CODEMINT_LIMITS_BURST": "100", "CODEMINT_LIMITS_MAX_IN_FLIGHT": "100",
  ]

  @Test("codes are adopted, asked for again or left to a person; none is bought twice or stolen")
  func everyDifference() async throws {
    let rewards = Self.scenarios.indices.map(Reward.numbered)
    let scenes = zip(Self.scenarios, rewards)
    try await Stage.play { stage in
      try await stage.endPausesAtOnce()
      let always = scenes.flatMap { scene, reward in scene.rules(scene.always, of: reward) }
      try await stage.put(always)
      _ = try stage.daemon(Self.settings)
      try await stage.database.insert(
        [Job(Reward.first, 3)]
          + scenes.flatMap { scene, reward in
            scene.before.map { Job(reward, $0.count, prefix: $0.prefix) }
          }
      )
      try await stage.database.allEnded()
      let last = try await stage.database.number("SELECT max(id) FROM codemint.jobs")

      try await stage.put(
        always + scenes.flatMap { scene, reward in scene.rules(scene.then, of: reward) }
      )
      try await stage.database.insert(
        scenes.flatMap { scene, reward in
          scene.jobs.map { Job(reward, $0.count, prefix: $0.prefix) }
        }
      )
      try await stage.database.until(
        """
        NOT EXISTS (
          SELECT FROM codemint.jobs j WHERE j.finished_at IS NULL AND NOT j.held AND NOT EXISTS (
            SELECT FROM codemint.calls c WHERE c.job_id = j.id AND c.held_at IS NOT NULL))
        """
      )
      for (scene, reward) in scenes {
        try await Self.check(scene, of: reward, after: last, stage)
      }
    }
  }

  private static func check(
    _ scene: Scenario,
    of reward: String,
    after last: Int,
    _ stage: Stage
  ) async throws {
    let calls = try await stage.database.texts(
      """
      SELECT concat_ws(' ', state, CASE WHEN state = 'in_doubt' THEN hold_reason END)
      FROM codemint.calls WHERE reward_id = '\(reward)' AND job_id > \(last)
      ORDER BY 1
      """
    )
    #expect(calls == scene.calls, "\(scene.name)")
    let codes = stage.sandbox.truth.made(ofReward: reward)
    let ours = Set(codes.filter { $0.request != nil }.map(\.id))
    #expect(ours.count == scene.made, "\(scene.name): codes made")
    let counting = try await stage.database.texts(
      "SELECT id FROM codemint.codes WHERE reward_id = '\(reward)' AND NOT surplus"
    )
    #expect(ours.isSuperset(of: counting), "\(scene.name): codes of somebody else")
    let known = try await stage.database.texts(
      """
      SELECT id FROM codemint.codes WHERE reward_id = '\(reward)'
      UNION SELECT id FROM codemint.unattributed_codes WHERE reward_id = '\(reward)'
      """
    )
    #expect(ours.isSubset(of: known), "\(scene.name): codes that the ledger does not know")
    let astray = try await stage.database.number(
      """
      SELECT count(*) FROM codemint.codes c JOIN codemint.jobs j ON j.id = c.job_id
      WHERE c.reward_id = '\(reward)' AND NOT c.surplus
        AND NOT starts_with(c.code, translate(coalesce(j.prefix, ''), '-', ''))
      """
    )
    #expect(astray == 0, "\(scene.name): codes with another job's prefix")
  }

  @Test("rule 12: while somebody else makes codes all the time, a call is decided or held soon")
  func foreignStream() async throws {
    try await Stage.play { stage in
      try await stage.put([
        FaultRule(.reward, .stream(everySeconds: 1.5), reward: Reward.first),
        FaultRule(.generate, .reset(at: .beforeAnswer, made: .all), reward: Reward.first, times: 1),
      ])
      _ = try stage.daemon(Self.settings)
      try await stage.database.insert(Job(Reward.second, 3))
      try await stage.database.allEnded()
      try await stage.database.insert(Job(Reward.first, 500))
      try await stage.database.until(
        """
        EXISTS (SELECT FROM codemint.calls WHERE reward_id = '\(Reward.first)'
                AND (state = 'adopted' OR held_at IS NOT NULL))
        """
      )
      let ours = stage.sandbox.truth.made(ofReward: Reward.first).count { $0.request != nil }
      #expect(ours == 500)
      #expect(stage.sandbox.truth.listRequests < 20)
    }
  }

  @Test("rule 10: on a new account, codes of August are not taken for those of a lost first call")
  func newAccount() async throws {
    try await Stage.play { stage in
      try await stage.put([
        FaultRule(.reward, .old(count: 500, days: 100), reward: Reward.first),
        FaultRule(.generate, .reset(at: .beforeAnswer), reward: Reward.first, times: 1),
      ])
      _ = try stage.daemon(Self.settings)
      try await stage.database.insert(Job(Reward.first, 500))
      try await stage.database.allEnded()
      let codes = stage.sandbox.truth.made(ofReward: Reward.first)
      let ours = codes.filter { $0.request != nil }.map(\.id)
      let counting = try await stage.database.texts("SELECT id FROM codemint.codes ORDER BY id")
      #expect(counting == ours.sorted())
    }
  }

  @Test("rule 15: the first call of an account waits for evidence, and decides itself with it")
  func firstEvidence() async throws {
    try await Stage.play { stage in
      try await stage.put([
        FaultRule(
          .generate,
          .reset(at: .beforeAnswer, made: .all),
          reward: Reward.first,
          times: 1
        )
      ])
      _ = try stage.daemon(Self.settings)
      try await stage.database.insert(Job(Reward.first, 500))
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.doubts WHERE hold_reason = 'no_witness')"
      )
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.jobs WHERE held") == 0)
      try await stage.database.insert(Job(Reward.second, 20))
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 520, distinct: 520, made: 520))
    }
  }

  @Test("rule 4: a slow call is judged by the settings of the daemon that sent it")
  func differingSettings() async throws {
    try await Stage.play { stage in
      try await stage.endPausesAtOnce()
      try await stage.put([
        FaultRule(.generate, .slow(seconds: 12), reward: Reward.first, times: 1)
      ])
      let patient = try stage.daemon(
        Self.settings.merging(["CODEMINT_API_TIMEOUT_SECONDS": "20"]) { $1 }
      )
      try await stage.database.insert(Job(Reward.second, 3))
      try await stage.database.allEnded()
      try await stage.database.insert(Job(Reward.first, 500))
      // The whole of it: one that was cut off makes nothing.
      try await Patience.until { stage.requests(of: Reward.first).first?.count != nil }
      patient.send(SIGKILL)
      _ = try stage.daemon(Self.settings.merging(["CODEMINT_API_TIMEOUT_SECONDS": "3"]) { $1 })
      try await stage.database.allEnded()
      #expect(try await stage.count() == Stage.Count(stored: 503, distinct: 503, made: 503))
      #expect(stage.requests(of: Reward.first).count == 1)
    }
  }
}
