import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What is done by one at a time is done under a row that no login may lock.
@Suite("turns at rows")
struct AdvisoryKeyTests {
  @Test("whoever takes every advisory key that was ever seen keeps nobody from any work")
  func advisoryKeys() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      _ = try await ledger.insert(10, of: Scene.reward)
      let other = try await Connection.open(ledger.settings)
      let work: [(sql: String, does: String)] = [
        ("SELECT * FROM codemint.try_reward('\(Scene.reward)')", "reward_id IS NOT NULL"),
        ("SELECT codemint.number_events(10) AS number", "number > 0"),
        ("SELECT codemint.measure_line() AS measured", "measured"),
        ("SELECT codemint.try_turn('facts') AS taken", "taken"),
      ]
      for (sql, does) in work {
        try await ledger.bystander.script("BEGIN; \(sql)")
        let keys = try await other.query(
          """
          SELECT DISTINCT l.classid::text, l.objid::text, l.objsubid::text FROM pg_locks l
          JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
          WHERE l.locktype = 'advisory'
          """
        )
        try await ledger.bystander.script("ROLLBACK")
        for key in keys {
          let (high, low) = (try key.text(0), try key.text(1))
          let one = "(\(high)::bigint << 32) | \(low)::bigint"
          let two = "\(high)::bigint::bit(32)::integer, \(low)::bigint::bit(32)::integer"
          try await other.script("SELECT pg_advisory_lock(\(try key.text(2) == "1" ? one : two))")
        }
        let done = try await ledger.bystander.query(Statement("SELECT w.\(does) FROM (\(sql)) w"))
        #expect(try done.one().bool(0), "\(sql)")
      }
      await other.close()
    }
  }

  @Test("rule 21: turns that somebody deleted are there again at the next heartbeat")
  func turns() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script("DELETE FROM codemint.turns")
      #expect(try await ledger.heartbeat().mended == ["rows of turns were gone"])
      let turns = try await ledger.bystander.query(
        "SELECT turn::text FROM codemint.turns ORDER BY turn"
      )
      #expect(
        try turns.map { try $0.text(0) } == ["claims", "events", "facts", "guards", "line"]
      )
      #expect(try await ledger.heartbeat().mended.isEmpty)
    }
  }
}
