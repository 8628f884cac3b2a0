import Backstage
import Foundation
import Sandbox
import Testing

@Suite("codemint audit", .timeLimit(Patience.limit))
struct AuditTests {
  /// What `audit --json` prints, as a script reads it.
  private struct Report: Decodable, Equatable {
    struct Missing: Decodable, Equatable {
      let job: Int64?
      let codes: [String]
    }
    let reward: String
    let upstream: Int
    let ledger: Int
    let surplus: Int
    let unattributed: Int
    let raw: Int
    let nulls: Int
    let openCalls: Int
    let unknownHere: [String]
    let unknownThere: [Missing]

    enum CodingKeys: String, CodingKey {
      case reward, upstream, ledger, surplus, unattributed, raw, nulls
      case openCalls = "open_calls"
      case unknownHere = "unknown_here"
      case unknownThere = "unknown_there"
    }
  }

  @Test("where all is the same it says so, with status 0, on as many pages as there are")
  func same() async throws {
    try await Stage.play { stage in
      try await Self.provision(stage, [Job(Reward.first, 2300), Job(Reward.second, 5)])
      let audit = try stage.codemint(["audit", Reward.first])
      #expect(try await audit.end() == .status(0))
      let lines = try await audit.output.whole()
      #expect(lines.contains("  2300 codes upstream, 2300 in the ledger, 0 of them surplus"))
      #expect(lines.last == "  no difference")
      try await Self.expectNoValues(of: Reward.first, in: audit, stage)
    }
  }

  @Test("a difference ends it with status 1, and names codes by their ids and jobs, never by value")
  func different() async throws {
    try await Stage.play { stage in
      try await Self.provision(stage, [Job(Reward.first, 60), Job(Reward.first, 40)])
      let gone = try await stage.database.texts("SELECT min(id::text) FROM codemint.codes")
      try await stage.database.run("DELETE FROM codemint.codes WHERE id = '\(gone[0])'")
      try await stage.database.run(
        """
        INSERT INTO codemint.codes
          (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, surplus)
        SELECT ('00000000-0000-4000-8000-00000000000' || job_id)::uuid, job_id, call_id, reward_id,
               'INVENTED', 'available', 'none', '{}', job_id = 2
        FROM (SELECT DISTINCT job_id, call_id, reward_id FROM codemint.codes) AS c
        """
      )
      let audit = try stage.codemint(["audit", Reward.first, "--json"])
      #expect(try await audit.end() == .status(1))
      let text = try await audit.output.whole().joined(separator: "\n")
      let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
      #expect(report.reward == Reward.first && report.upstream == 100 && report.ledger == 101)
      #expect(report.surplus == 1 && report.unattributed == 0 && report.raw == 0)
      #expect(report.nulls == 0 && report.openCalls == 0)
      #expect(report.unknownHere == gone)
      #expect(
        report.unknownThere == [
          .init(job: 1, codes: ["00000000-0000-4000-8000-000000000001"]),
          .init(job: 2, codes: ["00000000-0000-4000-8000-000000000002"]),
        ]
      )
      try await Self.expectNoValues(of: Reward.first, in: audit, stage)

      let words = try stage.codemint(["audit", Reward.first])
      #expect(try await words.end() == .status(1))
      let lines = try await words.output.whole()
      #expect(lines.contains("  1 codes upstream that the ledger does not know:"))
      #expect(lines.contains("  1 codes of job 2 that are not upstream:"))
      try await Self.expectNoValues(of: Reward.first, in: words, stage)
    }
  }

  @Test("codes that are set aside are a difference; calls that are open are mentioned")
  func setAside() async throws {
    try await Stage.play { stage in
      try await Self.provision(stage, [Job(Reward.first, 10)])
      try await stage.database.run(
        """
        WITH gone AS (DELETE FROM codemint.codes WHERE id = (SELECT id FROM codemint.codes LIMIT 1)
                      RETURNING *)
        INSERT INTO codemint.unattributed_codes (id, call_id, reward_id, code, status, sync_status, external_ids)
        SELECT id, call_id, reward_id, code, status, sync_status, external_ids FROM gone;
        UPDATE codemint.calls SET state = 'in_doubt', outstanding = size;
        """
      )
      let audit = try stage.codemint(["audit", Reward.first])
      #expect(try await audit.end() == .status(1))
      let lines = try await audit.output.whole()
      #expect(lines.contains("  1 are in codemint.unattributed_codes, for a person to decide"))
      #expect(lines.contains { $0.contains("1 call(s) are sending or in doubt") })
    }
  }

  @Test("what it cannot do ends with the status that says so")
  func refused() async throws {
    try await Stage.play { stage in
      let endings: [([String], Int32)] = [
        (["audit"], 64), (["audit", "no-uuid"], 64), (["audit", Reward.first, "--never"], 64),
        (["audit", Reward.unknown], 69),
      ]
      for (arguments, status) in endings {
        let process = try stage.codemint(arguments)
        #expect(try await process.end() == .status(status), "\(arguments)")
        #expect(try await process.output.whole() == [])
        #expect(try await !process.errors.whole().isEmpty)
      }
      try stage.sandbox.setFaults(FaultPlan(rules: [FaultRule(.list, .status(503))]))
      let process = try stage.codemint(["audit", Reward.first])
      #expect(try await process.end() == .status(75))
    }
  }

  @Test("while nothing may be sent it asks nothing: a pause is waited for, a refused key is not")
  func notNow() async throws {
    try await Stage.play { stage in
      try await Self.provision(stage, [Job(Reward.first, 5)])
      try stage.sandbox.setFaults(FaultPlan(rules: [FaultRule(.list, .status(503))]))
      try await stage.database.run(
        "UPDATE codemint.account SET blocked_at = now(), blocked_code = 'unauthorized'"
      )
      let refused = try stage.codemint(["audit", Reward.first])
      #expect(try await refused.end() == .status(75))
      #expect(try await refused.errors.whole().contains { $0.contains("blocked: unauthorized") })

      try stage.sandbox.setFaults(FaultPlan(rules: []))
      try await stage.database.run(
        "UPDATE codemint.account SET blocked_at = NULL, paused_until = now() + interval '1 day'"
      )
      let patient = try stage.codemint(["audit", Reward.first])
      try await patient.errors.line("waiting for a slot: the account is paused")
      try await stage.database.run("UPDATE codemint.account SET paused_until = NULL")
      #expect(try await patient.end() == .status(0))
    }
  }

  private static func provision(_ stage: Stage, _ jobs: [Job]) async throws {
    let daemon = try stage.daemon()
    try await stage.database.insert(jobs)
    try await stage.database.allEnded()
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == .status(0))
  }

  private static func expectNoValues(
    of reward: String,
    in process: CodemintProcess,
    _ stage: Stage
  ) async throws {
    let text = try await process.everything().joined(separator: "\n")
    let isShown = stage.sandbox.truth.made(ofReward: reward).contains { text.contains($0.code) }
    #expect(!isShown && !text.contains("INVENTED"))
  }
}
