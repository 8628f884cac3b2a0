import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// When answers that the database refuses are trouble of the daemon, and not of one job.
@Suite("readiness while answers are refused")
struct RefusedAnswerTests {
  @Test(
    "a job whose answers are refused does not make the daemon unready, unless it keeps every slot"
  )
  func oneJob() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      try await Self.refuse(ledger)
      let queries = OverviewQueries(pool: ledger.pool)
      #expect(try await queries.standstill() == nil)
      try await ledger.bystander.script("UPDATE codemint.account SET max_in_flight = in_flight")
      #expect(
        try await queries.standstill()?.hasPrefix(
          "what the calls that are out have brought cannot be recorded"
        ) == true
      )
      try await ledger.bystander.script(
        "UPDATE codemint.refused_settlements SET failed_at = now() - interval '3 minutes'"
      )
      #expect(try await queries.standstill() == nil)
    }
  }

  @Test("while answers of several jobs are refused, and none is taken, the daemon is not ready")
  func every() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      for _ in 1...2 { try await Self.refuse(ledger) }
      let queries = OverviewQueries(pool: ledger.pool)
      #expect(
        try await queries.standstill()?.hasPrefix(
          "what the calls that are out have brought cannot be recorded"
        ) == true
      )
      try await ledger.bystander.script(
        """
        UPDATE codemint.calls SET state = 'issued', outstanding = 0, settled_at = now(), lease_expires_at = NULL
        WHERE id = (SELECT call_id FROM codemint.refused_settlements LIMIT 1)
        """
      )
      #expect(try await queries.standstill() == nil)
    }
  }

  /// Claims a call of a new job, whose outcome the database refuses for longer than a moment.
  private static func refuse(_ ledger: RealLedger) async throws {
    _ = try await ledger.insert(500, of: Scene.reward)
    guard case .call(let claimed) = try await ledger.claim() else {
      Issue.record("nothing is claimed")
      return
    }
    try await ledger.bystander.script(
      """
      SELECT codemint.note_refusal(c.id, c.job_id, c.reward_id, 'P0001', 'no', NULL, 'kept')
      FROM codemint.calls c WHERE c.id = '\(claimed.call.id)';
      UPDATE codemint.refused_settlements SET since = now() - interval '6 seconds';
      """
    )
  }
}
