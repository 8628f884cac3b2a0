/// A living worker, as the others and the operators see it.
public struct WorkerPresence: Hashable, Sendable {
  /// This start of this process.
  public let id: WorkerID
  /// The host's name.
  public let host: String
  /// The process id.
  public let process: Int
  /// The version of codemint.
  public let version: String
  /// The limits that it was configured with.
  public let limits: Limits
  /// The lengths that it works with.
  public let lengths: CallLengths
  /// Whether it is stopping.
  public let draining: Bool
  /// After how long without a heartbeat it no longer counts as living.
  public let lifetime: Duration

  /// What a worker announces.
  public init(
    id: WorkerID,
    host: String,
    process: Int,
    version: String,
    limits: Limits,
    lengths: CallLengths,
    draining: Bool,
    lifetime: Duration
  ) {
    self.id = id
    self.host = host
    self.process = process
    self.version = version
    self.limits = limits
    self.lengths = lengths
    self.draining = draining
    self.lifetime = lifetime
  }
}

/// What a heartbeat found.
public struct Heartbeat: Hashable, Sendable {
  /// Calls that became doubtful because their lease ran out.
  public let expired: [ExpiredCall]
  /// What operators did to jobs and no worker has been told of; each is told to one worker, once.
  public let steered: [SteeredJob]
  /// From now until the next lease runs out or the next job is due, if any.
  public let next: Duration?
  /// Why nobody may send, if the account is blocked.
  public let block: AccountBlock?
  /// Whether a job waits for its next call. If none does, a claim finds nothing.
  public let hasWaitingJobs: Bool
  /// Whether a reward is due to be reconciled, or a watched one to be listed again.
  public let isReconcilingDue: Bool
  /// Whether the API is in an outage: it failed so often in a row that a probe had to come first,
  /// and no call has been clean since.
  public let isAPIFailing: Bool
  /// How many calls the fleet may have in flight.
  public let maxInFlight: Int
  /// What was wrong in the ledger and has been mended, in words: somebody had written to its tables, or
  /// set the clock back.
  public let mended: [String]
  /// What is known about why the fleet stands still although jobs could be claimed, in words; nil if it
  /// does not stand still.
  public let stall: String?

  /// What was found when the worker announced itself.
  public init(
    expired: [ExpiredCall],
    steered: [SteeredJob],
    next: Duration?,
    block: AccountBlock?,
    hasWaitingJobs: Bool,
    isReconcilingDue: Bool,
    isAPIFailing: Bool,
    maxInFlight: Int,
    mended: [String] = [],
    stall: String? = nil
  ) {
    self.expired = expired
    self.steered = steered
    self.next = next
    self.block = block
    self.hasWaitingJobs = hasWaitingJobs
    self.isReconcilingDue = isReconcilingDue
    self.isAPIFailing = isAPIFailing
    self.maxInFlight = maxInFlight
    self.mended = mended
    self.stall = stall
  }
}

/// A call whose worker did not renew its lease in time.
public struct ExpiredCall: Hashable, Sendable {
  /// The call.
  public let call: CallID
  /// Its job.
  public let job: JobID
  /// Its reward, closed from now on.
  public let reward: RewardID

  /// An expired call.
  public init(call: CallID, job: JobID, reward: RewardID) {
    self.call = call
    self.job = job
    self.reward = reward
  }
}

/// An account that may not send: the API refuses it or fails, or the database is a copy.
public struct AccountBlock: Hashable, Sendable {
  /// The API's own error code.
  public let code: String
  /// The API's own message.
  public let message: String
  /// Whether this worker shall probe it now; at most one worker of a fleet is told so at a time.
  public let probeNow: Bool

  /// A block with these parts.
  public init(code: String, message: String, probeNow: Bool) {
    self.code = code
    self.message = message
    self.probeNow = probeNow
  }
}
