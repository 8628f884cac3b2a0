import Logging
import Provisioning

/// Tracks codes until other systems have them: a sync pass over one reward after another, each with
/// growing pauses. The ledger says which is due; one worker of a fleet has a reward at a time.
struct SyncTracker: Sendable {
  private let context: WorkerContext
  private let rules: SyncRules

  init(_ context: WorkerContext, _ rules: SyncRules) {
    self.context = context
    self.rules = rules
  }

  /// Tracks until drained or cancelled.
  func run() async {
    while !context.isStopping {
      await context.pause(for: await passOverNext())
    }
  }

  /// - Returns: How long to wait before the next.
  private func passOverNext() async -> Duration {
    do throws(StoreError) {
      let configuration = context.configuration
      let answer = try await context.store.takeTracked(
        configuration.id,
        lease: configuration.reconcilerLease,
        first: rules.first
      )
      context.outage.succeeded(.tracking)
      switch answer {
      case .reward(let tracked):
        return await pass(over: tracked)
      case .nothing(let wait):
        // Codes may be stored at any moment, and nobody is told.
        return min(max(wait ?? rules.first, Self.shortestWait), rules.first)
      }
    } catch {
      return context.retryDelay(after: error, during: .tracking)
    }
  }

  private func pass(over tracked: TrackedReward) async -> Duration {
    do throws(StoreError) {
      try await SyncPass(context, rules, tracked).perform()
      context.outage.succeeded(.tracked(tracked.reward))
      return .zero
    } catch {
      await context.note(RefusedWork(.sync, of: tracked.reward, error))
      return context.retryDelay(after: error, during: .tracked(tracked.reward))
    }
  }

  /// A reward that is due and that somebody has locked is not asked for again at once.
  private static let shortestWait: Duration = .milliseconds(50)
}

/// One sync pass over a tracked reward: reads what has changed, records it, and asks the API to copy
/// the reward once more if the ledger says so. All judgement is in `ChangeReader` and the ledger.
struct SyncPass: Sendable {
  private let context: WorkerContext
  private let rules: SyncRules
  private let tracked: TrackedReward

  init(_ context: WorkerContext, _ rules: SyncRules, _ tracked: TrackedReward) {
    self.context = context
    self.rules = rules
    self.tracked = tracked
  }

  /// Makes the pass.
  ///
  /// - Throws: What the database threw. The lease on the reward then runs out by itself, and what was
  ///   recorded stays.
  func perform() async throws(StoreError) {
    var reader = ChangeReader(tracked, budget: rules.pages)
    var changed = 0
    var step = reader.first
    while true {
      switch step {
      case .finished(let reading):
        return try await finish(.read(reading), changed)
      case .failed(let failure):
        return try await finish(.failed(message: failure.message, reader.unfinished), changed)
      case .fetch(let offset, let limit):
        switch try await page(offset: offset, limit: limit) {
        case .failure(.notAsked), .failure(.keyRefused):
          return try await finish(.interrupted(reader.unfinished), changed)
        case .failure(let failure):
          return try await finish(.failed(message: failure.message, reader.unfinished), changed)
        case .success(let page):
          let shown = page.codes.filter { $0.reward == tracked.reward }
          guard let number = try await record(shown) else { return }
          changed += number
          step = reader.received(page)
        }
      }
    }
  }

  /// A page, in a slot of the shared limiter.
  private func page(offset: Int, limit: Int) async throws(StoreError) -> Result<
    ListedPage, ListingFailure
  > {
    while true {
      let slot = try await context.store.syncSlot(
        tracked.reward,
        worker: context.configuration.id,
        lease: context.configuration.reconcilerLease
      )
      context.outage.answered(.tracked(tracked.reward))
      switch slot {
      case .slot(let delay):
        await context.pause(for: delay)
        guard !context.isDraining else { return .failure(.notAsked("the worker is stopping")) }
        return await context.askPage {
          await context.issuer.listChanges(tracked.reward, offset: offset, limit: limit)
        }
      case .wait(let pause):
        await context.pause(for: pause)
        guard !context.isStopping else { return .failure(.notAsked("the worker is stopping")) }
      case .closed: return .failure(.notAsked("the account may not send now"))
      case .lost: return .failure(.notAsked("another worker has taken the reward"))
      }
    }
  }

