public import Provisioning

/// The whole ledger as one value. Every change takes the time it happens at, in microseconds, so
/// nothing here waits, and a copy is a snapshot.
public struct MemoryLedger: Hashable, Sendable {
  /// The jobs by number.
  public internal(set) var jobs: [JobID: JobRow] = [:] {
    didSet { touched.insert(.jobs) }
  }
  /// Every call by id.
  public internal(set) var calls: [CallID: CallRow] = [:] {
    didSet { touched.insert(.calls) }
  }
  /// Every code by its id.
  public internal(set) var codes: [CodeID: CodeRow] = [:] {
    didSet { touched.insert(.codes) }
  }
  /// What is known of each reward.
  public internal(set) var rewards: [RewardID: RewardRow] = [:] {
    didSet { touched.insert(.rewards) }
  }
  /// The latest watch of each reward that ever was watched.
  public internal(set) var watches: [RewardID: WatchRow] = [:] {
    didSet { touched.insert(.rewards) }
  }
  /// The account.
  public internal(set) var account = AccountRow() {
    didSet { touched.insert(.account) }
  }
  /// What is known of the API's clock.
  public internal(set) var apiClock = APIClockRow()
  /// What has been seen of the API's behaviour.
  public internal(set) var apiFacts: [APIFact: APIFactRow] = [:]
  /// The ended job up to which old calls have been forgotten; nil if none were.
  public internal(set) var prunedUntil: PrunedMark?
  /// The workers that live, or ended without a last heartbeat.
  public internal(set) var workers: [WorkerID: WorkerRow] = [:]
  /// Codes whose owner is not proven.
  public internal(set) var unattributed: [CodeID: CodeRow] = [:] {
    didSet { touched.insert(.codes) }
  }
  /// What listings of taken rewards have shown and the ledger does not know.
  var staging: [RewardID: Staging] = [:]
  /// Rewards that are tracked, or were.
  public internal(set) var tracked: [RewardID: TrackedRow] = [:]
  /// How often the API was asked to copy a reward once more.
  public internal(set) var resyncs: [ResyncKey: ResyncRow] = [:]
  /// Codes that no column of a database can hold, with the call that each was found for.
  public internal(set) var rawCodes: [CodeID: CallID] = [:]
  /// Answers that could not be read or not be stored as rows.
  public internal(set) var answers: [CallID: [UInt8]] = [:]
  /// Calls whose outcome cannot be recorded, and whether their answer is kept because of that.
  public internal(set) var refusals: [CallID: Bool] = [:]
  /// What operators did to jobs and no worker has been told of.
  public internal(set) var untoldActions: [SteeredJob] = []
  /// What was told to listeners and not taken yet.
  public internal(set) var signals: [Signal] = []

  /// Codes that a call asks for at most. A simulation asks for a few, so that jobs of few codes
  /// have many calls.
  public var largestCall = Bounds.callSize.upperBound

  /// What may have changed since the invariants were last checked.
  var touched = Touched.all

  /// Whether there was a heartbeat, by which a database learns where it is.
  var isClusterKnown = false
  /// The ledger's last sign of life before the latest failover or restore; nil if there was none.
  var aliveBefore: Int64?
  /// Rows that somebody else has locked.
  public var locked = LockedRows()
  /// Whether somebody has written to counters since they were last compared with what they derive from.
  public internal(set) var isMeddled = false
  /// When they were.
  var comparedAt: Int64?
  /// Whether old calls were ever forgotten, so that a code may name one that is not there.
  var hasForgotten = false
  private var lastJob: Int64 = 0
  /// Who inserted each job, if anybody was named.
  private(set) var producers: [JobID: String] = [:]
  /// How many turns a producer has where others have one: `codemint.quotas.share`.
  public var shares: [String: Double] = [:]
  /// How far the queue has been served: `codemint.account.turns`.
  var served: [Turn: Int64] = [:]
  /// Calls that stand for those that a restore lost.
  var lastCredit = 0

  /// How often a blocked account is probed, by the fleet together.
  static let probeEvery: Duration = .seconds(30)

  /// An empty ledger.
  public init() {}

  /// Inserts jobs as one statement does: one wake, however many there are.
  public mutating func insert(_ orders: [JobOrder], now: Int64) -> [JobID] {
    let ids = orders.map { order in
      lastJob += 1
      let id = JobID(lastJob)
      var job = JobRow(
        id: id,
        reward: order.reward,
        count: order.count,
        prefix: order.prefix,
        priority: order.priority,
        runAt: now + order.delay.microseconds,
        createdAt: now
      )
      job.nextCallAt = max(job.runAt, now)
      producers[id] = order.producer
      if job.runAt <= now {
        job.queuePosition = nextTurn(of: job, isNew: true)
        job.isNew = true
      }
      jobs[id] = job
      return id
    }
    signals.append(.jobs)
    return ids
  }

  /// Changes a job as an operator does who writes into the table; the invariants are still checked
  /// after the next request.
  public mutating func edit(_ job: JobID, _ change: (inout JobRow) -> Void) {
    guard var row = jobs[job] else { return }
    let wasFinished = row.finishedAt != nil
    change(&row)
    if !wasFinished, let now = row.finishedAt { noteSyncDone(&row, now: now) }
    jobs[job] = row
  }

  /// Forgets what a failover lost: the claim of a call, as if it had never been committed.
  public mutating func lose(_ call: CallID, now: Int64) {
    guard calls[call]?.state == .sending, let row = calls.removeValue(forKey: call) else { return }
    if var job = jobs[row.call.job] {
      job.outstanding -= row.outstanding
      if job.state.takesCalls, !job.paused, !job.held, !job.isQueued {
        job.nextCallAt = job.nextCallAt ?? now
      }
      jobs[job.id] = job
    }
    rewards[row.call.reward, default: RewardRow()].inFlight -= 1
    account.inFlight -= 1
  }

  /// Takes a lease away before its time.
  public mutating func expire(_ call: CallID, now: Int64) {
    guard calls[call]?.state == .sending else { return }
    calls[call]?.leaseExpiresAt = now - 1
  }

  /// Judges that a doubtful call never happened, as a reconciler does; its reward reopens with the
  /// last one.
  public mutating func judgeAbsent(_ call: CallID, now: Int64) {
    guard var row = calls[call], row.state == .inDoubt, var job = jobs[row.call.job] else { return }
    job.outstanding -= row.outstanding
    row.state = row.isShort ? .issued : .absent
    row.outstanding = 0
    row.heldAt = nil
    row.settledAt = now
    calls[call] = row
    if job.state == .ending, job.outstanding == 0, let end = job.endsAs {
      job.state = end
      job.endsAs = nil
      job.finishedAt = now
      job.held = false
      noteSyncDone(&job, now: now)
    } else if job.state.takesCalls, !job.paused, !job.held, !job.isQueued {
      job.nextCallAt = job.nextCallAt ?? now
    }
    jobs[job.id] = job
    if !hasDoubt(row.call.reward) { rewards[row.call.reward]?.closedAt = nil }
  }

  /// Whether a call of this reward is in doubt and not held.
  func hasDoubt(_ reward: RewardID) -> Bool {
    calls.values.contains {
      $0.call.reward == reward && $0.state == .inDoubt && $0.heldAt == nil
    }
  }

  /// Takes what was told to listeners so far.
  public mutating func takeSignals() -> [Signal] {
    defer { signals = [] }
    return signals
  }
}

/// What the ledger tells its listeners: its NOTIFY.
public enum Signal: Hashable, Sendable {
  /// `codemint_jobs`: there may be work.
  case jobs
  /// `codemint_job_done`.
  case done(JobID)
}
