import Logging
import Provisioning
import Synchronization

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
  let signals = Signals()
  let leases = LeaseBoard()
  let limits: OwnLimits
  let outage: OutageRecord

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
    self.outage = OutageRecord(
      logger: logger,
      meters: meters,
      clock: clock,
      signals: signals
    )
    self.limits = OwnLimits(configuration.limits)
  }

  /// Whether the worker takes no new work.
  var isDraining: Bool { signals.drain.isSet }

  /// Whether a service has to end: the worker drains, or the task was cancelled.
  var isStopping: Bool { isDraining || Task.isCancelled }

  /// Waits for so long, or until the worker drains or the task is cancelled.
  func pause(for length: Duration) async {
    await signals.drain.wait(until: clock.now + length, on: clock)
  }

  /// Waits after a failure of the database; longer the longer it lasts. A drain does not cut it short: what
  /// has to be recorded is tried again all the same.
  /// - Returns: False if the task was cancelled, so that waiting is of no use.
  func pause(after error: StoreError, during activity: OutageRecord.Activity) async -> Bool {
    do {
      try await clock.sleep(until: clock.now + retryDelay(after: error, during: activity))
      return true
    } catch {
      return false
    }
  }

  /// Notes a failure of the database, and tells how long not to ask again. What somebody has to mend first
  /// is asked ever less often.
  func retryDelay(after error: StoreError, during activity: OutageRecord.Activity) -> Duration {
    let failures = outage.failed(error, during: activity)
    return dice.wait(error.cause == .refused ? .refused : .database, failures: failures)
  }

  /// Tells the ledger that the database refuses to record work on a reward, so that operators see who refuses.
  func note(_ refusal: RefusedWork?) async {
    guard let refusal else { return }
    do throws(StoreError) {
      try await store.note(refusal, worker: configuration.id)
    } catch {
      // The reward comes back to somebody when its lease has run out.
      logger.debug("could not record a refusal", metadata: ["error": "\(error)"])
    }
  }

  /// Carries out what no stop has to wait for: when the worker drains, it is cancelled.
  func untilDrain<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
    await withTaskGroup(of: Value?.self) { group in
      group.addTask { await body() }
      group.addTask {
        await signals.drain.wait()
        return nil
      }
      var value: Value?
      for await ended in group {
        value = ended ?? value
        group.cancelAll()
      }
      guard let value else { preconditionFailure("one of the two has a value") }
      return value
    }
  }

  /// How the others see this worker.
  func presence(draining: Bool) -> WorkerPresence {
    configuration.presence(limits: limits.value, draining: draining)
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

/// Requests that make no codes, and rewards that a service has taken to list them.
extension WorkerContext {
  /// Asks the API for something that makes no codes, and tells the whole fleet what the answer says of
  /// the pace.
  func ask<Value>(_ request: () async -> Paced<Value>) async -> Value {
    let askedAt = clock.now
    let answer = await request()
    guard let feedback = answer.feedback else { return answer.value }
    do throws(StoreError) {
      try await store.applyFeedback(feedback, age: clock.now - askedAt)
    } catch {
      // The next answer says it again.
      _ = outage.failed(error, during: .pacing)
      return answer.value
    }
    outage.succeeded(.pacing)
    return answer.value
  }

  /// Asks for a page of a list. If the API refuses the key, nothing is sent until it takes it again, as after
  /// a call that is refused so.
  func askPage(
    _ request: () async -> Paced<Result<ListedPage, ListingFailure>>
  ) async -> Result<ListedPage, ListingFailure> {
    let page = await ask(request)
    guard case .failure(.keyRefused(let code, let message)) = page else { return page }
    do throws(StoreError) {
      try await store.recordProbe(.refused(code: code, message: message))
    } catch {
      // The next answer says it again.
      _ = outage.failed(error, during: .pacing)
    }
    return page
  }

  /// Extends the lease on a taken reward: by its usual length, and by what is waited for first.
  /// - Returns: False if the reward has been lost.
  func keep(_ reward: RewardID, waiting delay: Duration = .zero) async throws(StoreError) -> Bool {
    try await store.keep(
      reward,
      worker: configuration.id,
      lease: configuration.reconcilerLease + delay
    )
  }

  /// Gives a taken reward back undecided, to be taken again after a pause.
  ///
  /// - Parameter counts: What counts for the doubt beside the pause (`ReconcilingStore.leave`).
  func leave(_ reward: RewardID, for pause: Duration, counts: Duration? = nil)
    async throws(StoreError)
  {
    try await store.leave(
      reward,
      worker: configuration.id,
      pause: pause,
      counts: counts
    )
    // Otherwise the end of a short pause would be found by the next heartbeat only.
    signals.requestHeartbeat()
  }
}

/// The limits that this worker brings; they can change while it runs.
final class OwnLimits: Sendable {
  private let limits: Mutex<Limits>

  init(_ limits: Limits) {
    self.limits = Mutex(limits)
  }

  var value: Limits {
    get { limits.withLock { $0 } }
    set { limits.withLock { $0 = newValue } }
  }
}

/// The worker's only source of randomness; a simulation gives it a seed.
final class Dice: Sendable {
  private let generator: Mutex<any RandomNumberGenerator & Sendable>

  init(_ generator: any RandomNumberGenerator & Sendable) {
    self.generator = Mutex(generator)
  }

  /// A new identifier.
  func uniqueID() -> UniqueID {
    generator.withLock { UniqueID(random: &$0) }
  }

  /// A wait after this many failures in a row.
  func wait(_ backoff: Backoff, failures: Int) -> Duration {
    generator.withLock { backoff.wait(failures: failures, random: &$0) }
  }

  /// A number within 0 ..< 1.
  func jitter() -> Double {
    generator.withLock { Double.random(in: 0..<1, using: &$0) }
  }
}
