import Ledger
import Postgres
import Provisioning
import Synchronization
import Testing

@Suite("exporting a job's codes")
struct ExportTests {
  private static let scenery = #"""
    INSERT INTO codemint.jobs (reward_id, count) SELECT gen_random_uuid(), 5000
    FROM generate_series(1, 2);
    INSERT INTO codemint.codes
      (id, job_id, call_id, reward_id, code, status, sync_status, external_ids, created_at, surplus)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, gen_random_uuid(), gen_random_uuid(),
           CASE n WHEN 1 THEN 'a,"b"' WHEN 2 THEN E'two\nlines' ELSE 'C' || n END, 'available',
           'synced', '{"shopify": {"codeId": "x\"y"}}', '2026-01-02 03:04:05.5+02', n > 4998
    FROM generate_series(1, 5000) AS n;
    """#

  private func export(_ ledger: RealLedger, _ job: Int64, _ format: ExportQueries.Format)
    async throws -> (count: Int, text: String, pieces: Int)
  {
    let pieces = Mutex<[String]>([])
    let count = try await ExportQueries(pool: ledger.pool).export(job, as: format) { piece in
      pieces.withLock { $0.append(piece) }
    }
    let all = pieces.withLock { $0 }
    return (count, all.joined(), all.count)
  }

  @Test("every code that counts, once, in pieces, as CSV or JSON lines")
  func formats() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(Self.scenery)
      let csv = try await export(ledger, 1, .csv)
      #expect(csv.count == 4998 && csv.pieces == 4)
      #expect(csv.text.hasPrefix("id,code,job_id,reward_id,status,sync_status,external_ids,"))
      #expect(csv.text.contains(#","a,""b""",1,"#))
      #expect(csv.text.contains("\"two\nlines\""))
      #expect(csv.text.contains(#""{""shopify"": {""codeId"": ""x\""y""}}""#))
      #expect(csv.text.contains("2026-01-02T01:04:05.5+00:00"))
      let lines = try await export(ledger, 1, .jsonl)
      #expect(lines.count == 4998)
      #expect(lines.text.split(separator: "\n").count == 4998)
      #expect(lines.text.contains(#""code":"a,\"b\"","job_id":1,"#))
      let none = try await export(ledger, 2, .csv)
      #expect(none.count == 0 && none.text.split(separator: "\n").count == 1)
    }
  }

  @Test("a job that does not exist is named, and whoever stops the writing is heard")
  func failures() async throws {
    struct Full: Error {}
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(Self.scenery)
      await #expect(throws: LedgerError.self) { _ = try await export(ledger, 9, .csv) }
      await #expect(throws: Full.self) {
        _ = try await ExportQueries(pool: ledger.pool).export(1, as: .csv) { _ in throw Full() }
      }
      #expect(try await export(ledger, 1, .csv).count == 4998)
    }
  }
}
