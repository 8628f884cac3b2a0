/// The ledger as the worker sees it. Each request is one transaction, and `settle` two with its claim.
///
/// Every request may be repeated: when an answer was lost, asking again finds what was done.
public protocol Store: ReconcilingStore, SyncingStore, RetentionStore {
  /// Announces that a worker lives, with the limits it was configured with, and does what falls
  /// due with time: calls whose lease ran out become doubtful, waiting jobs join the line.
  func tend(_ worker: WorkerPresence) async throws(StoreError) -> Tending

  /// Takes the next call of the job whose turn it is: commits it as `sending`, raises the job's
  /// `outstanding` and reserves its slot.
  func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim

  /// Extends the leases of this worker's calls that are still `sending`, and returns those.
  func renew(_ calls: [CallID], worker: WorkerID, lease: Duration) async throws(StoreError)
    -> Set<CallID>

  /// Records a call's outcome and claims the next call in the same round trip. Either may fail
  /// without the other.
  func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async -> SettleAnswer

  /// A new slot for a call that has missed its own, which keeps its lease and its row.
  /// - Returns: The time until the slot; nil if the call is not this worker's to send any more, or
  ///   no slot is near, so that it is to be given back.
  func moveSlot(_ call: CallID, worker: WorkerID) async throws(StoreError) -> Duration?

  /// Slows the whole fleet down as an answer of the API asks.
  ///
  /// - Parameter age: How long ago the request was sent.
  func heed(_ feedback: PaceFeedback, age: Duration) async throws(StoreError)

  /// Records what a probe of the account showed: an accepted key unblocks it.
  func recordProbe(_ answer: TeamAnswer, retryAfter pause: Duration) async throws(StoreError)

  /// Takes the worker off the list of those that live.
  func retire(_ worker: WorkerID) async throws(StoreError)
}
