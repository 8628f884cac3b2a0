import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

/// What is told after nobody stood in the line.
extension TimeLeftTests {
  @Test("after a time without jobs the pace is what is possible, not what was claimed meanwhile")
  func afterRest() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Self.ten)
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 500);
        SELECT codemint.measure_line();
        UPDATE codemint.line_pace SET measured_at = clock_timestamp() - interval '1 min', calls_per_second = 8;
        SELECT codemint.cancel_job(1);
        INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 50000);
        SELECT codemint.measure_line();
        """
      )
      let seconds = try #require(try await Self.seconds(2, ledger.bystander))
      #expect((8...12).contains(seconds), "\(seconds)")
    }
  }
}
