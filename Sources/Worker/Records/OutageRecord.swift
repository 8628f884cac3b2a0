import Logging
import Provisioning
import Synchronization

/// What keeps the database from doing what this worker asks: each cause is said in its own words, once
/// when it begins and once when it ends.
///
/// A cause that concerns connections ends when anything is answered on the connections that met it. Any
/// other, such as a lock, ends when the activity that met it succeeds: that something else did proves
/// nothing.
final class OutageRecord: Sendable {
  /// What the worker was doing.
  enum Activity: String, Sendable {
    case heartbeat, claiming, settling
    case renewal = "renewing leases"
    case other

    /// Whether it has connections that no other activity takes.
    fileprivate var isVital: Bool { self == .heartbeat || self == .renewal }
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

    func includes(_ other: Activity) -> Bool {
      switch self {
      case .connections(let isVital): other.isVital == isVital
      case .activity(let activity): other == activity
      }
    }
  }

  private struct Key: Hashable {
    let cause: StoreError.Cause
    let scope: Scope
  }

  private struct Trouble {
    let since: Instant
    var failures = 0
    /// Until then further failures are the same one, met by another service.
    var countedUntil: Instant?
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
  func failed(_ error: StoreError, during activity: Activity = .other) -> Int {
    if error.code == .superseded {
      supersede(error)
      return 1
    }
    guard error.cause != .cancelled else { return 1 }
    meters.databaseFailed()
    let now = clock.now
    let key = Key(cause: error.cause, scope: Scope(error.cause, activity))
    let (count, isFirst) = state.withLock { state in
      let isFirst = !state.troubles.keys.contains { $0.cause == error.cause }
      var trouble = state.troubles[key] ?? Trouble(since: now)
      if trouble.countedUntil.map({ now < $0 }) != true {
        trouble.failures += 1
        trouble.countedUntil = now + Backoff.database.ceiling(failures: trouble.failures)
        state.troubles[key] = trouble
      }
      return (trouble.failures, isFirst)
    }
    if isFirst {
      logger.warning(
        error.cause.beginning,
        metadata: ["error": "\(error)", "during": "\(activity.rawValue)"]
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
      }.keys.map(\.cause)
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

  /// Notes that the database did what it was asked. While a superseded worker drains, some statements
  /// are refused and others are not: all of that is one failure.
  func succeeded(_ activity: Activity = .other) {
    let ended: [(cause: StoreError.Cause, failures: Int)] = state.withLock { state in
      guard !state.troubles.isEmpty, !state.isSuperseded else { return [] }
      let over = state.troubles.filter { $0.key.scope.includes(activity) }
      for key in over.keys { state.troubles[key] = nil }
      let left = Set(state.troubles.keys.map(\.cause))
      return over.map { (cause: $0.key.cause, failures: $0.value.failures) }
        .filter { !left.contains($0.cause) }
    }
    for (cause, failures) in ended {
      logger.notice(cause.end, metadata: ["failures": "\(failures)"])
    }
  }
}

extension StoreError.Cause {
  /// Whether it concerns every statement on a connection, so that one which succeeds shows its end.
  fileprivate var concernsConnections: Bool {
    switch self {
    case .unreachable, .login: true
    case .late, .readOnly, .locked, .conflict, .resources, .content, .cancelled, .refused: false
    }
  }

  fileprivate var beginning: Logger.Message {
    switch self {
    case .unreachable: "the database does not answer; trying until it does"
    case .login: "the database refuses the login; trying until it accepts it"
    case .late: "a statement did not end in time; trying until one does"
    case .readOnly: "the database takes no writes; trying until it does"
    case .locked: "somebody else holds a lock for too long; trying until it is released"
    case .conflict: "a transaction lost against another one; trying again"
    case .resources: "the database or this machine is out of resources; trying until there are some"
    case .content: "the database refuses the content of a value; trying again"
    case .cancelled: "a task was cancelled"
    case .refused: "the database refuses; trying until somebody has repaired it"
    }
  }

  fileprivate var end: Logger.Message {
    switch self {
    case .unreachable: "the database answers again"
    case .login: "the database accepts the login again"
    case .late: "statements end in time again"
    case .readOnly: "the database takes writes again"
    case .locked: "the lock was released"
    case .conflict: "the transaction did not lose again"
    case .resources: "there are resources for the database again"
    case .content: "the database takes the content"
    case .cancelled: "the task ended"
    case .refused: "the database does again what it is asked"
    }
  }
}
