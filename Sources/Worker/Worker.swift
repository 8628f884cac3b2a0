// Worker is the daemon without its wires: it reaches the database, the API and the time only
// through the ports of `Provisioning`, so all of it also runs inside a simulation.
//
// `Worker` puts the services together. The `Dispatcher` (Dispatch/) decides when to claim
// and fills its lanes. A lane runs one call after another: wait for the slot, send, settle, and
// claim the next call in the same round trip (Calls/). The `LeaseKeeper` renews the leases of calls
// in flight and tells the sender when one is lost. The `Reconciler` (Reconciling/) finds out what
// doubtful calls did, the `SyncTracker` (Syncing/) whether other systems have the codes, and the
// `Janitor` (Retention/) forgets old requests. `Signals` wakes and drains; Records/ is what several
// services log and count.
//
// Structured concurrency only: every task here is a child of `run()`. So a drain ends when the last
// call is settled, and a simulation can replay every interleaving.

public import Logging
public import Provisioning

/// One worker: claims calls, sends them, settles them, until it is drained.
public struct Worker: Sendable {
  private let context: WorkerContext
  private let dispatcher: Dispatcher
  private let leaseKeeper: LeaseKeeper
  private let reconciler: Reconciler
  private let tracker: SyncTracker?
  private let janitor: Janitor?

  /// A worker that is not running yet.
  ///
  /// - Parameters:
  ///   - configuration: Who it is and what it may use.
  ///   - random: Where identifiers and jitter come from.
  ///   - meters: What counts and times what it does.
  ///   - onProgress: Called again and again while the dispatcher proceeds; it feeds a watchdog.
  public init(
    configuration: WorkerConfiguration,
    store: any Store,
    issuer: any CodeIssuer,
    clock: any WorkerClock,
    random: some RandomNumberGenerator & Sendable,
    logger: Logger,
    meters: WorkerMeters = WorkerMeters(),
    onProgress: @escaping @Sendable () -> Void = {}
  ) {
    let context = WorkerContext(
      configuration: configuration,
      store: store,
      issuer: issuer,
      clock: clock,
      dice: Dice(random),
      logger: logger,
      meters: meters,
      onProgress: onProgress
    )
    self.context = context
    self.dispatcher = Dispatcher(context)
    self.leaseKeeper = LeaseKeeper(context)
    self.reconciler = Reconciler(context)
    self.tracker = configuration.sync.map { SyncTracker(context, $0) }
    self.janitor = configuration.callRetention.map { Janitor(context, keeping: $0) }
  }

  /// Works until it is drained and the last call in flight is settled.
  public func run() async {
    await withTaskGroup(of: Void.self) { services in
      services.addTask { await leaseKeeper.run() }
      services.addTask { await reconciler.run() }
      if let tracker { services.addTask { await tracker.run() } }
      if let janitor { services.addTask { await janitor.run() } }
      await dispatcher.run()
      services.cancelAll()
    }
    await context.retire()
  }

  /// Claims now: a NOTIFY has come.
  public func wake() {
    context.signals.announceWork()
  }

  /// Sends a heartbeat now: limits in force, or something else that it tells of, may have changed.
  public func heartbeat() {
    context.signals.requestHeartbeat()
  }

  /// Brings other limits from now on; the others are told.
  public func setLimits(_ limits: Limits) {
    context.limits.value = limits
    heartbeat()
  }

  /// Stops gracefully: no new call is claimed, calls that wait for their slot are given back, and
  /// `run()` returns when those in flight are settled. May be called more than once.
  public func drain() {
    context.signals.beginDrain()
  }

  /// Waits until the worker drains, for whatever reason, or the task is cancelled.
  public func awaitDrain() async {
    await context.signals.drain.wait()
  }

  /// Whether the worker drained by itself, because the ledger has the functions of another version.
  public var isSuperseded: Bool {
    context.outage.isSuperseded
  }

  /// What has kept this worker from its database for a minute or more, in words for everybody; nil if
  /// nothing has.
  public var trouble: String? {
    context.outage.lasting(.seconds(60))
  }

  /// The calls that are claimed and not settled, by name, for the log of a hard stop.
  public var callsInFlight: [CallID] {
    context.leases.calls
  }
}
