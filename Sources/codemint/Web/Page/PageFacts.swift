extension LedgerReport {
  /// The data of the status page; /status.json has them too.
  struct Page: Decodable {
    let database: String
    let verdict: Verdict
    let needsYou: [Need]
    let counts: Counts
    let account: Account?
    let jobs: [Job]
    let doubts: [PageDoubt]
    let sync: [SyncProblem]
    let api: [Fact]
    let webhooks: [Webhook]
    let workers: [Worker]
  }

  /// How many jobs there are; 1001 means more than a thousand.
  struct Counts: Decodable {
    let held: Int
    let running: Int
    let paused: Int
    let open: Int
  }

  /// A call in doubt.
  struct PageDoubt: Decodable {
    let callId: String
    let jobId: Int64
    let size: Int
    let heldAt: String?
    let seen: String
    let lookFor: String?
    let adoptMeans: String?
    let absentMeans: String?
    let seconds: Int
  }

  /// A reward whose codes another system does not take.
  struct SyncProblem: Decodable {
    let rewardId: String
    let system: String?
    let codes: Int
    let resyncs: Int
    let error: String?
    let requestError: String?
    let nextPassAt: String?
    let givenUpAt: String?
  }

  /// What the API was seen to do.
  struct Fact: Decodable {
    let state: String
    let seen: String
    let means: String?
    let firstSeenAt: String
    let lastSeenAt: String
    let witnesses: Int
  }

  /// A daemon that lives.
  struct Worker: Decodable {
    let host: String
    let process: Int
    let version: String
    let draining: Bool
    let startedAt: String
  }
}

extension LedgerReport.Job {
  /// What people know the job by, beside its number.
  var names: [String] {
    [
      prefix.map { "prefix \($0)" }, dedupeKey.map { "key \($0)" },
      campaign.map { "campaign \($0)" },
      "by \(createdBy)", "reward \(rewardId.shortID)",
    ].compactMap(\.self)
  }

  /// How it looks. A job that only a person gets on never looks good.
  var look: HTML.Look {
    if isStuck { return .bad }
    switch state {
    case "completed": return .good
    case "failed": return .bad
    case "running":
      let usual = ["turn", "answers", "pace", "reward", "slots"]
      return paused || reason.map { !usual.contains($0) } ?? false ? .wait : .good
    case "ending": return .wait
    default: return .quiet
    }
  }
}
