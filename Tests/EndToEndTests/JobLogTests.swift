import Backstage
import Foundation
import Sandbox
import Testing

@Suite("What is logged of jobs", .timeLimit(Patience.limit))
struct JobLogTests {
  @Test(
    "one line for each change of a job's state, whoever made it, and none for a call that is well"
  )
  func changes() async throws {
    let cut = FaultRule(.generate, .cut(keep: 0.5), reward: Reward.third, times: 1)
    let api = SandboxConfiguration(faults: FaultPlan(rules: [cut]))
    try await Stage.play(api: api) { stage in
      let daemons = try (0..<2).map { _ in
        try stage.daemon([
          "CODEMINT_RECONCILE_LISTING_GAP_SECONDS": "1", "CODEMINT_LOG_FORMAT": "json",
        ])
      }
      try await stage.database.insert(Job(Reward.first, 2600), Job(Reward.third, 30))
      try await stage.database.allEnded()
      // Queued for an hour: what happens to it, an operator does.
      try await stage.database.run(
        """
        INSERT INTO codemint.jobs (reward_id, count, run_at)
        VALUES ('\(Reward.second)', 40, clock_timestamp() + interval '1 hour')
        """
      )
      let settings = ["CODEMINT_API_KEY": String?.none]
      for command in ["pause", "resume", "cancel", "retry", "cancel"] {
        let note = ["--note", "because of \(stage.key)"]
        #expect(try await stage.codemint([command, "3"] + note, settings).end() == .status(0))
      }
      try await stage.database.until(
        "NOT EXISTS (SELECT FROM codemint.job_actions WHERE told_at IS NULL)"
      )
      for daemon in daemons { daemon.send(SIGTERM) }
      var entries: [Entry] = []
      for daemon in daemons {
        #expect(try await daemon.end() == .status(0))
        entries += try daemon.errors.all.map {
          try JSONDecoder().decode(Entry.self, from: Data($0.utf8))
        }
      }
      let lines = entries.filter { $0.message.hasPrefix("job ") }.map(\.line)
      #expect(
        lines.sorted() == [
          "1 job changed state: completed", "1 job changed state: running",
          "2 job changed state: completed", "2 job changed state: running",
          "3 job changed state: cancelled by cancel", "3 job changed state: cancelled by cancel",
          "3 job changed state: queued by retry",
          "3 job steered: queued by pause", "3 job steered: queued by resume",
        ]
      )
      let person = try await stage.database.texts("SELECT session_user")
      #expect(Set(entries.compactMap(\.by)) == Set(person))
      let shown = daemons.flatMap(\.errors.all).count { $0.contains(stage.key) }
      #expect(shown == 0, "why it was done is not for the log")
      // The only call that is spoken of is the one that was cut off.
      #expect(Set(entries.compactMap(\.call)).count == 1)
    }
  }

  /// What of an entry is looked at.
  private struct Entry: Decodable {
    let message: String
    let job: String?
    let state: String?
    let action: String?
    let by: String?
    let call: String?

    var line: String {
      "\(job ?? "?") \(message): \(state ?? "?")\(action.map { " by \($0)" } ?? "")"
    }
  }
}