  /// Records a page. What the database refuses for its content is left out, and nothing else.
  /// - Returns: How many codes changed; nil if the reward has been lost.
  private func record(_ codes: [IssuedCode]) async throws(StoreError) -> Int? {
    guard !codes.isEmpty else { return 0 }
    let recorded: RecordedChanges
    do throws(StoreError) {
      recorded = try await context.store.record(
        codes,
        of: tracked.reward,
        worker: context.configuration.id
      )
    } catch  where error.code == .contentRefused {
      return try await recordHalves(codes)
    }
    if recorded.raisesWatch {
      context.logger.warning(
        "codes listed that the ledger does not know: the reward is watched",
        metadata: ["reward": "\(tracked.reward)", "codes": "\(recorded.unknown)"]
      )
    }
    return recorded.kept ? recorded.changed : nil
  }

  private func recordHalves(_ codes: [IssuedCode]) async throws(StoreError) -> Int? {
    guard codes.count > 1 else {
      context.logger.warning(
        "the database does not take how a code is listed now; it stays as it was",
        metadata: ["reward": "\(tracked.reward)", "code_id": "\(codes[0].id)"]
      )
      return 0
    }
    let middle = codes.count / 2
    guard let first = try await record(Array(codes[..<middle])),
      let second = try await record(Array(codes[middle...]))
    else { return nil }
    return first + second
  }

  private func finish(_ ending: SyncPassReport.Ending, _ changed: Int) async throws(StoreError) {
    let answer = try await context.store.finish(
      SyncPassReport(reward: tracked.reward, ending: ending),
      of: tracked,
      worker: context.configuration.id,
      rules: rules
    )
    note(ending, answer, changed)
    guard case .tracking(let systems) = answer else { return }
    for system in systems { try await resync(system) }
  }

  /// The attempt has been counted before it is made, so that no crash can lead to more of them.
  private func resync(_ system: SyncSystem) async throws(StoreError) {
    let metadata: Logger.Metadata = ["reward": "\(tracked.reward)", "system": "\(system.rawValue)"]
    guard let delay = try await context.store.reserveSlot() else {
      return try await context.store.noteResync(
        tracked.reward,
        system: system,
        failure: "not asked: the account may not send now",
        wasSent: false
      )
    }
    await context.pause(for: delay)
    guard !context.isDraining else {
      return try await context.store.noteResync(
        tracked.reward,
        system: system,
        failure: "not asked: the worker is stopping",
        wasSent: false
      )
    }
    switch await context.ask({
      await context.issuer.resync(tracked.reward, system: system)
    }) {
    case .accepted:
      context.logger.info("asked to copy the reward once more", metadata: metadata)
    case .failed(let message):
      context.logger.warning(
        "could not ask to copy the reward once more",
        metadata: metadata.merging(["error": "\(message)"]) { $1 }
      )
      try await context.store.noteResync(
        tracked.reward,
        system: system,
        failure: message,
        wasSent: true
      )
    }
  }

  private func note(_ ending: SyncPassReport.Ending, _ answer: SyncPassAnswer, _ changed: Int) {
    var metadata: Logger.Metadata = ["reward": "\(tracked.reward)", "changed": "\(changed)"]
    if case .failed(let message, _) = ending {
      metadata["error"] = "\(message)"
      context.logger.info("the codes cannot be listed for now", metadata: metadata)
    }
    switch answer {
    case .tracking: context.logger.debug("codes are being tracked", metadata: metadata)
    case .final:
      context.logger.info("the sync state of every code is final", metadata: metadata)
    case .givenUp:
      context.logger.warning(
        "codes whose sync state is not final are no longer tracked: see codemint.sync_problems",
        metadata: metadata
      )
    case .lost: context.logger.debug("another worker tracks the reward", metadata: metadata)
    }
  }
}
