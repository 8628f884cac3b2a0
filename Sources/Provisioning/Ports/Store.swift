/// The ledger as the worker sees it. Each request is one transaction, and `settle` two with its claim.
///
/// Every request may be repeated: when an answer was lost, asking again finds what was done.
public protocol Store: ReconcilingStore, SyncingStore, RetentionStore {
  /// Announces that a worker lives, with the limits it was configured with, and does what falls
  /// due with time: calls whose lease ran out become doubtful, jobs that are due join the queue.
  func heartbeat(_ worker: WorkerPresence) async throws(StoreError) -> Heartbeat

  /// Takes the next call of the job that is first in the queue: commits it as `sending`, raises the
  /// job's `outstanding` and reserves its slot.
  func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim

  /// Extends the leases of this worker's calls that are still `sending`, and returns those.
  func renew(_ calls: [CallID], worker: WorkerID, lease: Duration) async throws(StoreError)
    -> Set<CallID>

  /// Records a call's outcome and claims the next call in the same round trip. Either may fail
  /// without the other.
  func settle(_ settlement: Settlement, thenClaim next: ClaimRequest?) async -> SettleAnswer

  /// A new slot for a call that has missed its own, which keeps its lease and its row.
  /// - Returns: The time until the slot. Nil if the worker may not send the call any more, or no
  ///   slot is near: the worker then gives the call back.
  func moveSlot(_ call: CallID, worker: WorkerID) async throws(StoreError) -> Duration?

  /// Slows the whole fleet down as the answer to a list, a check of the key or a resync asks. What
  /// the answer to a call asks is part of its settlement.
  ///
  /// - Parameter age: How long ago the request was sent.
  func applyFeedback(_ feedback: PaceFeedback, age: Duration) async throws(StoreError)

  /// Records what a probe of the account showed: an accepted key unblocks it.
  func recordProbe(_ answer: TeamAnswer) async throws(StoreError)

  /// Records that a call's outcome cannot be recorded, why, and the answer itself as evidence.
  func note(_ refusal: RefusedSettlement) async throws(StoreError)

  /// A call's outcome could be recorded after all: nothing of the refusal is left.
  func forgetRefusal(of call: CallID) async throws(StoreError)

  /// Records that work on a reward cannot be recorded, and why, and gives the reward back. It is not given to
  /// anybody for a while, longer each time.
  func note(_ refusal: RefusedWork, worker: WorkerID) async throws(StoreError)

  /// Takes the worker off the list of those that live.
  func retire(_ worker: WorkerID) async throws(StoreError)
}

/// The ledger's part in forgetting requests that nobody needs any more.
public protocol RetentionStore: Sendable {
  /// Deletes a batch of old calls, in one transaction: those settled longer ago than `age`, of jobs
  /// that ended longer ago than that.
  ///
  /// Only what was proven goes: issued, rejected, unsent. What was judged (adopted, absent), what a
  /// person decided, and whatever a code, an answer or a watch still refers to stays for ever.
  ///
  /// - Parameter limit: How many calls to delete, and how many jobs to examine, at most.
  func pruneCalls(olderThan age: Duration, atMost limit: Int) async throws(StoreError)
    -> PrunedCalls
}

/// A settlement that the database refuses: by a trigger or a constraint of somebody's own, or a lock.
public struct RefusedSettlement: Hashable, Sendable {
  /// The call.
  public let call: Call
  /// Why the database refuses it; `sqlState` is not nil.
  public let error: StoreError
  /// The answer as it came, to be kept until it can be stored; nil if it has been kept, or there is none.
  public let evidence: [UInt8]?

  /// A settlement that was refused so.
  public init(call: Call, error: StoreError, evidence: [UInt8]?) {
    self.call = call
    self.error = error
    self.evidence = evidence
  }
}

/// Work on a reward that the database refuses to record: by a trigger or a constraint of somebody's own, or a
/// lock.
public struct RefusedWork: Hashable, Sendable {
  /// What was to be recorded.
  public enum Kind: String, Sendable {
    /// What became of calls in doubt.
    case doubt
    /// What one more listing of the reward showed.
    case watch
    /// What a sync pass showed.
    case sync
  }

