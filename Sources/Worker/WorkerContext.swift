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
  let slots = SlotClock()
  let limits: OwnLimits
  let outage: OutageRecord
  /// New work is announced; silenced by the dispatcher when it goes to look.
  let work = Bell()
  /// The dispatcher has a reason to go round: new work, a lane that ended, a drain.
  let wake = Bell()
  /// The account may stand otherwise than when it was last tended; silenced by the dispatcher.
  let account = Bell()
  /// A request is leaving; silenced by the dispatcher before it sends one off.
  let departure = Bell()
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
    self.outage = OutageRecord(logger: logger, meters: meters, clock: clock)
    self.limits = OwnLimits(configuration.limits)
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

  /// How the others see this worker.
  func presence(draining: Bool) -> WorkerPresence {
    configuration.presence(limits: limits.value, draining: draining)
  }

  /// Tells the whole fleet what answers have said of the pace, if that is less than it has.
  ///
  /// - Parameter age: How long ago the request was sent.
  func passOnFeedback(than spacing: Duration?, age: Duration) async {
    guard let feedback = issuer.takeFeedback() else { return }
    if let spacing, !feedback.asksForLess(than: spacing) { return }
    do throws(StoreError) {
      try await store.heed(feedback, age: age)
    } catch {
      // The next answer says it again.
      _ = outage.failed(error)
    }
  }

  /// Waits for a slot of its own for a request that makes no codes. If none can be had, it is not
  /// waited for: such a request follows from one that had one.
  func waitForSlot() async {
    do throws(StoreError) {
      guard let delay = try await store.reserveSlot() else { return }
      await drain.wait(until: clock.now + delay, on: clock)
    } catch {
      _ = outage.failed(error)
    }
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
