import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("durability")
struct DurabilityTests {
  @Test(
    "rule 1: a claim is committed for sure, whatever the database's own setting",
    arguments: [
      ("off", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply"),
    ]
  )
  func claim(setting: String, inForce: String) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      let claimed = try await outcome(
        of: """
          SELECT outcome AS value FROM codemint.claim_call(
            gen_random_uuid(), gen_random_uuid(), interval '60 s', 500, interval '5 s')
          """,
        setting,
        on: ledger.bystander
      )
      #expect(claimed == ["call", inForce])
    }
  }

  @Test("rule 1: so is a settlement")
  func settlement() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      let job = try await ledger.insert(10, of: Scene.reward)
      let settled = try await outcome(
        of: """
          SELECT call_state AS value FROM codemint.settle_call(
            gen_random_uuid(), \(job.number), '\(Scene.reward)', NULL, 10, gen_random_uuid(),
            'in_doubt', NULL, 'timeout', 'm', NULL, 1, NULL, '{}', '{}', '{}', '{}', '{}', '{}',
            '{}', '{}', '{}', NULL, false, NULL, NULL, '{}', NULL, NULL, NULL, interval '0', 5,
            'closed', NULL, 8, 3, 'none', NULL, NULL, NULL, 3)
          """,
        "off",
        on: ledger.bystander
      )
      #expect(settled == ["in_doubt", "on"])
    }
  }

  /// What a query finds in a transaction, and what setting it is committed with.
  private func outcome(of query: String, _ setting: String, on connection: Connection)
    async throws -> [String]
  {
    try await connection.script("SET synchronous_commit = \(setting); BEGIN")
    let value = try await connection.query(Statement(query)).one().text("value")
    let inForce = try await connection.query("SHOW synchronous_commit").one().text(0)
    try await connection.script("COMMIT")
    return [value, inForce]
  }
}
