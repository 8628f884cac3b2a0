/// The ledger's part in finding out what doubtful calls did. Each request is one transaction.
public protocol ReconcilingStore: Sendable {
  /// Takes a closed reward that has nothing in flight and that no other worker has; nil if there is
  /// none.
  ///
  /// - Parameters:
  ///   - lease: How long the worker's lease on it is.
  ///   - effectiveFor: How long after the end of its lease a call may still take effect.
  func takeDoubt(_ worker: WorkerID, lease: Duration, effectiveFor: Duration)
    async throws(StoreError) -> DoubtCase?

  /// Takes a watched reward that is due to be listed again; nil if there is none.
  func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError) -> WatchCase?

  /// Extends the lease on a taken reward.
  /// - Returns: False if it has been lost.
  func keep(_ reward: RewardID, worker: WorkerID, lease: Duration) async throws(StoreError) -> Bool

  /// Gives a taken reward back undecided, to be taken again after a pause.
  func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, listingFailed: Bool)
    async throws(StoreError)

  /// Puts off a listing that a watch is due for, because the list could not be had for this reason.
  ///
  /// - Parameter pause: Nil if it has been waited for long enough. If calls waited for the listing,
  ///   they wait no longer: their jobs are held for a person, and the watch continues. A watch that
  ///   no call waited for is given up.
  func putOff(_ reward: RewardID, worker: WorkerID, pause: Duration?, error: String)
    async throws(StoreError)

  /// A slot for a request that makes no codes, from the same budget as all others.
  /// - Returns: The time until the slot; nil if the account may not send now.
  func reserveSlot() async throws(StoreError) -> Duration?

  /// Which of these codes the ledger knows.
  func known(_ codes: [CodeID]) async throws(StoreError) -> Set<CodeID>

  /// Decides doubtful calls.
  func decide(_ decision: DoubtDecision, worker: WorkerID) async throws(StoreError)
    -> DecisionAnswer

  /// Records what a listing of a watched reward found.
  func conclude(_ watch: WatchFinding, worker: WorkerID) async throws(StoreError) -> WatchAnswer
}

/// What became of a decision.
public enum DecisionAnswer: Hashable, Sendable {
  /// It is recorded, and brought these jobs to their end.
  case done(ended: [EndedJob])
  /// The facts it was made on have changed, and nothing was recorded: begin anew.
  case changed
}

/// What became of a watch's finding.
public enum WatchAnswer: Hashable, Sendable {
  /// The finding is recorded. `issued` codes had been kept back by an answer, and count for its job
  /// now; `surplus` codes count for none. `ended` are the jobs that have all their codes now.
  case done(issued: Int, surplus: Int, ended: [EndedJob] = [])
  /// Calls that were in flight during the listing have no outcome yet: bring the finding again.
  case wait
  /// The reward has been lost to another worker.
  case lost
}
