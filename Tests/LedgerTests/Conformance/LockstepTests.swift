import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("both stores, step by step")
struct LockstepTests {
  @Test(
    "random requests leave the same rows in memory and in the database",
    arguments: [1, 3, 4, 5, 6] as [UInt64]
  )
  func agree(seed: UInt64) async throws {
    try await MemoryUnderTest.lend { memory in
      try await PostgresUnderTest.lend { postgres in
        var run = Lockstep(memory: memory, postgres: postgres, seed: seed)
        for step in 1...500 {
          let name = try await run.step()
          let differences = try await run.differences(inCodes: step % 50 == 0)
          #expect(differences == [], "after step \(step), \(name)")
          guard differences.isEmpty else { return }
        }
        #expect(run.claims > 10 && run.settlements > 10)
        let bystander = try #require(postgres as? PostgresUnderTest).bystander
        _ = try await bystander.query("SELECT codemint.number_events(100000)")
        #expect(try await bystander.query(Self.mistold).map { try $0.text("job") } == [])
      }
    }
  }

  /// Jobs that do not stand as their events say.
  private static let mistold: Statement = """
    SELECT concat_ws(' ', j.id, j.state, j.held, j.sync_done_at, e.kinds) AS job
    FROM codemint.jobs j
    LEFT JOIN LATERAL (
      SELECT string_agg(v.kind, ' ' ORDER BY v.id) AS kinds,
             (array_agg(v.kind ORDER BY v.id DESC)
                FILTER (WHERE v.kind NOT IN ('held', 'released', 'surplus', 'sync_done')))[1] AS state,
             (array_agg(v.kind ORDER BY v.id DESC)
                FILTER (WHERE v.kind NOT IN ('surplus', 'sync_done', 'queued', 'running')))[1] AS held,
             (array_agg(v.kind ORDER BY v.id DESC)
                FILTER (WHERE v.kind NOT IN ('surplus', 'held', 'released')))[1] AS sync
      FROM codemint.events v WHERE v.job_id = j.id) e ON true
    WHERE NOT (e.state = j.state OR j.state = 'ending' AND e.state IN ('queued', 'running'))
       OR j.held <> (coalesce(e.held, '') = 'held')
       OR (j.sync_done_at IS NOT NULL) <> (e.sync = 'sync_done')
       OR e.kinds IS NULL
    """
}
