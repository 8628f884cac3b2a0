import Ledger
import MemoryStore
import Postgres
import Testing

@Suite("what the metrics show of the ledger")
struct GaugeTests {
  @Test("the oldest doubt is one that is being found out: those that are held wait for a person")
  func oldestDoubt() async throws {
    try await RealLedger.lend { ledger in
      let queries = OverviewQueries(pool: ledger.pool)
      let none = try await queries.gauges()
      #expect(none.doubts == 0 && none.heldCalls == 0 && none.oldestDoubtSeconds == 0)

      _ = try await ledger.insert(40, of: Samples.reward(1))
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.calls
          (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
           effective_until, updated_at, held_at, hold_reason)
        SELECT gen_random_uuid(), j.id, j.reward_id, 5, 'in_doubt', 5, gen_random_uuid(), '1 min',
               '1 min', '10 s', clock_timestamp(),
               clock_timestamp() - interval '1 minute' * d.minutes,
               CASE WHEN d.held THEN clock_timestamp() END, CASE WHEN d.held THEN 'unexplained' END
        FROM codemint.jobs j, (VALUES (1, false), (10, false), (60, true)) AS d (minutes, held)
        """
      )
      let gauges = try await queries.gauges()
      #expect(gauges.doubts == 2 && gauges.heldCalls == 1)
      #expect((600..<3600).contains(gauges.oldestDoubtSeconds))

      try await ledger.bystander.script(
        "UPDATE codemint.calls SET held_at = now() WHERE held_at IS NULL"
      )
      let held = try await queries.gauges()
      #expect(held.doubts == 0 && held.heldCalls == 3 && held.oldestDoubtSeconds == 0)
    }
  }
}
