public import Provisioning

/// The ledger in memory, as a worker reaches it over a connection. What the connection does with each
/// request is `request`, which tests override.
open class RemoteStore: Store, @unchecked Sendable {
  /// What a worker asks of a store.
  public enum Question: String, Hashable, Sendable {
    case heartbeat, claim, renew, settle, slot, feedback, probe, retire, reconcile, track, prune,
      refusal
  }

  /// The ledger behind the connection.
  public let memory: MemoryStore

  /// A connection to a ledger.
  public init(_ memory: MemoryStore) {
    self.memory = memory
  }

  /// One round trip and one commit.
  ///
  /// - Parameters:
  ///   - call: The call that the request claims, settles or moves, if it does.
  ///   - body: What the ledger does.
  open func request<Value: Sendable>(
    _ question: Question,
    call: CallID?,
    _ body: () async throws(StoreError) -> Value
  ) async throws(StoreError) -> Value {
    try await body()
  }

  private func request<Value: Sendable>(
    _ question: Question,
    _ body: () async throws(StoreError) -> Value
  ) async throws(StoreError) -> Value {
    try await request(question, call: nil, body)
  }

  // MARK: Store

  open func heartbeat(_ worker: WorkerPresence) async throws(StoreError) -> Heartbeat {
    try await request(.heartbeat) { () throws(StoreError) in try await memory.heartbeat(worker) }
  }

  open func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
    try await self.request(.claim, call: request.call) { () throws(StoreError) in
      try await memory.claim(request)
    }
  }

  open func renew(_ calls: [CallID], worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Set<CallID>
  {
    try await request(.renew) { () throws(StoreError) in
      try await memory.renew(calls, worker: worker, lease: lease)
    }
  }

  open func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async -> SettleAnswer {
    await memory.settle(settlement, thenClaim: next)
  }

  open func moveSlot(_ call: CallID, worker: WorkerID) async throws(StoreError) -> Duration? {
    try await request(.slot, call: call) { () throws(StoreError) in
      try await memory.moveSlot(call, worker: worker)
    }
  }

  open func applyFeedback(_ feedback: PaceFeedback, age: Duration) async throws(StoreError) {
    try await request(.feedback) { () throws(StoreError) in
      try await memory.applyFeedback(feedback, age: age)
    }
  }

  open func recordProbe(_ answer: TeamAnswer)
    async throws(StoreError)
  {
    try await request(.probe) { () throws(StoreError) in
      try await memory.recordProbe(answer)
    }
  }

  open func note(_ refusal: RefusedSettlement) async throws(StoreError) {
    try await request(.refusal, call: refusal.call.id) { () throws(StoreError) in
      try await memory.note(refusal)
    }
  }

  open func forgetRefusal(of call: CallID) async throws(StoreError) {
    try await request(.refusal, call: call) { () throws(StoreError) in
      try await memory.forgetRefusal(of: call)
    }
  }

  open func note(_ refusal: RefusedWork, worker: WorkerID) async throws(StoreError) {
    try await request(.refusal) { () throws(StoreError) in
      try await memory.note(refusal, worker: worker)
    }
  }

  open func retire(_ worker: WorkerID) async throws(StoreError) {
    try await request(.retire) { () throws(StoreError) in try await memory.retire(worker) }
  }

  open func pruneCalls(olderThan age: Duration, atMost limit: Int)
    async throws(StoreError) -> PrunedCalls
  {
    try await request(.prune) { () throws(StoreError) in
      try await memory.pruneCalls(olderThan: age, atMost: limit)
    }
  }

  // MARK: ReconcilingStore

  open func takeDoubt(_ worker: WorkerID, lease: Duration) async throws(StoreError) -> DoubtCase? {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.takeDoubt(worker, lease: lease)
    }
  }

  open func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError) -> WatchCase? {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.takeWatch(worker, lease: lease)
    }
  }

  open func keep(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Bool
  {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.keep(reward, worker: worker, lease: lease)
    }
  }

  open func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, counts: Duration?)
    async throws(StoreError)
  {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.leave(reward, worker: worker, pause: pause, counts: counts)
    }
  }

  open func putOff(_ reward: RewardID, worker: WorkerID, pause: Duration?, error: String)
    async throws(StoreError)
  {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.putOff(reward, worker: worker, pause: pause, error: error)
    }
  }

  open func reserveSlot() async throws(StoreError) -> Duration? {
    try await request(.reconcile) { () throws(StoreError) in try await memory.reserveSlot() }
  }

  open func weigh(
    _ codes: [IssuedCode],
    unreadable: [CodeID],
    of reward: RewardID,
    in listing: ListingID?,
    worker: WorkerID
  ) async throws(StoreError) -> WeighedPage {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.weigh(codes, unreadable: unreadable, of: reward, in: listing, worker: worker)
    }
  }

  open func note(_ sight: ListingSight) async throws(StoreError) {
    try await memory.note(sight)
  }

  open func setAside(
    _ codes: [CodeID],
    in listing: ListingID,
    of reward: RewardID,
    for call: CallID,
    worker: WorkerID
  ) async throws(StoreError) -> Bool {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.setAside(codes, in: listing, of: reward, for: call, worker: worker)
    }
  }

  open func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.decide(decision, worker: worker)
    }
  }

  open func conclude(_ watch: WatchFinding, worker: WorkerID)
    async throws(StoreError) -> WatchAnswer
  {
    try await request(.reconcile) { () throws(StoreError) in
      try await memory.conclude(watch, worker: worker)
    }
  }

  // MARK: SyncingStore

  open func takeTracked(_ worker: WorkerID, lease: Duration, first: Duration)
    async throws(StoreError) -> TrackingAnswer
  {
    try await request(.track) { () throws(StoreError) in
      try await memory.takeTracked(worker, lease: lease, first: first)
    }
  }

  open func syncSlot(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> SyncSlot
  {
    try await request(.track) { () throws(StoreError) in
      try await memory.syncSlot(reward, worker: worker, lease: lease)
    }
  }

  open func record(_ codes: [IssuedCode], of reward: RewardID, worker: WorkerID)
    async throws(StoreError) -> RecordedChanges
  {
    try await request(.track) { () throws(StoreError) in
      try await memory.record(codes, of: reward, worker: worker)
    }
  }

  open func finish(
    _ report: SyncPassReport,
    of reward: TrackedReward,
    worker: WorkerID,
    rules: SyncRules
  ) async throws(StoreError) -> SyncPassAnswer {
    try await request(.track) { () throws(StoreError) in
      try await memory.finish(report, of: reward, worker: worker, rules: rules)
    }
  }

  open func noteResync(
    _ reward: RewardID,
    system: SyncSystem,
    failure: String,
    wasSent: Bool
  ) async throws(StoreError) {
    try await request(.track) { () throws(StoreError) in
      try await memory.noteResync(reward, system: system, failure: failure, wasSent: wasSent)
    }
  }
}
