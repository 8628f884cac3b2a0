import Foundation

/// What the ledger tells people, read from the JSON that `JobQueries` and `OverviewQueries` return. Times are
/// as ISO 8601 writes them.
enum LedgerReport {
  /// How it all is, in one line.
  struct Verdict: Decodable {
    let level: String
    let words: String
  }

  /// What needs a person.
  struct Need: Decodable {
    let kind: String
    let subject: String
    let since: String?
    let why: String
    let whatToDo: String
    let command: String
    let jobId: Int64?
  }

  /// One job of a list.
  struct Job: Decodable {
    let id: Int64
    let state: String
    let paused: Bool
    let held: Bool
    let rewardId: String
    let prefix: String?
    let count: Int
    let issued: Int
    let outstanding: Int
    let surplus: Int
    let errorCode: String?
    let errorMessage: String?
    let createdBy: String
    let dedupeKey: String?
    let campaign: String?
    let createdAt: String
    let startedAt: String?
    let finishedAt: String?
    let timeLeft: String?
    let reason: String?
    let why: String?
    let since: String?
    let until: String?
    let whatToDo: String?
    let syncPending: Int?
    let syncError: Int?
    let syncDoneAt: String?
    let syncErrors: Int?

    var isFinished: Bool { finishedAt != nil }

    /// Whether only a person gets it on.
    var isStuck: Bool {
      guard !isFinished else { return false }
      let reasons = [
        "decision", "held", "approval", "api", "suspended", "locked", "daemon", "unsettled",
        "blocked",
        "unclaimable", "unknown",
      ]
      return held || reason.map(reasons.contains) ?? false
    }

    /// Its state and what an operator or codemint has set beside it.
    var states: [String] {
      [state] + (paused && !isFinished ? ["paused"] : []) + (held && !isFinished ? ["held"] : [])
    }

    /// Why it failed, was cancelled or is held.
    var error: String? {
      let words = [errorCode, errorMessage].compactMap(\.self)
      return words.isEmpty ? nil : words.joined(separator: ": ")
    }

    /// Why it waits, or how it ended.
    var explanation: String { (isFinished ? error : why ?? error) ?? "" }
  }

  /// What `codemint status` shows. Producers and readers get no verdict.
  struct Status: Decodable {
    let asOf: String
    let verdict: Verdict?
    let needsYou: [Need]?
    let account: Account
    let jobs: [Job]
    let total: Int
  }

  /// Whether calls may be sent.
  struct Account: Decodable {
    let state: String
    let reason: String?
    let message: String?
    let pausedUntil: String?
    let requestsPerSecond: Double?
    let currentRequestsPerSecond: Double?
    let paceReason: String?
    let inFlight: Int
    let maxInFlight: Int?
    let workers: Int
    let api: String?
    let isStandIn: Bool?
    let codesLeftToday: Int?
    let apiContradictions: String?

    /// The API that calls go to.
    var apiWords: String? {
      api.map { isStandIn == true ? "\($0) (SANDBOX: no code of it is real)" : $0 }
    }
  }

  /// A request.
  struct Call: Decodable {
    let id: String
    let jobId: Int64
    let createdAt: String
    let state: String
    let size: Int
    let received: Int?
    let httpStatus: Int?
    let durationMs: Int?
    let errorCode: String?
    let errorMessage: String?
    let heldAt: String?
    let holdReason: String?
    let resolution: String?
    let resolvedBy: String?
    let resolutionNote: String?

    /// The state, and whether a person has to decide.
    var words: String { heldAt == nil ? state : "\(state), held" }

    /// What is to be said beside the figures.
    var remark: String {
      let decision = resolution.map { resolution in
        "\(resolution) by \(resolvedBy ?? "?"): \(resolutionNote ?? "")"
      }
      let error = [errorCode, errorMessage].compactMap(\.self).joined(separator: ": ")
      let wasWrong = resolution == "absent" && state == "adopted"
      let late = wasWrong ? "its codes turned up later" : nil
      return [error.isEmpty ? nil : error, holdReason, decision, late].compactMap(\.self)
        .joined(separator: "; ")
    }
  }

