// Worker is the daemon without its wires: it reaches the database, the API and the time only
// through the three protocols of `Provisioning`, so all of it also runs inside a simulation.
//
// `Worker` puts the services together. The `Dispatcher` (Dispatch/) decides when to look for work
// and fills its lanes; a lane runs one call after another: wait for the slot, send, settle, and
// claim the next call in the same round trip (Calls/). The `LeaseKeeper` (Leases/) renews the
// leases of what is in flight and tells the sender when one is lost. The `Reconciler`
// (Reconciling/) finds out what doubtful calls did, the `Follower` (Syncing/) whether other systems
// have the codes, and the `Janitor` (Retention/) forgets old requests. Signals/ wakes and drains, Records/ are the notes that several of them share.
//
// Structured concurrency only: every task here is a child of `run()`, which is why a drain ends
// when the last call is settled, and why a simulation can replay every interleaving.

public import Logging
public import Provisioning

/// One worker: claims calls, sends them, settles them, until it is drained.
public struct Worker: Sendable {
  private let context: WorkerContext
  private let dispatcher: Dispatcher
  private let leaseKeeper: LeaseKeeper
  private let reconciler: Reconciler
  private let follower: Follower?
  private let janitor: Janitor?

  /// A worker that is not running yet.
  ///
  /// - Parameters:
  ///   - configuration: Who it is and what it may use.
  ///   - random: Where identifiers and jitter come from.
  ///   - meters: What counts and times what it does.
  ///   - onProgress: Called each time the dispatcher has gone round; a watchdog is fed from it.
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
    self.follower = configuration.sync.map { Follower(context, $0) }
    self.janitor = configuration.callRetention.map { Janitor(context, keeping: $0) }
  }

  /// Works until it is drained and the last call in flight is settled.
  public func run() async {
    await withTaskGroup(of: Void.self) { services in
      services.addTask { await leaseKeeper.run() }
      services.addTask { await reconciler.run() }
      if let follower { services.addTask { await follower.run() } }
      if let janitor { services.addTask { await janitor.run() } }
      await dispatcher.run()
      services.cancelAll()
    }
    await context.retire()
  }

  /// Looks for work now: a NOTIFY has come.
  public func wake() {
    context.work.ring()
    context.wake.ring()
  }

  /// The limits in force may have changed, or something else that tending tells of: looks now.
  public func tend() {
    context.account.ring()
    context.wake.ring()
  }

  /// Brings other limits from now on; the others are told.
  public func setLimits(_ limits: Limits) {
    context.limits.value = limits
    tend()
  }

  /// Stops gracefully: no new call is claimed, calls that wait for their slot are given back, and
  /// `run()` returns when those in flight are settled. May be called more than once.
  public func drain() {
    context.drain.ring()
    context.wake.ring()
    context.doubt.ring()
  }

  /// The calls that are claimed and not settled, for whoever has to name them at a hard stop.
  public var callsInFlight: [CallID] {
    context.board.calls
  }
}
