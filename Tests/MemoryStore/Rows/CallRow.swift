public import Provisioning

/// One row of `codemint.calls`. Times are microseconds on the ledger's clock.
public struct CallRow: Hashable, Sendable {
  /// The call itself.
  public var call: Call
  /// Where it stands.
  public var state: CallState
  /// The room in its job that it still holds.
  public var outstanding: Int
  /// The start of the worker that claimed it.
  public var worker: WorkerID
  /// The lengths that this worker works with.
  public var lengths: CallLengths
  /// Until when its worker may act on it.
  public var leaseExpiresAt: Int64?
  /// The last moment at which a code of it may appear in the list.
  public var effectiveUntil: Int64
  /// The slot that the rate limit gave it.
  public var sendAt: Int64?
  /// The status of its answer.
  public var httpStatus: Int?
  /// Why it did not succeed.
  public var errorCode: String?
  /// The message that goes with it.
  public var errorMessage: String?
  /// Items in its answer.
  public var received: Int?
  /// How long the request took, in milliseconds.
  public var durationMilliseconds: Int64?
  /// When its outcome was recorded.
  public var settledAt: Int64?
  /// When it was claimed.
  public var createdAt: Int64
  /// Since when it waits for a person.
  public var heldAt: Int64?
  /// When it was last judged, and held.
  public var judgedAt: Int64?
  /// Why it waits, or waited.
  public var holdReason: String?
  /// The first of the calls that are, or were, held together.
  public var heldWith: CallID?
  /// In doubt: whether an answer has come and lacked codes, so that any number of these may exist.
  /// Decided: whether fewer codes than asked for are known, and the reward is watched for the others.
  public var isShort = false

  /// A row as a claim inserts it. A call that is not sending holds no room.
  public init(
    call: Call,
    state: CallState,
    worker: WorkerID,
    lengths: CallLengths,
    leaseExpiresAt: Int64?,
    effectiveUntil: Int64,
    sendAt: Int64?,
    createdAt: Int64
  ) {
    self.call = call
    self.state = state
    self.outstanding = state.holdsRoom ? call.size : 0
    self.worker = worker
    self.lengths = lengths
    self.leaseExpiresAt = leaseExpiresAt
    self.effectiveUntil = effectiveUntil
    self.sendAt = sendAt
    self.createdAt = createdAt
  }
}

/// One row of `codemint.codes`, or of `codemint.unattributed_codes`.
public struct CodeRow: Hashable, Sendable {
  /// The code as the API showed it.
  public var code: IssuedCode
  /// The job that it counts for, or was made for.
  public var job: JobID?
  /// The call whose answer held it.
  public var call: CallID?
  /// Whether no job has room for it.
  public var isSurplus: Bool
  /// Whether an answer has shown it; if not, only a listing has.
  public var isFromAnswer = true
  /// When it was recorded, in microseconds on the ledger's clock.
  public var storedAt: Int64 = 0
  /// When it was first seen synced.
  public var syncedAt: Int64?

  /// Whether its job was purged, and nothing but its id is left.
  public var isPurged: Bool { job == nil && call == nil && !isSurplus }

  /// A row as it is stored first.
  public init(code: IssuedCode, job: JobID?, call: CallID?, isSurplus: Bool) {
    self.code = code
    self.job = job
    self.call = call
    self.isSurplus = isSurplus
  }
}

extension CallState {
  /// Whether the call still holds room of its job (`jobs.outstanding`).
  public var holdsRoom: Bool {
    switch self {
    case .sending, .inDoubt: true
    case .issued, .rejected, .unsent, .adopted, .absent: false
    }
  }
}
