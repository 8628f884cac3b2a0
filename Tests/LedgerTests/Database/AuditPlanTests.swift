import Postgres
import TestSupport
import Testing

@testable import Ledger

/// An audit reads what is its reward's: codes have no index by reward.
@Suite("plans of an audit")
struct AuditPlanTests {
  @Test("an audit scans no table of all rewards' codes, jobs or calls, purged jobs or not")
  func plans() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(Self.ledger)
      for statement in [AuditQueries.codes, AuditQueries.openCalls] {
        let plan = try await connection.query(
          Statement("EXPLAIN \(statement.sql)"),
          [.uuid(Self.reward)]
        ).map { try $0.text(0) }.joined(separator: "\n")
        for table in ["codes", "jobs", "calls"] {
          #expect(!plan.contains("Seq Scan on \(table)"), "\(plan)")
        }
      }
      await connection.close()
    }
  }

  @Test("it finds them all the same: of jobs, surplus of a job and of none, and purged ones")
  func complete() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(Self.ledger)
      let same = try await connection.query(
        """
        SELECT count(*) AS number FROM codemint.codes
        WHERE reward_id = '00000000-0000-4000-8000-000000000001'
        """
      ).one().int64("number")
      let found = try await connection.query(AuditQueries.codes, [.uuid(Self.reward)])
      #expect(found.count == Int(same) && same == 20 * 10 + 10 + 3)
      #expect(Set(try found.map { try $0.uuid("id") }).count == found.count)
      #expect(try found.filter { try $0.optionalInt64("job_id") == nil }.count == 13)
      #expect(try found.filter { try $0.bool("surplus") }.count == 5)
      await connection.close()
    }
  }

  private static let reward: UInt128 = 0x0000_0000_0000_4000_8000_0000_0000_0001

  /// 4000 jobs of 200 rewards with ten codes each; of reward 1 one job is purged and another has two
  /// surplus codes, and three surplus codes are no job's.
  private static let ledger = """
    INSERT INTO codemint.jobs (reward_id, count)
      SELECT format('00000000-0000-4000-8000-%s', lpad((n % 200)::text, 12, '0'))::uuid, 10
      FROM generate_series(1, 4000) AS n;
    INSERT INTO codemint.jobs (reward_id, count)
      VALUES ('00000000-0000-4000-8000-000000000001', 10);
    INSERT INTO codemint.calls
      (id, job_id, reward_id, size, state, outstanding, worker, lease, api_timeout, listing_gap,
       effective_until, settled_at)
      SELECT gen_random_uuid(), id, reward_id, 10, 'issued', 0, gen_random_uuid(), '1 min', '1 min',
             '10 s', now(), now()
      FROM codemint.jobs;
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids)
      SELECT gen_random_uuid(), c.job_id, c.id, c.reward_id, 'C', 'available', 'none', '{}'
      FROM codemint.calls c, generate_series(1, 10);
    UPDATE codemint.jobs SET is_new = false, queue_position = NULL, next_call_at = NULL, issued = count, state = 'completed',
      finished_at = now();
    ALTER TABLE codemint.codes DISABLE TRIGGER keep_code;
    UPDATE codemint.codes SET surplus = true WHERE id IN (
      SELECT id FROM codemint.codes WHERE job_id = 1 LIMIT 2);
    ALTER TABLE codemint.codes ENABLE TRIGGER keep_code;
    INSERT INTO codemint.codes (id, reward_id, code, status, sync_status, external_ids, surplus)
      SELECT gen_random_uuid(), reward_id, 'C', 'available', 'none', '{}', true
      FROM codemint.jobs, generate_series(1, 3) WHERE id = 1;
    SELECT codemint.purge_job(4001);
    ANALYZE;
    """
}