  /// How a webhook is.
  struct Webhook: Decodable {
    let webhook: String
    let state: String
    let host: String
    let waiting: Int
    let dead: Int
    let oldestEventAt: String?
    let lastSuccessAt: String?
    let lastFailureAt: String?
    let lastError: String?
    let failingSince: String?

    /// What the receiver said last, as long as that is of interest.
    var trouble: String? { failingSince == nil && dead == 0 ? nil : lastError }
  }

  /// What an operator did.
  struct Action: Decodable {
    let jobId: Int64
    let action: String
    let note: String?
    let doneBy: String
    let doneAt: String
    let stateBefore: String
    let stateAfter: String
  }

  /// What happened to a job.
  struct Event: Decodable {
    let id: Int64
    let kind: String
    let at: String
    let detail: Detail

    /// How the job stood then. An event of another version may say less.
    struct Detail: Decodable {
      let count: Int?
      let issued: Int?
      let errorCode: String?
    }

    /// How the job stood then, in words.
    var words: String {
      let codes = detail.count.map { "\(detail.issued ?? 0) of \($0) codes" }
      return [codes, detail.errorCode].compactMap(\.self).joined(separator: ", ")
    }
  }

  /// A call in doubt, with what a person has to know to decide it.
  struct Doubt: Decodable {
    let callId: String
    let seen: String
    let lookFor: String?
    let adoptMeans: String?
    let absentMeans: String?
    let whatToDo: String
  }

  /// How many codes have which status in another system.
  struct Sync: Decodable {
    let system: String
    let syncStatus: String
    let codes: Int
  }

  /// Why a job waits.
  struct Wait: Decodable {
    let reason: String
    let why: String
    let since: String?
    let until: String?
    let whatToDo: String
    let command: String?
  }

  /// Everything about one job.
  struct Explanation: Decodable {
    let asOf: String
    let job: Job
    let waits: Wait?
    let needsYou: [Need]
    let doubts: [Doubt]
    let sync: [Sync]
    let calls: [Call]
    let actions: [Action]
    let events: [Event]

    /// Whether only a person gets it on.
    var isStuck: Bool { job.isStuck || !needsYou.isEmpty }

    /// Why it waits, or what became of it.
    var reason: String {
      let end: String? =
        switch job.state {
        case "failed": ["it has failed", job.error].compactMap(\.self).joined(separator: ": ")
        case _ where waits != nil: nil
        default:
          job.isFinished ? "it is \(job.state), and nothing is left to wait for" : "it proceeds"
        }
      return [end, waits.map { "\($0.reason): \($0.why)" }].compactMap(\.self).joined(
        separator: "; "
      )
    }

    /// The last error, unless it is the reason.
    var lastError: String? { job.state == "failed" ? nil : job.error }

    /// Since when that is so.
    var since: String? { waits?.since ?? (job.state == "failed" ? job.finishedAt : nil) }

    /// The commands that help.
    var commands: [String] {
      let retry =
        "codemint retry \(job.id) --note 'why'  # as an operator, when the cause has been mended"
      let known = needsYou.map(\.command) + (job.state == "failed" ? [retry] : [])
      return known.isEmpty ? [waits?.command].compactMap(\.self) : known
    }
  }

  /// Reads what the ledger returned.
  static func read<Value: Decodable>(_ text: String) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Value.self, from: Data(text.utf8))
  }
}

extension String {
  /// A time of ISO 8601 as people read it: date and hour of 24, to the second.
  var asTime: String {
    guard let mark = firstIndex(of: "T") else { return self }
    return "\(self[..<mark]) \(self[index(after: mark)...].prefix(8))"
  }

  /// The beginning of an id, which is enough to tell ids apart.
  var shortID: String { String(prefix(8)) }
}

extension FileDescriptor {
  /// Writes JSON of the database in the format of every `--json`. Nulls are kept.
  func json(text: String) throws {
    let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
    let data = try JSONSerialization.data(
      withJSONObject: value,
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    )
    try line(String(decoding: data, as: UTF8.self))
  }

  /// Writes lines whose parts a `Palette` has made harmless.
  func painted(_ lines: [String]) throws(OutputError) {
    for text in lines { try write(text + "\n") }
  }
}
