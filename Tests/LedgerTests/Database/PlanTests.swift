import Ledger
import Postgres
import Testing

@Suite("plans")
struct PlanTests {
  @Test("the next job is read off the line's index, without a sort")
  func candidate() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, priority)
        SELECT gen_random_uuid(), 1, n % 10 FROM generate_series(1, 5000) AS n;
        INSERT INTO codemint.rewards (reward_id)
        SELECT reward_id FROM codemint.jobs WHERE id % 2 = 0;
        ANALYZE;
        """
      )
      let query = try #require(Self.candidateQuery)
      var plan = ""
      for row in try await ledger.bystander.query(Statement("EXPLAIN \(query)")) {
        plan += try row.text(0) + "\n"
      }
      #expect(plan.contains("Index Scan using jobs_line on jobs"), "\(plan)")
      #expect(!plan.contains("Sort"), "\(plan)")
      #expect(!plan.contains("Seq Scan on jobs"), "\(plan)")
    }
  }

  @Test("what falls due is read off indexes")
  func tending() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(
        """
        INSERT INTO codemint.jobs (reward_id, count, run_at)
        SELECT gen_random_uuid(), 1, now() + interval '1 day' FROM generate_series(1, 5000);
        ANALYZE;
        """
      )
      let rows = try await ledger.bystander.query(
        """
        EXPLAIN SELECT next_call_at FROM codemint.jobs
        WHERE turn IS NULL AND next_call_at IS NOT NULL ORDER BY next_call_at LIMIT 1
        """
      )
      let plan = try rows.map { try $0.text(0) }.joined(separator: "\n")
      #expect(plan.contains("using jobs_waiting") && !plan.contains("Sort"), "\(plan)")
    }
  }

  /// The query of `next_candidate` itself, with numbers for the function's variables.
  private static var candidateQuery: String? {
    let text = Migration.all[1].sql
    let head = "SELECT j.id, j.reward_id\n  FROM codemint.jobs j"
    guard let start = text.ranges(of: head).first?.lowerBound,
      let end = text[start...].ranges(of: "LIMIT 1\n").first?.upperBound
    else { return nil }
    return String(text[start..<end])
      .replacing("p_account.max_in_flight_per_reward", with: "2")
      .replacing("p_now", with: "clock_timestamp()")
  }
}
