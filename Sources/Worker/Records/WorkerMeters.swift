public import CoreMetrics
import Provisioning

/// What a worker counts and times, for whoever collects it.
public struct WorkerMeters: Sendable {
  private let calls: [CallState: Counter]
  private let issued: Counter
  private let surplus: Counter
  private let jobs: [JobState: Counter]
  private let verdicts: [String: Counter]
  private let callDuration: CoreMetrics.Timer
  private let databaseErrors: Counter

  /// Meters of this backend; each of them is there from the beginning, at zero.
  public init(_ factory: any MetricsFactory = NOOPMetricsHandler.instance) {
    calls = Self.counters(
      "codemint_calls_total",
      [.issued, .rejected, .unsent, .inDoubt],
      by: "outcome",
      factory
    )
    jobs = Self.counters(
      "codemint_jobs_finished_total",
      [.completed, .failed, .cancelled],
      by: "state",
      factory
    )
    verdicts = Dictionary(
      uniqueKeysWithValues: ["adopted", "absent", "held"].map {
        (
          $0,
          Counter(label: "codemint_doubts_total", dimensions: [("verdict", $0)], factory: factory)
        )
      }
    )
    issued = Counter(label: "codemint_codes_total", factory: factory)
    surplus = Counter(label: "codemint_surplus_codes_total", factory: factory)
    databaseErrors = Counter(label: "codemint_database_errors_total", factory: factory)
    callDuration = CoreMetrics.Timer(label: "codemint_call_duration_seconds", factory: factory)
  }

  private static func counters<Key: RawRepresentable<String> & Hashable>(
    _ label: String,
    _ keys: [Key],
    by dimension: String,
    _ factory: any MetricsFactory
  ) -> [Key: Counter] {
    Dictionary(
      uniqueKeysWithValues: keys.map {
        ($0, Counter(label: label, dimensions: [(dimension, $0.rawValue)], factory: factory))
      }
    )
  }

  /// A request has ended, or was given back.
  func ended(_ settlement: Settlement) {
    calls[settlement.result]?.increment()
    guard settlement.result != .unsent else { return }
    callDuration.recordNanoseconds(settlement.duration.nanoseconds)
  }

  /// A settlement is in the ledger.
  func settled(_ receipt: SettleReceipt) {
    issued.increment(by: receipt.issued)
    surplus.increment(by: receipt.surplus)
    if let job = receipt.job, job != receipt.jobBefore { jobs[job]?.increment() }
  }

  /// Jobs came to their end other than by a settlement.
  func ended(_ ended: [EndedJob]) {
    for job in ended { jobs[job.state]?.increment() }
  }

  /// Operators did something to jobs.
  func steered(_ steered: [SteeredJob]) {
    for job in steered where job.before != job.after { jobs[job.after]?.increment() }
  }

  /// A watch showed codes that the ledger did not know.
  func found(issued number: Int, surplus others: Int) {
    issued.increment(by: number)
    surplus.increment(by: others)
  }

  /// Doubtful calls were decided.
  func decided(_ decision: DoubtDecision) {
    issued.increment(by: decision.adopted.reduce(0) { $0 + $1.codes.count })
    verdicts["adopted"]?.increment(by: decision.adopted.count)
    verdicts["absent"]?.increment(by: decision.absent.count)
    verdicts["held"]?.increment(by: decision.held.count)
  }

  /// The database did not do what it was asked.
  func databaseFailed() {
    databaseErrors.increment()
  }
}
