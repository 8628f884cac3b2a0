public import Provisioning

/// One row of `codemint.jobs`. Times are microseconds on the ledger's clock.
public struct JobRow: Hashable, Sendable {
  /// The job's number.
  public var id: JobID
  /// The reward that codes are asked of.
  public var reward: RewardID
  /// Codes asked for.
  public var count: Int
  /// What the codes shall begin with.
  public var prefix: String?
  /// 0 goes first.
  public var priority: Int
  /// Nothing is sent for the job before this time.
  public var runAt: Int64
  /// When it was inserted.
  public var createdAt: Int64
  /// Where it stands.
  public var state = JobState.queued
  /// Whether an operator paused it.
  public var paused = false
  /// Whether it waits for an operator.
  public var held = false
  /// Codes that count for it.
  public var issued = 0
  /// Codes asked for by calls that are sending or in doubt.
  public var outstanding = 0
  /// Codes beyond what it had room for.
  public var surplus = 0
  /// Why it failed or is held.
  public var errorCode: String?
  /// The message that goes with it.
  public var errorMessage: String?
  /// When its next call may be claimed; nil when it needs none.
  public var nextCallAt: Int64?
  /// When its first call was claimed.
  public var startedAt: Int64?
  /// When it ended.
  public var finishedAt: Int64?
  /// While ending: what it will be.
  public var endsAs: JobState?
  /// Answers in a row that held no new code.
  public var answersWithoutProgress = 0
  /// Whether it is due and has had no call since.
  public var isNew = false
  /// Its place in the queue, among the new jobs or among the others; nil if it is not in the queue.
  public var queuePosition: Int64?
  /// When it had ended and no code of it waited for another system any more.
  public var syncDoneAt: Int64?

  /// A row as it is inserted.
  public init(
    id: JobID,
    reward: RewardID,
    count: Int,
    prefix: String?,
    priority: Int,
    runAt: Int64,
    createdAt: Int64
  ) {
    self.id = id
    self.reward = reward
    self.count = count
    self.prefix = prefix
    self.priority = priority
    self.runAt = runAt
    self.createdAt = createdAt
  }

  /// Whether it is in the queue.
  public var isQueued: Bool { queuePosition != nil }

  /// What is neither issued nor asked for.
  public var room: Int { count - issued - outstanding }
}

/// What a producer inserts.
public struct JobOrder: Hashable, Sendable {
  /// The reward that codes are asked of.
  public var reward: RewardID
  /// How many codes.
  public var count: Int
  /// What the codes shall begin with.
  public var prefix: String?
  /// 0 goes first.
  public var priority: Int
  /// How long after the insertion the job is due.
  public var delay: Duration
  /// Who inserts it; nil for whoever inserts jobs without saying so.
  public var producer: String?

  /// An order for codes.
  public init(
    reward: RewardID,
    count: Int,
    prefix: String? = nil,
    priority: Int = Bounds.defaultPriority,
    delay: Duration = .zero,
    producer: String? = nil
  ) {
    self.reward = reward
    self.count = count
    self.prefix = prefix
    self.priority = priority
    self.delay = delay
    self.producer = producer
  }
}

extension JobState {
  /// Whether calls may be claimed for a job in this state.
  public var takesCalls: Bool {
    switch self {
    case .queued, .running: true
    case .ending, .completed, .failed, .cancelled: false
    }
  }
}

extension JobState {
  /// Whether nothing more happens to the job by itself.
  public var isTerminal: Bool {
    switch self {
    case .queued, .running, .ending: false
    case .completed, .failed, .cancelled: true
    }
  }
}
