import Ledger
import OneOfNone
import Postgres
import Provisioning

/// Lists a reward to its end and compares the listing with the ledger.
struct Audit {
  let reward: RewardID
  let client: APIClient
  let pool: Pool
  let pace: RequestPace

  func run() async throws -> AuditReport {
    let queries = AuditQueries(pool: pool)
    let upstream = try await ListingReader(mustShow: [], since: nil).read(
      page: { offset, limit in
        try await pace.wait()
        return await client.list(reward, offset: offset, limit: limit).value
      },
      keep: { reader in
        reader.recognized(reader.unreadable.count)
        return reader.gathered.map(\.id) + reader.unreadable
      }
    ).mapError(Self.failed).get()
    let ledger = try await queries.codes(of: reward)
    return AuditReport(
      reward: reward,
      upstream: upstream.kept,
      nulls: upstream.nulls,
      ledger: ledger,
      openCalls: try await queries.openCalls(of: reward)
    )
  }

  private static func failed(_ failure: ListingFailure) -> CommandError {
    switch failure {
    case .refused(let code, let message, _):
      CommandError(.unavailable, "the API does not list this reward: \(code): \(message)")
    case .keyRefused: CommandError(.noPermission, failure.message)
    case .failed(let cause, _), .notAsked(let cause):
      CommandError(.temporaryFailure, "the listing failed: \(cause)")
    case .stale:
      CommandError(.temporaryFailure, "a cache answered instead of the API; try again later")
    case .unstable:
      CommandError(
        .temporaryFailure,
        "the pages of the listing contradict each other; try again when no job runs"
      )
    case .endless:
      CommandError(.unavailable, "the listing has \(failure.message)")
    }
  }
}

/// The result of an audit. Codes are named by their ids.
struct AuditReport: Encodable {
  /// The codes of one job that are not upstream.
  struct Missing: Encodable {
    let job: Int64?
    let codes: [String]
  }

  let reward: String
  /// The number of codes that the API lists.
  let upstream: Int
  /// Null items of the listing. Each may be a code that the API cannot show.
  let nulls: Int
  /// Codes in the ledger, including surplus codes.
  let ledger: Int
  /// Codes in the ledger that are surplus: no job has room for them.
  let surplus: Int
  /// Codes that are upstream and in `codemint.unattributed_codes`.
  let unattributed: Int
  /// Codes that no text column can hold; `codemint.raw_codes` has their bytes.
  let raw: Int
  /// Calls that are sending or in doubt. They may explain differences.
  let openCalls: Int
  /// Codes that are upstream and not in the ledger.
  let unknownHere: [String]
  /// Codes that are in the ledger and not upstream, by job.
  let unknownThere: [Missing]

  enum CodingKeys: String, CodingKey {
    case reward, upstream, nulls, ledger, surplus, unattributed, raw
    case openCalls = "open_calls"
    case unknownHere = "unknown_here"
    case unknownThere = "unknown_there"
  }

  init(
    reward: RewardID,
    upstream: [CodeID],
    nulls: Int,
    ledger: [CodeID: AuditQueries.Entry],
    openCalls: Int
  ) {
    let listed = Set(upstream)
    let stored = ledger.filter { !$0.value.isUnattributed && !$0.value.isRaw }
    self.reward = reward.description
    self.upstream = listed.count
    self.nulls = nulls
    self.ledger = stored.count
    self.openCalls = openCalls
    surplus = stored.values.count { $0.isSurplus }
    raw = ledger.values.count { $0.isRaw }
    unattributed = listed.count { ledger[$0]?.isUnattributed == true }
    unknownHere = listed.filter { ledger[$0] == nil }.sorted().map(\.description)
    let missing = stored.filter { !listed.contains($0.key) }
    unknownThere = Dictionary(grouping: missing, by: \.value.job)
      .map { job, codes in
        Missing(job: job?.number, codes: codes.map(\.key).sorted().map(\.description))
      }
      .sorted { ($0.job ?? 0) < ($1.job ?? 0) }
  }

  /// Whether upstream and ledger are the same, and every code is attributed.
  var isClean: Bool {
    unknownHere.isEmpty && unknownThere.isEmpty && unattributed == 0 && nulls == 0
  }

  /// The report for people.
  var lines: [String] {
    var lines = [
      "reward \(reward)",
      "  \(upstream) codes upstream, \(ledger) in the ledger, \(surplus) of them surplus",
    ]
    if nulls > 0 { lines.append("  \(nulls) items of the listing are null or cannot be read") }
    if unattributed > 0 {
      lines.append("  \(unattributed) are in codemint.unattributed_codes, for a person to decide")
    }
    if raw > 0 { lines.append("  \(raw) are stored as bytes in codemint.raw_codes") }
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
