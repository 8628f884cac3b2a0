import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}

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
            gen_random_uuid(), gen_random_uuid(), ('60 s', '60 s', '10 s'), (SELECT checksum FROM codemint.installed_code))
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
            (gen_random_uuid(), \(job.number), '\(Scene.reward)', NULL, 10, gen_random_uuid(),
             '60 s', '60 s', '10 s'),
            ('in_doubt', NULL, 'timeout', 'm', NULL, 1, NULL),
            (false, 'closed', 'none', NULL, NULL, NULL, NULL, 0), (false, NULL, NULL, NULL),
            '{}', NULL)
          """,
        "off",
        on: ledger.bystander
      )
      #expect(settled == ["in_doubt", "on"])
    }
  }

  @Test("rule 1: what did not wait for the disk is made durable by a commit that does")
  func together() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      let claimed = try await outcome(
        of: """
          SELECT outcome AS value FROM codemint.claim_call(
            gen_random_uuid(), gen_random_uuid(), ('60 s', '60 s', '10 s'), (SELECT checksum FROM codemint.installed_code),
            false)
          """,
        "on",
        on: ledger.bystander
      )
      #expect(claimed == ["call", "off"])
      let sure = try await outcome(
        of: "SELECT 'sure' AS value FROM codemint.await_durable(NULL)",
        "off",
        on: ledger.bystander
      )
      #expect(sure == ["sure", "on"])
      // A commit that has nothing to write does not wait for anything.
      let written = try await ledger.bystander.query(
        "SELECT codemint.await_durable(NULL), pg_current_xact_id_if_assigned() IS NOT NULL AS found"
      )
      #expect(try written.one().bool("found"))
    }
  }

  @Test("rule 1: a settlement and the claim behind it are not believed before both are on disk")
  func unsure() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(1000, of: Scene.reward)
      guard case .call(let claimed) = try await ledger.store.claim(request(1)) else {
        throw MissingRow("call to claim")
      }
      let settlement = settlement(claimed)
      try await ledger.bystander.script(
        """
        ALTER FUNCTION codemint.await_durable(uuid) RENAME TO made_sure;
        CREATE FUNCTION codemint.await_durable(uuid) RETURNS boolean LANGUAGE plpgsql
          AS 'BEGIN RAISE WARNING ''no standby''; RETURN true; END'
        """
      )
      let doubted = await ledger.store.settle(settlement, thenClaim: request(2))
      #expect(doubted.settled.failure?.code == .unavailable)
      #expect(doubted.claim?.failure?.code == .unavailable)
      try await ledger.bystander.script(
        """
        CREATE OR REPLACE FUNCTION codemint.await_durable(uuid) RETURNS boolean LANGUAGE sql
          AS 'SELECT false'
        """
      )
      // Through a pooler it may be another server by then, which has no such call.
      let gone = await ledger.store.settle(settlement, thenClaim: request(2))
      #expect(try gone.settled.get().call == .issued)
      #expect(gone.claim?.failure?.code == .unavailable)
      try await ledger.bystander.script(
        """
        DROP FUNCTION codemint.await_durable(uuid);
        ALTER FUNCTION codemint.made_sure(uuid) RENAME TO await_durable
        """
      )
      // Both had happened, and are found when they are asked for again.
      let answer = await ledger.store.settle(settlement, thenClaim: request(2))
      #expect(try answer.settled.get().call == .issued)
      #expect(try answer.claim?.get().claimed?.call.id == request(2).call)
      let stored = try await ledger.bystander.query("SELECT count(*) FROM codemint.codes")
      #expect(try stored.one().int64(0) == 500)
    }
  }

  private func request(_ number: Int) -> ClaimRequest {
    ClaimRequest(
      call: Samples.call(number),
      worker: Samples.worker(1),
      lengths: Samples.lengths(lease: .seconds(60))
    )
  }

  private func settlement(_ claimed: ClaimedCall) -> Settlement {
    let codes = CodeMint().make(claimed.call.size, of: claimed.call.reward)
    return SettlementRule.settle(
      claimed.call,
      by: Samples.worker(1),
      lengths: Samples.lengths(),
      report: CallReport(
        outcome: .issued(Answer(codes: codes, nulls: 0, body: [])),
        httpStatus: 201,
        duration: .milliseconds(70)
      ),
      team: nil,
      jitter: 0.5
    )
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
