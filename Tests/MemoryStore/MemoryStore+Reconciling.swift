public import Provisioning

extension MemoryStore {
  /// See `ReconcilingStore.takeDoubt`.
  public func takeDoubt(_ worker: WorkerID, lease: Duration) async throws(StoreError)
    -> DoubtCase?
  {
    try request { ledger, now throws(StoreError) in
      ledger.takeDoubt(worker, lease: lease, now: now)
    }
  }

  /// See `ReconcilingStore.takeWatch`.
  public func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError)
    -> WatchCase?
  {
    try request { ledger, now throws(StoreError) in
      ledger.takeWatch(worker, lease: lease, now: now)
    }
  }

  /// See `ReconcilingStore.keep`.
  public func keep(_ reward: RewardID, worker: WorkerID, lease: Duration)
    async throws(StoreError) -> Bool
  {
    try request { ledger, now throws(StoreError) in
      ledger.keep(reward, worker: worker, lease: lease, now: now)
    }
  }

  /// See `ReconcilingStore.leave`.
  public func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, counts: Duration?)
    async throws(StoreError)
  {
    try request { ledger, now throws(StoreError) in
      ledger.leave(reward, worker: worker, pause: pause, counts: counts, now: now)
    }
  }

  /// See `ReconcilingStore.putOff`.
  public func putOff(_ reward: RewardID, worker: WorkerID, pause: Duration?, error: String)
    async throws(StoreError)
  {
    try request { ledger, now throws(StoreError) in
      ledger.putOff(reward, worker: worker, pause: pause, error: error, now: now)
    }
  }

  /// See `ReconcilingStore.reserveSlot`.
  public func reserveSlot() async throws(StoreError) -> Duration? {
    try request { ledger, now throws(StoreError) in ledger.reserveSlot(now: now) }
  }

  /// See `ReconcilingStore.weigh`.
  public func weigh(
    _ codes: [IssuedCode],
    unreadable: [CodeID],
    of reward: RewardID,
    in listing: ListingID?,
    worker: WorkerID
  ) async throws(StoreError) -> WeighedPage {
    try request { ledger, _ throws(StoreError) in
      ledger.weigh(codes, unreadable: unreadable, of: reward, in: listing, worker: worker)
    }
  }

  /// See `ReconcilingStore.note`. No rule reads what listings show of the API, so the model keeps none
  /// of it.
  public func note(_ sight: ListingSight) async throws(StoreError) {}

  /// See `ReconcilingStore.setAside`.
  public func setAside(
    _ codes: [CodeID],
    in listing: ListingID,
    of reward: RewardID,
    for call: CallID,
    worker: WorkerID
  ) async throws(StoreError) -> Bool {
    try request { ledger, now throws(StoreError) in
      ledger.setAside(codes, in: listing, of: reward, for: call, worker: worker, now: now)
    }
  }

  /// See `ReconcilingStore.decide`.
  public func decide(_ decision: DoubtDecision, worker: WorkerID)
    async throws(StoreError) -> DecisionAnswer
  {
    try request { ledger, now throws(StoreError) in
      ledger.decide(decision, worker: worker, now: now)
    }
  }

  /// See `ReconcilingStore.conclude`.
  public func conclude(_ watch: WatchFinding, worker: WorkerID)
    async throws(StoreError) -> WatchAnswer
  {
    try request { ledger, now throws(StoreError) in
      ledger.conclude(watch, worker: worker, now: now)
    }
  }
}

extension DecisionAnswer {
  /// Whether the decision is recorded.
  public var isDone: Bool {
    switch self {
    case .done: true
    case .changed: false
    }
  }
}
