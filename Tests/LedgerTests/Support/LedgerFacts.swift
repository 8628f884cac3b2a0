import MemoryStore
import Provisioning

/// Every row of a ledger.
struct LedgerFacts: Hashable, Sendable {
  var jobs: [JobID: JobRow] = [:]
  var calls: [CallID: CallRow] = [:]
  var codes: [CodeID: CodeRow] = [:]
  var rewards: [RewardID: RewardRow] = [:]
  var watches: [RewardID: WatchRow] = [:]
  var account = AccountRow()
  var apiClock = APIClockRow()
  var apiFacts: [APIFact: APIFactRow] = [:]
  var prunedUntil: PrunedMark?
  var workers: [WorkerID: WorkerRow] = [:]
  /// Unattributed codes by the call that showed them.
  var unattributed: [CodeID: CallID] = [:]
  /// Codes kept as bytes by the call that they were found for.
  var rawCodes: [CodeID: CallID] = [:]
  var answers: [CallID: [UInt8]] = [:]
  var tracked: [RewardID: TrackedRow] = [:]
  var resyncs: [ResyncKey: ResyncRow] = [:]

  /// The job that a test has only one of.
  func job(_ id: JobID) throws -> JobRow {
    guard let job = jobs[id] else { throw MissingRow("job \(id)") }
    return job
  }

  func call(_ id: CallID) throws -> CallRow {
    guard let call = calls[id] else { throw MissingRow("call \(id)") }
    return call
  }

  func watch(_ id: RewardID) throws -> WatchRow {
    guard let watch = watches[id] else { throw MissingRow("watch of \(id)") }
    return watch
  }

  func reward(_ id: RewardID) throws -> RewardRow {
    guard let reward = rewards[id] else { throw MissingRow("reward \(id)") }
    return reward
  }

  /// What differs from another ledger, row by row; empty if nothing does.
  func differences(from other: LedgerFacts) -> [String] {
    Self.compare("job", jobs, other.jobs) + Self.compare("call", calls, other.calls)
      + Self.compare("code", codes, other.codes) + Self.compare("reward", rewards, other.rewards)
      + Self.compare("worker", workers, other.workers)
      + Self.compare("unattributed code", unattributed, other.unattributed)
      + Self.compare("tracked reward", tracked, other.tracked)
      + Self.compare("resync", resyncs, other.resyncs)
      + Self.compare("raw code", rawCodes, other.rawCodes)
      + Self.compare("answer", answers.mapValues(\.count), other.answers.mapValues(\.count))
      + Self.compare("watch", watches, other.watches)
      + Self.compare("fact", apiFacts, other.apiFacts)
      + (apiClock == other.apiClock ? [] : ["API's clock: \(apiClock) != \(other.apiClock)"])
      + (prunedUntil == other.prunedUntil ? [] : ["pruning differs"])
      + (account == other.account ? [] : ["account: \(account)\n      != \(other.account)"])
  }

  private static func compare<Key, Value: Equatable>(
    _ name: String,
    _ left: [Key: Value],
    _ right: [Key: Value]
  ) -> [String] {
    Set(left.keys).union(right.keys).compactMap { key in
      guard left[key] != right[key] else { return nil }
      return "\(name) \(key): \(text(left[key]))\n      != \(text(right[key]))"
    }
  }

  private static func text<Value>(_ value: Value?) -> String {
    value.map { "\($0)" } ?? "nothing"
  }
}

/// A row that a test counted on is not there.
struct MissingRow: Error, CustomStringConvertible {
  let description: String

  init(_ what: String) {
    description = "there is no \(what)"
  }
}
