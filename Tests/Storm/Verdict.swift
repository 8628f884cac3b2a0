import Foundation

/// The ledger of a storm.
struct Verdict: Encodable {
  let seed: UInt64
  let seconds: Int

  // What happened to the fleet.
  var kills = 0
  var suspensions = 0
  var drains = 0
  var deaths = 0
  var partitions = 0
  var callsByHost: [String: Int] = [:]
  // What happened to the database.
  var terminatedBackends = 0
  var restarts = 0
  var serverSuspensions = 0
  var promotions = 0
  var lostCommitBytes = 0
  var lostCalls = 0
  var diskFull = 0
  var diskFullErrors = 0
  // What was asked for.
  var jobs = 0
  var failedJobs = 0
  var requests = 0
  var calls = 0
  var doubts = 0
  var adopted = 0
  var absent = 0
  var resolvedByHand = 0
  // What became of it.
  var upstream = 0
  var issued = 0
  var surplus = 0
  var surplusOfLongAnswers = 0
  var surplusAfterAbsent = 0
  var surplusAfterFailover = 0
  var foundByWatch = 0
  var unattributed = 0
  // What must not be.
  var lost = 0
  var foundByAudit = 0
  var double = 0
  var phantom = 0
  var over = 0
  var unfinished = 0

  init(seed: UInt64, seconds: Int) {
    self.seed = seed
    self.seconds = seconds
  }

  /// Whether the promise was kept. What a failover that loses commits takes along cannot be kept, but
  /// the audit has to find it.
  var isClean: Bool {
    let kept = lostCommitBytes > 0 ? lost == foundByAudit : lost == 0
    let allWorked = callsByHost.values.allSatisfy { $0 > 0 }
    return kept && allWorked && double == 0 && phantom == 0 && over == 0 && unfinished == 0
  }

  var text: String {
    rows.map { name, value in
      name.padding(toLength: 36, withPad: " ", startingAt: 0) + value
    }.joined(separator: "\n")
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  private var rows: [(String, String)] {
    [
      ("seed", "\(seed)"), ("seconds", "\(seconds)"),
      ("kills", "\(kills)"), ("daemons suspended", "\(suspensions)"),
      ("daemons told to stop", "\(drains)"), ("daemons that ended by themselves", "\(deaths)"),
      ("hosts cut off", "\(partitions)"),
      (
        "calls by host",
        callsByHost.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
          .joined(separator: ", ")
      ),
      ("backends terminated", "\(terminatedBackends)"), ("database restarts", "\(restarts)"),
      ("database suspended", "\(serverSuspensions)"), ("promotions", "\(promotions)"),
      ("  commits lost by them", "\(lostCommitBytes) bytes, \(lostCalls) calls"),
      ("disk full", "\(diskFull) times, \(diskFullErrors) errors"),
      ("jobs", "\(jobs), \(failedJobs) failed"), ("requests", "\(requests)"),
      ("calls", "\(calls)"), ("  in doubt", "\(doubts)"), ("  adopted", "\(adopted)"),
      ("  absent", "\(absent)"), ("  decided by hand", "\(resolvedByHand)"),
      ("codes upstream", "\(upstream)"), ("  issued to jobs", "\(issued)"),
      ("  surplus", "\(surplus)"),
      ("    of answers longer than asked", "\(surplusOfLongAnswers)"),
      ("    made after judged absent", "\(surplusAfterAbsent)"),
      ("    whose job a failover lost", "\(surplusAfterFailover)"),
      ("  found by the watch", "\(foundByWatch)"), ("  attributed to no call", "\(unattributed)"),
      ("lost", "\(lost)" + (lost > 0 ? ", \(foundByAudit) of them named by the audit" : "")),
      ("double", "\(double)"),
      ("in the ledger and not upstream", "\(phantom)"),
      ("jobs with more than they asked for", "\(over)"), ("unfinished", "\(unfinished)"),
    ]
  }
}
