import Ledger
import Provisioning

/// What an audit found. Codes are named by their ids.
struct AuditReport: Encodable {
  /// Codes of one job that are not upstream.
  struct Missing: Encodable {
    let job: Int64?
    let codes: [String]
  }

  let reward: String
  /// Codes that the API lists.
  let upstream: Int
  /// Null items of the listing, each perhaps a code that cannot be read back.
  let nulls: Int
  /// Codes that the ledger holds, surplus included.
  let ledger: Int
  /// Codes of the ledger that no job has room for.
  let surplus: Int
  /// Codes that are upstream and set aside in `codemint.strays`.
  let strays: Int
  /// Codes that no column can hold, kept as bytes in `codemint.raw_codes`.
  let raw: Int
  /// Calls that are sending or in doubt: they explain differences.
  let openCalls: Int
  /// Codes that are upstream and not in the ledger.
  let unknownHere: [String]
  /// Codes that are in the ledger and not upstream, by job.
  let unknownThere: [Missing]

  enum CodingKeys: String, CodingKey {
    case reward, upstream, nulls, ledger, surplus, strays, raw
    case openCalls = "open_calls"
    case unknownHere = "unknown_here"
    case unknownThere = "unknown_there"
  }

  init(
    reward: RewardID,
    upstream: [CodeID],
    nulls: Int,
    ledger: [CodeID: AuditDesk.Entry],
    openCalls: Int
  ) {
    let listed = Set(upstream)
    let stored = ledger.filter { !$0.value.isStray && !$0.value.isRaw }
    self.reward = reward.description
    self.upstream = listed.count
    self.nulls = nulls
    self.ledger = stored.count
    self.openCalls = openCalls
    surplus = stored.values.count { $0.isSurplus }
    raw = ledger.values.count { $0.isRaw }
    strays = listed.count { ledger[$0]?.isStray == true }
    unknownHere = listed.filter { ledger[$0] == nil }.sorted().map(\.description)
    let missing = stored.filter { !listed.contains($0.key) }
    unknownThere = Dictionary(grouping: missing, by: \.value.job)
      .map { job, codes in
        Missing(job: job?.number, codes: codes.map(\.key).sorted().map(\.description))
      }
      .sorted { ($0.job ?? 0) < ($1.job ?? 0) }
  }

  /// Whether upstream and ledger are the same, with nothing set aside.
  var isClean: Bool { unknownHere.isEmpty && unknownThere.isEmpty && strays == 0 && nulls == 0 }

  /// The report for people.
  var lines: [String] {
    var lines = [
      "reward \(reward)",
      "  \(upstream) codes upstream, \(ledger) in the ledger, \(surplus) of them surplus",
    ]
    if nulls > 0 { lines.append("  \(nulls) items of the listing are null") }
    if strays > 0 { lines.append("  \(strays) are set aside in codemint.strays for a person") }
    if raw > 0 { lines.append("  \(raw) are kept as bytes in codemint.raw_codes") }
    if openCalls > 0 {
      lines.append("  \(openCalls) call(s) are sending or in doubt and may explain differences")
    }
    if !unknownHere.isEmpty {
      lines.append("  \(unknownHere.count) codes upstream that the ledger does not know:")
      lines += unknownHere.map { "    \($0)" }
    }
    for missing in unknownThere {
      let owner = missing.job.map { "job \($0)" } ?? "no job"
      lines.append("  \(missing.codes.count) codes of \(owner) that are not upstream:")
      lines += missing.codes.map { "    \($0)" }
    }
    if isClean { lines.append("  no difference") }
    return lines
  }
}
