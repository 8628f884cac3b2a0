// MemoryStore is the ledger without a database, for the worker's tests and for simulations: the
// reference model of what production does in SQL.
//
// `MemoryLedger` (Ledger/) is a pure value: the rows of the tables (Rows/) and the changes that
// the functions of the schema make to them, each at a time that it is given. Rules/ are the rules
// that SQL alone has in production: call sizes, slots, pace and pauses. `MemoryStore` puts the ledger
// behind a lock and a clock and so makes a `Store` of it. One conformance suite runs over it and
// over the real database, step by step on one clock, so what a worker does here it does there.
//
// After each request every invariant of the protocol is checked. A broken one is remembered in
// `brokenInvariants` and fails the request.

public import Provisioning
import Synchronization

/// A ledger in memory, as the worker sees it.
public final class MemoryStore: Store {
  private struct State {
    var ledger = MemoryLedger()
    var broken: [String] = []
  }

  private let clock: any WorkerClock
  private let state = Mutex(State())

  /// An empty store whose time is this clock's.
  public init(clock: any WorkerClock) {
    self.clock = clock
  }

  /// The ledger as it is now.
  public var ledger: MemoryLedger { state.withLock { $0.ledger } }

  /// Every invariant that did not hold after some request; none if all is well.
  public var brokenInvariants: [String] { state.withLock { $0.broken } }

  /// Changes the ledger as somebody beside the workers does: a producer, an operator, a failover.
  /// - Parameter body: Gets the ledger and the present in microseconds.
  public func change<Value>(_ body: (inout MemoryLedger, Int64) -> Value) -> Value {
    let now = self.now
    return state.withLock { state in
      nonisolated(unsafe) let value = body(&state.ledger, now)
      return value
    }
  }

  /// Inserts a job.
  @discardableResult
  public func insert(_ order: JobOrder) -> JobID {
    let now = self.now
    return state.withLock { $0.ledger.insert([order], now: now)[0] }
  }

  /// See `Store.heartbeat`.
  public func heartbeat(_ worker: WorkerPresence) async throws(StoreError) -> Heartbeat {
    try request { ledger, now throws(StoreError) in ledger.heartbeat(worker, now: now) }
  }

  /// See `Store.claim`.
  public func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
    try self.request { ledger, now throws(StoreError) in ledger.claim(request, now: now) }
  }

  /// See `Store.renew`.
  public func renew(_ calls: [CallID], worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Set<CallID>
  {
    try request { ledger, now throws(StoreError) in
      ledger.renew(calls, worker: worker, lease: lease, now: now)
    }
  }

  /// See `Store.settle`.
  public func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async -> SettleAnswer
  {
    let settled = Result { () throws(StoreError) in
      try request { ledger, now throws(StoreError) in try ledger.settle(settlement, now: now) }
    }
    guard let next else { return SettleAnswer(settled: settled, claim: nil) }
    let claim = Result { () throws(StoreError) in
      try request { ledger, now throws(StoreError) in ledger.claim(next, now: now) }
    }
    return SettleAnswer(settled: settled, claim: claim)
  }

  /// See `Store.moveSlot`.
  public func moveSlot(_ call: CallID, worker: WorkerID) async throws(StoreError) -> Duration? {
    try request { ledger, now throws(StoreError) in
      ledger.moveSlot(call, worker: worker, now: now)
    }
  }

  /// See `Store.applyFeedback`.
  public func applyFeedback(_ feedback: PaceFeedback, age: Duration) async throws(StoreError) {
    try request { ledger, now throws(StoreError) in
      ledger.applyFeedback(feedback, age: age, now: now)
    }
  }

  /// See `Store.recordProbe`.
  public func recordProbe(_ answer: TeamAnswer)
    async throws(StoreError)
  {
    try request { ledger, now throws(StoreError) in
      ledger.recordProbe(answer, now: now)
    }
  }

  /// See `Store.note(_:)`.
  public func note(_ refusal: RefusedSettlement) async throws(StoreError) {
    try request { ledger, _ throws(StoreError) in ledger.note(refusal) }
  }

  /// See `Store.forgetRefusal`.
  public func forgetRefusal(of call: CallID) async throws(StoreError) {
    try request { ledger, _ throws(StoreError) in ledger.forgetRefusal(of: call) }
  }

  /// See `Store.note(_:worker:)`.
  public func note(_ refusal: RefusedWork, worker: WorkerID) async throws(StoreError) {
    try request { ledger, _ throws(StoreError) in ledger.note(refusal, worker: worker) }
  }

  /// See `Store.retire`.
  public func retire(_ worker: WorkerID) async throws(StoreError) {
    try request { ledger, now throws(StoreError) in ledger.retire(worker) }
  }

  private var now: Int64 { clock.now.nanoseconds / 1000 }

  /// One transaction, after which the invariants are checked.
  func request<Value: Sendable>(
    _ body: (inout MemoryLedger, Int64) throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    let now = self.now
    let outcome: Result<Value, StoreError> = state.withLock { state in
      let outcome = Result { () throws(StoreError) in try body(&state.ledger, now) }
      let broken = state.ledger.newlyBrokenInvariants()
      guard broken.isEmpty else {
        state.broken += broken
        return .failure(StoreError(.failed, broken.joined(separator: "; ")))
      }
      return outcome
    }
    return try outcome.get()
  }
}
