import Logging
import Provisioning

/// What the services of one worker share.
struct WorkerContext: Sendable {
  let configuration: WorkerConfiguration
  let store: any Store
  let issuer: any CodeIssuer
  let clock: any WorkerClock
  let dice: Dice
  let logger: Logger
  let meters: WorkerMeters
  let onProgress: @Sendable () -> Void
  let board = LeaseBoard()
  let outage: OutageRecord
  /// New work is announced; silenced by the dispatcher when it goes to look.
  let work = Bell()
  /// The dispatcher has a reason to go round: new work, a lane that ended, a drain.
  let wake = Bell()
  /// A reward may be due to be reconciled.
  let doubt = Bell()
  /// The worker is to stop; never silenced.
  let drain = Bell()

  init(
    configuration: WorkerConfiguration,
    store: any Store,
    issuer: any CodeIssuer,
    clock: any WorkerClock,
    dice: Dice,
    logger: Logger,
    meters: WorkerMeters,
    onProgress: @escaping @Sendable () -> Void
  ) {
    self.configuration = configuration
    self.store = store
    self.issuer = issuer
    self.clock = clock
    self.dice = dice
    self.logger = logger
    self.meters = meters
    self.onProgress = onProgress
    self.outage = OutageRecord(logger: logger, meters: meters)
  }

  var isDraining: Bool { drain.isRung }

  /// A wish for a call that has not been claimed before.
  func newClaim() -> PendingClaim {
    PendingClaim(
      request: ClaimRequest(
        call: CallID(dice.uniqueID()),
        worker: configuration.id,
        lease: configuration.lease
      ),
      askedAt: clock.now
    )
  }

  /// Waits after a failure of the database; longer the longer it lasts.
  /// - Returns: False if the task was cancelled, so that waiting is of no use.
  func waitForDatabase(failures: Int) async -> Bool {
    let pause = dice.wait(.database, failures: failures)
    do {
      try await clock.sleep(until: clock.now + pause)
      return true
    } catch {
      return false
    }
  }

  /// Takes the worker off the list of those that live. If that fails, its entry runs out by itself.
  func retire() async {
    do {
      try await store.retire(configuration.id)
    } catch {
      logger.debug("could not sign off", metadata: ["error": "\(error)"])
    }
  }
}
