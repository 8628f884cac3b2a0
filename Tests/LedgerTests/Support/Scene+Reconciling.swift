import MemoryStore
import Provisioning

/// Short words for what a reconciler does.
extension Scene {
  /// How long after its lease a call may still take effect, in these tests.
  static let effectiveFor: Duration = .seconds(40)

  /// Claims a call whose answer cannot be stored: it is in doubt, and nobody pauses for it.
  func doubtfulCall() async throws -> ClaimedCall {
    let claimed = try await claim()
    try await doubt(claimed)
    return claimed
  }

  /// Settles a call with an answer that cannot be stored.
  func doubt(_ claimed: ClaimedCall) async throws {
    let answer = Answer(codes: [], nulls: 0, body: [1])
    let issued = settlement(claimed, .issued(answer))
    try await settle(SettlementRule.unstorable(issued, answer: answer, cause: "U+0000"))
  }

  func takeDoubt(worker: WorkerID = worker) async throws -> DoubtCase? {
    try await ledger.store.takeDoubt(worker, lease: .seconds(30), effectiveFor: Self.effectiveFor)
  }

  /// Takes the doubt that has to be there.
  func doubt(worker: WorkerID = worker) async throws -> DoubtCase {
    guard let doubt = try await takeDoubt(worker: worker) else { throw MissingRow("doubt to take") }
    return doubt
  }

  @discardableResult
  func decide(
    _ doubt: DoubtCase,
    worker: WorkerID = worker,
    _ change: (inout DoubtDecision) -> Void
  ) async throws -> DecisionAnswer {
    var decision = DoubtDecision(reward: doubt.reward, judged: doubt.calls.map(\.call.id))
    change(&decision)
    return try await ledger.store.decide(decision, worker: worker)
  }

  /// Takes the watch that has to be due.
  func watch(worker: WorkerID = worker) async throws -> WatchCase {
    guard let watch = try await ledger.store.takeWatch(worker, lease: .seconds(30)) else {
      throw MissingRow("watch to take")
    }
    return watch
  }

  func conclude(_ watch: WatchCase, finding codes: [IssuedCode] = []) async throws -> WatchAnswer {
    let finding = WatchFinding(reward: watch.reward, listedUntil: watch.now, codes: codes)
    return try await ledger.store.conclude(finding, worker: Self.worker)
  }

  func putOff(_ watch: WatchCase, for pause: Duration?, error: String = "gone") async throws {
    try await ledger.store.putOff(watch.reward, worker: Self.worker, pause: pause, error: error)
  }

  /// An answer that shows only some of what was made.
  func short(_ claimed: ClaimedCall, of made: [IssuedCode], shown: Int) -> CallOutcome {
    .issued(Answer(codes: Array(made.prefix(shown)), nulls: 0, body: []))
  }

  /// A code that no database takes.
  func badCode() -> IssuedCode { mint.make(1, of: Self.reward, bad: true)[0] }
}
