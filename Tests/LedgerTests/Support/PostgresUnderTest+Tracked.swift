import MemoryStore
import Postgres
import Provisioning

extension Connection {
  /// Adds what is tracked to the facts.
  nonisolated func addTracked(to facts: inout LedgerFacts) async throws {
    for row in try await query("SELECT * FROM codemint.tracked_rewards") {
      facts.tracked[RewardID(UniqueID(bits: try row.uuid("reward_id")))] = try TrackedRow(row)
    }
    for row in try await query("SELECT * FROM codemint.resyncs") {
      let reward = RewardID(UniqueID(bits: try row.uuid("reward_id")))
      guard let system = SyncSystem(rawValue: try row.text("system")) else { continue }
      var resync = ResyncRow(nextAt: try row.timestamptz("next_at"))
      resync.attempts = try row.integer("attempts")
      resync.askedAt = try row.optionalTimestamptz("asked_at")
      resync.givenUpAt = try row.optionalTimestamptz("given_up_at")
      resync.errorMessage = try row.optionalText("error_message")
      facts.resyncs[ResyncKey(reward, system)] = resync
    }
  }
}

extension TrackedRow {
  fileprivate init(_ row: Row) throws {
    self.init()
    nextPassAt = try row.optionalTimestamptz("next_pass_at")
    passes = try row.integer("passes")
    failures = try row.integer("failures")
    errorMessage = try row.optionalText("error_message")
    mark = try row.optionalTimestamptz("mark")
    order = ListOrder(rawValue: try row.text("list_order")) ?? .unknown
    scanOffset = try row.optionalInteger("scan_offset")
    scanAnchor = try row.optionalUuid("scan_anchor").map { CodeID(UniqueID(bits: $0)) }
    scanNewest = try row.optionalTimestamptz("scan_newest")
    worker = try row.optionalUuid("worker").map { WorkerID(UniqueID(bits: $0)) }
    workerUntil = try row.optionalTimestamptz("worker_until")
    givenUpAt = try row.optionalTimestamptz("given_up_at")
    lateCodesAt = try row.optionalTimestamptz("late_codes_at")
  }
}
