import Provisioning

/// What happened in simulations, in numbers.
public struct Tally: Hashable, Sendable {
  /// Simulations.
  public var seeds = 0
  /// Those of an API that is as its documents make one think.
  public var documented = 0
  /// Jobs of the tasks that were run.
  public var steps = 0
  /// Events that were noted.
  public var events = 0
  /// Workers that died.
  public var crashes = 0
  /// Workers that were stopped and resumed.
  public var stops = 0
  /// Times that a clock was set.
  public var clockSteps = 0
  /// Leases that were taken away before their time.
  public var thefts = 0
  /// Commits whose acknowledgement was lost.
  public var lostAcknowledgements = 0
  /// Calls that were claimed.
  public var calls = 0
  /// Doubtful calls that were decided.
  public var doubts = 0
  /// Those that were found upstream.
  public var adopted = 0
  /// Those judged not to have happened.
  public var absent = 0
  /// Those that wait for a person.
  public var held = 0
  /// Decisions that came to nothing because the facts had changed.
  public var voidDecisions = 0
  /// Codes in the ledger.
  public var codes = 0
  /// Those of them that no job has room for.
  public var surplus = 0
  /// Codes of ours that are not in the ledger at the end, where clocks were set, somebody else made
  /// codes or the API made too many, which is where that can happen.
  public var overlooked = 0
  /// Codes that somebody else made.
  public var rivals = 0
  /// Those of them that count for a job of ours, where nobody can tell.
  public var foreignAdopted = 0
  /// Failovers that lost commits.
  public var failovers = 0
  /// Restores from a dump.
  public var restores = 0
  /// Rows that somebody kept locked.
  public var locks = 0
  /// Counters that somebody set wrong.
  public var wounds = 0
  /// Heartbeats that mended such counters.
  public var mended = 0
  /// Jobs that were purged.
  public var purges = 0
  /// Decisions to hold calls, by their reasons.
  public private(set) var holds: [String: Int] = [:]

  /// Nothing yet.
  public init() {}

  /// Both together.
  public static func + (one: Tally, other: Tally) -> Tally {
    var sum = one
    for part in parts { sum[keyPath: part.path] += other[keyPath: part.path] }
    sum.holds.merge(other.holds, uniquingKeysWith: +)
    return sum
  }

  /// Counts a decision to hold calls.
  mutating func hold(_ reason: HoldReason) {
    holds[reason.rawValue, default: 0] += 1
  }

  /// The numbers with their names.
  public var summary: String {
    let holds = holds.sorted { $0.key < $1.key }.map { "held for \($0.key) \($0.value)" }
    return (Self.parts.map { "\($0.name) \(self[keyPath: $0.path])" } + holds)
      .joined(separator: ", ")
  }

  private static var parts: [(name: String, path: WritableKeyPath<Tally, Int>)] {
    [
      ("seeds", \.seeds), ("as documented", \.documented), ("steps", \.steps), ("events", \.events),
      ("crashes", \.crashes),
      ("stops", \.stops), ("clock steps", \.clockSteps), ("leases taken away", \.thefts),
      ("lost acknowledgements", \.lostAcknowledgements), ("calls", \.calls),
      ("doubts", \.doubts), ("adopted", \.adopted), ("absent", \.absent), ("held", \.held),
      ("void decisions", \.voidDecisions), ("codes", \.codes), ("surplus", \.surplus),
      ("overlooked", \.overlooked), ("made by others", \.rivals),
      ("counted of these", \.foreignAdopted), ("failovers", \.failovers), ("restores", \.restores),
      ("locks", \.locks), ("counters set wrong", \.wounds), ("mended", \.mended),
      ("purges", \.purges),
    ]
  }
}