  /// The reward.
  public let reward: RewardID
  /// What was to be recorded.
  public let kind: Kind
  /// Why the database refuses it; `sqlState` is not nil.
  public let error: StoreError

  /// What was refused so; nil if the error does not say that the database refuses this very work.
  public init?(_ kind: Kind, of reward: RewardID, _ error: StoreError) {
    guard error.sqlState != nil, error.code != .superseded,
      [.refused, .content, .locked].contains(error.cause)
    else { return nil }
    self.reward = reward
    self.kind = kind
    self.error = error
  }
}

/// What pruning a batch of calls came to.
public struct PrunedCalls: Hashable, Sendable {
  /// How many calls were deleted.
  public let number: Int
  /// Whether there is nothing more to delete for now.
  public let isLast: Bool

  /// A batch of this many calls.
  public init(number: Int, isLast: Bool) {
    self.number = number
    self.isLast = isLast
  }
}

/// Why the store did not do what it was asked.
public struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure it is, which is all that callers decide by.
  public struct Code: Hashable, Sendable {
    private enum Value: Hashable { case unavailable, contentRefused, superseded, failed }
    private let value: Value
    private init(_ value: Value) { self.value = value }

    /// The database cannot be reached, or the statement's outcome is not known. Asking again is
    /// right, and safe, since every statement finds what it did before.
    public static let unavailable = Code(.unavailable)
    /// The database refused a value for its content (SQLSTATE class 22). Asking again is useless.
    public static let contentRefused = Code(.contentRefused)
    /// The ledger has the functions of another version of codemint, and gives this one no more work.
    /// Asking again is useless: the process has to end, so that the version that is installed can
    /// take its place.
    public static let superseded = Code(.superseded)
    /// Anything else, such as a missing table or privilege. Asking again may help once somebody
    /// has repaired it.
    public static let failed = Code(.failed)
  }

  /// What stands behind the failure, for people: each is said in its own words. Callers decide by `code`.
  public enum Cause: Hashable, Sendable, CaseIterable {
    /// No connection can be made, or it broke.
    case unreachable
    /// There is no such database.
    case noDatabase
    /// The server refuses the password, or has no such role and says the same.
    case password
    /// The server does not let the role in, or has none of that name.
    case role
    /// The server takes no more connections.
    case crowd
    /// A statement did not end in time.
    case late
    /// The server takes no writes: it is a standby, or somebody made it read-only.
    case readOnly
    /// Somebody else holds a lock for longer than a statement may wait.
    case locked
    /// A transaction lost against another one.
    case conflict
    /// A commit came with a warning, so that nobody knows whether it lasts: a synchronous standby is missing.
    case unconfirmed
    /// The server's disk is full.
    case diskFull
    /// The server or this machine has no memory or descriptor to give.
    case resources
    /// The server refuses the content of a value.
    case content
    /// The task was cancelled: it is no failure of the database.
    case cancelled
    /// Anything else that the server refuses.
    case refused
  }

  /// The kind of failure.
  public let code: Code
  /// What stands behind it.
  public let cause: Cause
  /// What happened and what to do; holds no secret and no code value.
  public let description: String
  /// The server's SQLSTATE, if it refused: then nothing was done.
  public let sqlState: String?
  /// The function that raised the error, with its schema and parameters, if it is somebody's own.
  public let raisedBy: String?

  /// An error of this kind, described for people.
  /// - Parameter cause: What stands behind it; the usual cause of this kind if nil.
  public init(
    _ code: Code,
    _ description: String,
    cause: Cause? = nil,
    sqlState: String? = nil,
    raisedBy: String? = nil
  ) {
    self.code = code
    self.cause = cause ?? Self.usualCause(of: code)
    self.description = description
    self.sqlState = sqlState
    self.raisedBy = raisedBy
  }

  private static func usualCause(of code: Code) -> Cause {
    switch code {
    case .unavailable: .unreachable
    case .contentRefused: .content
    default: .refused
    }
  }
}
