public import Logging
public import Provisioning
import Synchronization

/// What keeps the database from doing what this worker asks: each cause is said in its own words, once
/// when it begins and once when it ends.
///
/// A cause that concerns connections ends when anything is answered on the connections that met it. Any
/// other, such as a lock or a trigger, ends when the activity that met it succeeds, for the same call or
/// reward: that something else did proves nothing.
final class OutageRecord: Sendable {
  /// What the worker was doing.
  enum Activity: Hashable, Sendable {
    case heartbeat, claiming, renewal, reconciling, tracking, pruning, pacing
    case call(CallID)
    case listing(RewardID)
    case tracked(RewardID)

    /// Whether it has connections that no other activity takes.
    fileprivate var isVital: Bool { self == .heartbeat || self == .renewal }

    /// Whether another worker may carry it on, so that this one never sees the end of a cause.
    fileprivate var mayMove: Bool {
      switch self {
      case .listing, .tracked: true
      case .heartbeat, .claiming, .renewal, .reconciling, .tracking, .pruning, .pacing, .call: false
      }
    }

    /// What it is and concerns, for people.
    fileprivate var metadata: Logger.Metadata {
      switch self {
      case .heartbeat: ["during": "heartbeat"]
      case .claiming: ["during": "claiming"]
      case .renewal: ["during": "renewing leases"]
      case .reconciling: ["during": "taking a reward to list it"]
      case .tracking: ["during": "taking a reward to track its codes"]
      case .pruning: ["during": "forgetting old calls"]
      case .pacing: ["during": "recording what the API says of itself"]
      case .call(let call): ["during": "settling", "call": "\(call)"]
      case .listing(let reward): ["during": "listing", "reward": "\(reward)"]
      case .tracked(let reward): ["during": "tracking codes", "reward": "\(reward)"]
      }
    }
  }

  /// Whose success shows that a cause is over.
  private enum Scope: Hashable {
    case connections(ofVital: Bool)
    case activity(Activity)

    init(_ cause: StoreError.Cause, _ activity: Activity) {
      self =
        cause.concernsConnections
        ? .connections(ofVital: activity.isVital) : .activity(activity)
    }

    func includes(_ other: Activity, isStep: Bool) -> Bool {
      switch self {
      case .connections(let isVital): other.isVital == isVital
      case .activity(let activity): !isStep && other == activity
      }
    }
  }

  /// What is said once: causes that the server names differently are different ones.
  private struct Cause: Hashable {
    let cause: StoreError.Cause
    let sqlState: String?

    init(_ error: StoreError) {
      cause = error.cause
      sqlState = error.cause == .refused ? error.sqlState : nil
    }
  }

  private struct Key: Hashable {
    let cause: Cause
    let scope: Scope
  }

  private struct Trouble {
    let since: Instant
    var failures = 0
    /// Until then further failures are the same one, met by another service.
    var countedUntil: Instant?
    var lastAt: Instant
  }

  private struct State {
    var troubles: [Key: Trouble] = [:]
    var isSuperseded = false
  }

  private let state = Mutex(State())
  private let logger: Logger
  private let meters: WorkerMeters
  private let clock: any WorkerClock
  private let signals: Signals

  init(logger: Logger, meters: WorkerMeters, clock: any WorkerClock, signals: Signals) {
    self.logger = logger
    self.meters = meters
    self.clock = clock
    self.signals = signals
  }

  /// Notes that the database did not do what it was asked. Services that fail side by side have met
  /// one failure, or a short outage would make all of them pause as after a long one. That it has the
  /// functions of another version is no failure: this worker then drains. Nor is that a task was
  /// cancelled.
  /// - Returns: How often in a row it has not; 1 at least.
  func failed(_ error: StoreError, during activity: Activity) -> Int {
    if error.code == .superseded {
      supersede(error)
      return 1
    }
    guard error.cause != .cancelled else { return 1 }
    meters.databaseFailed()
    let now = clock.now
    let key = Key(cause: Cause(error), scope: Scope(error.cause, activity))
    let (count, isFirst) = state.withLock { state in
      let isFirst = !state.troubles.keys.contains { $0.cause == key.cause }
      var trouble = state.troubles[key] ?? Trouble(since: now, lastAt: now)
      trouble.lastAt = now
      if trouble.countedUntil.map({ now < $0 }) != true {
        trouble.failures += 1
        trouble.countedUntil = now + Backoff.database.ceiling(failures: trouble.failures)
      }
      state.troubles[key] = trouble
      return (trouble.failures, isFirst)
    }
    if isFirst {
      logger.warning(
        error.cause.beginning,
        metadata: activity.metadata.merging(["error": "\(error)"]) { $1 }
      )
    }
    return count
  }

