import Ledger
import MemoryStore
import Postgres
import Provisioning
import Testing

@Suite("steering, in SQL")
struct SteeringTests {
  @Test("each says how the job stands, and what was changed is kept with who and why")
  func kept() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let id = try await ledger.insert(7, of: Scene.reward).number
      let said = [
        try await queries.steer(id, .pause, note: "shop is closed"),
        try await queries.steer(id, .pause, note: "again"),
        try await queries.steer(id, .resume, note: nil),
        try await queries.steer(id, .cancel, note: "not wanted"),
        try await queries.steer(id, .retry, note: " "),
      ]
      #expect(
        said == [
          "job \(id) is queued, paused with 0 of 7 codes",
          "job \(id) is queued, paused with 0 of 7 codes: nothing was done, because it was paused before",
          "job \(id) is queued with 0 of 7 codes",
          "job \(id) is cancelled with 0 of 7 codes",
          "job \(id) is queued with 0 of 7 codes",
        ]
      )
      let rows = try await ledger.bystander.query(
        "SELECT action, coalesce(note, '-') AS note, done_by = session_user AS own FROM codemint.job_actions ORDER BY id"
      )
      #expect(try rows.map { try $0.text("action") } == ["pause", "resume", "cancel", "retry"])
      #expect(try rows.map { try $0.text("note") } == ["shop is closed", "-", "not wanted", "-"])
      #expect(try rows.allSatisfy { try $0.bool("own") })
    }
  }

  @Test("what cannot be done is refused with a sentence")
  func refused() async throws {
    try await RealLedger.lend { ledger in
      let queries = JobQueries(pool: ledger.pool)
      let id = try await ledger.insert(7, of: Scene.reward).number
      for action in JobAction.allCases {
        do {
          _ = try await queries.steer(999, action, note: nil)
          Issue.record("\(action) of nothing")
        } catch let error as LedgerError {
          #expect(error.description == "there is no job 999")
        }
      }
      _ = try await queries.steer(id, .cancel, note: nil)
      do {
        _ = try await queries.steer(id, .pause, note: nil)
        Issue.record("paused")
      } catch let error as LedgerError {
        #expect(
          error.description == "job \(id) is cancelled with 0 of 7 codes: there is nothing to pause"
        )
      }
      let error = await failure { () throws(PostgresError) in
        try await ledger.bystander.query("SELECT codemint.set_priority(1, 10)")
      }
      #expect(error?.sqlState == "55000" || error?.sqlState == "22023")
    }
  }
}
