/// The ledger's part in finding out what doubtful calls did. Each request is one transaction.
public protocol ReconcilingStore: Sendable {
  /// Takes a closed reward of which nothing is in flight and which no other worker has; nil if
  /// there is none.
  ///
  /// - Parameters:
  ///   - lease: How long the worker has it without a word.
  ///   - linger: How long after the end of its lease a call may still take effect.
  func takeDoubt(_ worker: WorkerID, lease: Duration, linger: Duration)
    async throws(StoreError) -> DoubtCase?

  /// Takes a watched reward that is due to be listed again; nil if there is none.
  func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError) -> WatchCase?

  /// Extends the hold on a taken reward.
  /// - Returns: False if it has been lost.
  func keep(_ reward: RewardID, worker: WorkerID, lease: Duration) async throws(StoreError) -> Bool

  /// Gives a taken reward back undecided, to be looked at again after a pause.
  func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, listingFailed: Bool)
    async throws(StoreError)

  /// Puts a round of a watch off, because the list could not be had for this reason. Where the pause
  /// is nil, calls that waited for the listing wait no longer: their jobs are held for a person, and
  /// the watch goes on; a watch that no call waited for is given up.
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

  /// Records what a round of a watch found.
  func conclude(_ watch: WatchFinding, worker: WorkerID) async throws(StoreError) -> WatchAnswer
}