  /// What has failed for so long, of what is tried again and again; nil if nothing has. Other activities
  /// may end in a failure and not come again, so that nothing would end it.
  func lasting(_ patience: Duration) -> String? {
    let now = clock.now
    let causes = state.withLock { state in
      state.troubles.filter { key, trouble in
        switch key.scope {
        case .connections, .activity(.heartbeat): now - trouble.since >= patience
        case .activity: false
        }
      }.keys.map(\.cause.cause)
    }
    return causes.first.map { "\($0.beginning)" }
  }

  /// Whether the ledger has the functions of another version, so that this worker drains.
  var isSuperseded: Bool { state.withLock { $0.isSuperseded } }

  private func supersede(_ error: StoreError) {
    let isFirst = state.withLock { state in
      guard !state.isSuperseded else { return false }
      state = State(isSuperseded: true)
      return true
    }
    guard isFirst else { return }
    logger.warning(
      "the database has the functions of another version of codemint; draining",
      metadata: ["error": "\(error)"]
    )
    signals.beginDrain()
  }

  /// Notes that the database did all of what it was asked for an activity. While a superseded worker drains,
  /// some statements are refused and others are not: all of that is one failure.
  func succeeded(_ activity: Activity) {
    end { scope, _ in scope.includes(activity, isStep: false) }
  }

  /// Notes that the database did one thing of several for an activity. Its connections work; another step
  /// may fail all the same, and has perhaps failed before.
  func answered(_ activity: Activity) {
    end { scope, _ in scope.includes(activity, isStep: true) }
  }

  /// What belongs to one reward may never come back to this worker: another one has taken the reward, or
  /// nothing of it is due any more. What has not been met for so long is over, as far as can be known.
  func forget(after quiet: Duration) {
    let now = clock.now
    end { scope, trouble in
      guard case .activity(let activity) = scope else { return false }
      return activity.mayMove && now - trouble.lastAt >= quiet
    }
  }

  private func end(_ isOver: (Scope, Trouble) -> Bool) {
    let ended: [(cause: Cause, failures: Int)] = state.withLock { state in
      guard !state.troubles.isEmpty, !state.isSuperseded else { return [] }
      let over = state.troubles.filter { isOver($0.key.scope, $0.value) }
      for key in over.keys { state.troubles[key] = nil }
      let left = Set(state.troubles.keys.map(\.cause))
      let failures = Dictionary(
        over.map { ($0.key.cause, $0.value.failures) },
        uniquingKeysWith: max
      )
      return failures.filter { !left.contains($0.key) }.map { ($0.key, $0.value) }
    }
    for (cause, failures) in ended {
      logger.notice(cause.cause.end, metadata: ["failures": "\(failures)"])
    }
  }
}

extension StoreError.Cause {
  /// Whether it concerns every statement on a connection, so that one which succeeds shows its end.
  fileprivate var concernsConnections: Bool {
    switch self {
    case .unreachable, .noDatabase, .password, .role, .crowd: true
    case .late, .readOnly, .locked, .conflict, .unconfirmed, .diskFull, .resources, .content,
      .cancelled,
      .refused:
      false
    }
  }

  /// How the log says that it began.
  public var beginning: Logger.Message {
    switch self {
    case .unreachable: "the database does not answer; trying until it does"
    case .noDatabase: "the database does not exist; trying until it does"
    case .password: "the server refuses the password; trying until it accepts it"
    case .role: "the server does not let the role in; trying until it does"
    case .crowd: "the server takes no more connections; trying until it does"
    case .late: "a statement did not end in time; trying until one does"
    case .readOnly: "the database takes no writes; trying until it does"
    case .locked: "somebody else holds a lock for too long; trying until it is released"
    case .conflict: "a transaction lost against another one; trying again"
    case .unconfirmed:
      "a commit came with a warning, and is not believed; trying until one comes without"
    case .diskFull: "the database's disk is full; trying until there is room"
    case .resources: "the database or this machine is out of resources; trying until there are some"
    case .content: "the database refuses the content of a value; trying again"
    case .cancelled: "a task was cancelled"
    case .refused: "the database refuses; trying until somebody has repaired it"
    }
  }

  fileprivate var end: Logger.Message {
    switch self {
    case .unreachable: "the database answers again"
    case .noDatabase: "the database exists again"
    case .password: "the server accepts the password again"
    case .role: "the server lets the role in again"
    case .crowd: "the server takes connections again"
    case .late: "statements end in time again"
    case .readOnly: "the database takes writes again"
    case .locked: "the lock was released"
    case .conflict: "the transaction did not lose again"
    case .unconfirmed: "commits come without a warning again"
    case .diskFull: "there is room on the database's disk again"
    case .resources: "there are resources for the database again"
    case .content: "the database takes the content"
    case .cancelled: "the task ended"
    case .refused: "the database does again what it is asked"
    }
  }
}
