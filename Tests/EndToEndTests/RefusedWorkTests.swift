import Backstage
import Foundation
import Postgres
import Sandbox
import Testing

@Suite(
  "Decisions, watches and sync passes that somebody's trigger refuses",
  .timeLimit(Patience.limit)
)
struct RefusedWorkTests {
  /// What keeps a decision from being recorded, or the reward from being taken.
  private static let occasions = [
    ("BEFORE INSERT", "codemint.codes", "true"),
    ("BEFORE UPDATE", "codemint.jobs", "NEW.issued > OLD.issued"),
    ("BEFORE UPDATE", "codemint.rewards", "NEW.reconciler IS NOT NULL"),
  ]

  @Test(
    "a call in doubt: waits says who refuses, without codes; tried ever less often; others go on; and it is decided",
    arguments: occasions
  )
  func decision(occasion: String, table: String, condition: String) async throws {
    try await Stage.play { stage in
      let database = stage.database
      let web = try Web()
      let daemon = try stage.daemon(
        Stage.hasty.merging(["CODEMINT_HTTP_LISTEN": web.address]) { $1 }
      )
      try await stage.firstAnswer()
      let lost = FaultRule(.generate, .reset(at: .beforeAnswer, made: .all), times: 2)
      try await stage.put([lost])
      try await stage.refuse(
        "\(occasion) ON \(table)",
        when: "NEW.reward_id = '\(Reward.first)' AND \(condition)"
      )
      try await database.insert([Job(Reward.first, 20), Job(Reward.second, 20)])
      try await database.until(
        "EXISTS (SELECT FROM codemint.jobs WHERE reward_id = '\(Reward.second)' AND state = 'completed')"
      )
      try await Patience.until {
        try await database.holds(
          "EXISTS (SELECT FROM codemint.refused_work WHERE work = 'doubt' AND failures >= 3)"
        )
      }
      let why = try await database.texts(
        """
        SELECT concat_ws(' | ', reason, why, what_to_do, since, until) FROM codemint.waits
        WHERE reward_id = '\(Reward.first)'
        """
      )
      #expect(why.count == 1 && why[0].hasPrefix("unsettled | what became of calls in doubt"))
      #expect(why[0].contains("P0001") || why[0].contains("not this one"))
      #expect(why[0].contains("trigger refuse on \(table)") && why[0].contains("mend or drop"))
      // On a busy machine the daemon may seem gone for a moment.
      let needs = "SELECT kind FROM codemint.needs_you"
      try await Patience.until { try await database.texts(needs) == ["unsettled"] }
      let status = try stage.codemint(["status"])
      #expect(try await status.end() == .status(0))
      #expect(status.output.count("1 thing needs you") == 1)
      try await Patience.until { try await web.get("/").body.contains("trigger refuse on") }
      #expect(daemon.errors.count("trying until somebody has repaired it") <= 1)

      try await database.run("DROP TRIGGER refuse ON \(table)")
      try await database.allEnded()
      #expect(try await database.unsound() == [])
      #expect(try await database.holds("NOT EXISTS (SELECT FROM codemint.refused_work)"))
      for code in stage.sandbox.truth.everyCode {
        #expect(!why[0].contains(code.code.code) && daemon.errors.count(code.code.code) == 0)
      }
    }
  }

  @Test("a restored reward: its jobs say who refuses what its list shows; then they are done")
  func restore() async throws {
    try await Stage.play { stage in
      let database = stage.database
      _ = try stage.daemon(Stage.hasty)
      try await stage.firstAnswer()
      try await stage.refuse(
        "BEFORE UPDATE ON codemint.reward_watches",
        when: "NEW.listings_left = 4 AND OLD.next_listing_at < NEW.next_listing_at"
      )
      try await database.run(
        "SELECT codemint.watch_reward('\(Reward.proven)', NULL, 'restore', now() - interval '1 hour')"
      )
      try await database.insert(Job(Reward.proven, 10))
      try await Patience.until {
        try await database.holds("EXISTS (SELECT FROM codemint.waits WHERE reason = 'unsettled')")
      }
      let why = try await database.texts(
        "SELECT why FROM codemint.waits WHERE reason = 'unsettled'"
      )[0]
      #expect(why.contains("what the list of the reward shows cannot be recorded"))
      #expect(why.contains("trigger refuse on codemint.reward_watches"))

      try await database.run("DROP TRIGGER refuse ON codemint.reward_watches")
      try await database.allEnded()
      #expect(try await database.unsound() == [])
    }
  }

  @Test("a sync pass: the ended job says who refuses, and is done with when nobody does")
  func syncPass() async throws {
    let sync = SyncShape(systems: [.shopify], pendingShare: 1, pendingFor: .seconds(2))
    try await Stage.play(api: SandboxConfiguration(sync: sync)) { stage in
      let database = stage.database
      let daemon = try stage.daemon(Stage.hasty)
      try await stage.refuse("BEFORE UPDATE OF sync_status ON codemint.codes")
      try await database.insert(Job(Reward.first, 10))
      try await Patience.until {
        try await database.holds(
          "EXISTS (SELECT FROM codemint.waits WHERE reason = 'sync' AND why LIKE '%trigger refuse on%')"
        )
      }
      let needs = "SELECT kind FROM codemint.needs_you"
      try await Patience.until { try await database.texts(needs) == ["unsettled"] }
      try await database.run("DROP TRIGGER refuse ON codemint.codes")
      try await Patience.until {
        try await database.holds(
          """
          EXISTS (SELECT FROM codemint.jobs WHERE sync_done_at IS NOT NULL)
          AND NOT EXISTS (SELECT FROM codemint.refused_work)
          """
        )
      }
      for code in stage.sandbox.truth.everyCode {
        #expect(daemon.errors.count(code.code.code) == 0)
      }
    }
  }
}
