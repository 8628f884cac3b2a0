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
    async throws -> (count: Int, marked: Int, text: String, pieces: Int)
  {
    let pieces = Mutex<[String]>([])
    let summary = try await ExportQueries(pool: ledger.pool).export(job, as: format) { piece in
      pieces.withLock { $0.append(piece) }
    }
    let all = pieces.withLock { $0 }
    return (summary.codes, summary.marked, all.joined(), all.count)
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

  @Test("only the columns that are asked for, in their order, and which API made the codes")
  func columns() async throws {
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(Self.scenery)
      try await ledger.bystander.script(
        "UPDATE codemint.jobs SET api = 'http://127.0.0.1:8089' WHERE id = 1"
      )
      for format in ExportQueries.Format.allCases {
        let pieces = Mutex<[String]>([])
        let summary = try await ExportQueries(pool: ledger.pool).export(
          1,
          as: format,
          columns: [.api, .code]
        ) { piece in pieces.withLock { $0.append(piece) } }
        #expect(summary.api == "http://127.0.0.1:8089" && summary.codes == 4998)
        let text = pieces.withLock { $0.joined() }
        #expect(
          format == .jsonl
            ? text.contains("{\"api\":\"http://127.0.0.1:8089\",\"code\":\"C7\"}\n")
            : text.hasPrefix("api,code\n") && text.contains("\nhttp://127.0.0.1:8089,C7\n")
        )
      }
    }
  }

  @Test("a spreadsheet finds no formula in CSV, and a program finds every code as it is elsewhere")
  func formulas() async throws {
    let codes = [
      "=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\u{FF1D}1", #"=1,"x""#,
      "A=1",
      "A;=1", "'=1",
    ]
    try await RealLedger.lend { ledger in
      try await ledger.bystander.script(Self.scenery)
      for (number, code) in codes.enumerated() {
        _ = try await ledger.bystander.query(
          """
          INSERT INTO codemint.codes (id, job_id, call_id, reward_id, code, status, sync_status,
                                      external_ids)
          SELECT lpad(to_hex(9000 + $1), 32, '0')::uuid, 2, gen_random_uuid(), gen_random_uuid(), $2,
                 CASE $1 WHEN 9 THEN '=bad' ELSE 'available' END, 'synced', '{}'
          """,
          [.int4(Int32(number)), .text(code)]
        )
      }
      let safe = try await export(ledger, 2, .csv)
      #expect(safe.count == 12 && safe.marked == 10)
      for cell in [
        ",'=HYPERLINK(1),", ",'+1,", ",'-1,", ",'@SUM(1),", ",\"'\t=1\",", ",\"'\r=1\",",
        ",\"'\n=1\",", ",'\u{FF1D}1,", #","'=1,""x""","#, ",A=1,", ",\"A;=1\",", ",'=bad,",
      ] {
        #expect(safe.text.contains(cell), "\(cell)")
      }
      let verbatim = try await export(ledger, 2, .verbatimCSV)
      #expect(verbatim.count == 12 && verbatim.marked == 0)
      #expect(verbatim.text.contains(",=HYPERLINK(1),") && verbatim.text.contains(",'=1,"))
      let lines = try await export(ledger, 2, .jsonl)
      #expect(lines.marked == 0 && lines.text.contains(#""code":"=HYPERLINK(1)""#))
    }
  }

  @Test("a producer exports the codes of its own jobs, and no others; an operator none")
  func ownCodes() async throws {
    try await Logins.lend { logins in
      // The codes are those of the third job.
      try await logins.owner.script(
        Self.scenery.replacing("uuid, 1, gen_random_uuid()", with: "uuid, 3, gen_random_uuid()")
      )
      let settings = try await logins.newLogin(.producer)
      let shop = try await Connection.open(settings)
      try await shop.script(
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 5000)"
      )
      await shop.close()
      let pool = Pool(settings, limit: 1)
      try await logins.owner.script(
        "UPDATE codemint.jobs SET api = 'https://api.example' WHERE id = 3"
      )
      for format in ExportQueries.Format.allCases {
        let text = Mutex("")
        let summary = try await ExportQueries(pool: pool).export(3, as: format) { piece in
          text.withLock { $0 += piece }
        }
        #expect(summary.codes == 4998 && summary.api == "https://api.example")
        #expect(text.withLock { $0.contains("C77") && $0.contains("https://api.example") })
      }
      let other = await #expect(throws: LedgerError.self) {
        _ = try await ExportQueries(pool: pool).export(2, as: .csv) { _ in }
      }
      #expect(other?.description == "there is no job 2")
      await pool.close()
      let desk = Pool(try await logins.newLogin(.operator), limit: 1)
      let refusal = await #expect(throws: PostgresError.self) {
        _ = try await ExportQueries(pool: desk).export(3, as: .csv) { _ in }
      }
      #expect(refusal?.sqlState == "42501")
      await desk.close()
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
