/// The ledger's part in finding out what doubtful calls did. Each request is one transaction.
public protocol ReconcilingStore: Sendable {
  /// Takes a closed reward that has nothing in flight and that no other worker has; nil if there is
  /// none.
  ///
  /// - Parameter lease: How long the worker's lease on it is.
  func takeDoubt(_ worker: WorkerID, lease: Duration) async throws(StoreError) -> DoubtCase?

  /// Takes a watched reward that is due to be listed again; nil if there is none.
  func takeWatch(_ worker: WorkerID, lease: Duration) async throws(StoreError) -> WatchCase?

  /// Extends the lease on a taken reward.
  /// - Returns: False if it has been lost.
  func keep(_ reward: RewardID, worker: WorkerID, lease: Duration) async throws(StoreError) -> Bool

  /// Gives a taken reward back undecided, to be taken again after a pause. What was staged for it is
  /// forgotten.
  ///
  /// - Parameter counts: If its listings failed or disagreed, how long ago the last page came that could
  ///   be had: that time and the pause count for the doubt (`DoubtCase.undecidedFor`). Nil if nobody
  ///   could ask, or nothing went wrong; what has counted so far is kept.
  func leave(_ reward: RewardID, worker: WorkerID, pause: Duration, counts: Duration?)
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

  /// Compares the codes of a page with the ledger, and stages those that it does not know.
  ///
  /// Codes that are stored are known, and so are codes that a whole listing set aside for a held call.
  ///
  /// - Parameters:
  ///   - codes: The codes that the page shows for the first time.
  ///   - unreadable: The same of items that could not be read but for their ids. They are not staged.
  ///   - reward: The reward that was listed.
  ///   - listing: What to stage them under, for a reward that the worker has taken; a code may be staged
  ///     again. Nil for a reference, of which nothing is staged.
  func weigh(
    _ codes: [IssuedCode],
    unreadable: [CodeID],
    of reward: RewardID,
    in listing: ListingID?,
    worker: WorkerID
  ) async throws(StoreError) -> WeighedPage

  /// Records what a reading of a list showed of the API itself.
  func note(_ sight: ListingSight) async throws(StoreError)

  /// Sets staged codes aside for a call that is about to be held, a piece of a decision that is too large
  /// for one transaction (protocol, rule 13). They stay unknown until the call is held.
  ///
  /// - Parameter codes: At most `Bounds.decisionPiece`.
  /// - Returns: False if the worker has lost the reward.
  func setAside(
    _ codes: [CodeID],
    in listing: ListingID,
    of reward: RewardID,
    for call: CallID,
    worker: WorkerID
  ) async throws(StoreError) -> Bool

  /// Decides doubtful calls. Codes to set aside have been set aside before.
  func decide(_ decision: DoubtDecision, worker: WorkerID) async throws(StoreError)
    -> DecisionAnswer

  /// Records what a listing of a watched reward found, at most `Bounds.decisionPiece` staged codes at a
  /// time, oldest first.
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
  /// The finding is recorded. `issued` codes are those of calls that lacked them, and count for their
  /// jobs now; `surplus` codes count for none. `ended` are the jobs that have all their codes now.
  case done(issued: Int, surplus: Int, ended: [EndedJob] = [])
  /// A piece of the finding is recorded, with the same counts: bring the finding again.
  case more(issued: Int, surplus: Int, ended: [EndedJob] = [])
  /// Calls that were in flight during the listing have no outcome yet: bring the finding again.
  case wait
  /// The reward has been lost to another worker.
  case lost
}
