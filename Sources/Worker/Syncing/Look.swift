import Logging
import Provisioning

/// One look at a followed reward: reads what has changed, records it, and asks the API to copy the
/// reward once more where the ledger says so. All judgement is in `ChangeReader` and the ledger.
struct Look: Sendable {
  private let context: WorkerContext
  private let rules: SyncRules
  private let follow: FollowCase

  init(_ context: WorkerContext, _ rules: SyncRules, _ follow: FollowCase) {
    self.context = context
    self.rules = rules
    self.follow = follow
  }

  /// Looks once.
  ///
  /// - Throws: What the database threw. The hold on the reward then runs out by itself, and what was
  ///   recorded stays.
  func perform() async throws(StoreError) {
    var reader = ChangeReader(follow, budget: rules.pages)
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
        case .failure(.notAsked):
          return try await finish(.interrupted(reader.unfinished), changed)
        case .failure(let failure):
          return try await finish(.failed(message: failure.message, reader.unfinished), changed)
        case .success(let page):
          let shown = page.codes.filter { $0.reward == follow.reward }
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
    let configuration = context.configuration
    while true {
      let slot = try await context.store.followSlot(
        follow.reward,
        worker: configuration.id,
        lease: configuration.reconcilerLease
      )
      context.outage.succeeded()
      switch slot {
      case .slot(let delay):
        await context.drain.wait(until: context.clock.now + delay, on: context.clock)
        guard !context.isDraining else { return .failure(.notAsked("the worker is stopping")) }
        return await context.issuer.listChanges(follow.reward, offset: offset, limit: limit)
      case .wait(let pause):
        await context.drain.wait(until: context.clock.now + pause, on: context.clock)
        guard !context.isDraining, !Task.isCancelled else {
          return .failure(.notAsked("the worker is stopping"))
        }
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
        of: follow.reward,
        worker: context.configuration.id
      )
    } catch  where error.code == .contentRefused {
      return try await recordHalves(codes)
    }
    if recorded.raisesWatch {
      context.logger.warning(
        "codes listed that the ledger does not know: the reward is watched",
        metadata: ["reward": "\(follow.reward)", "codes": "\(recorded.unknown)"]
      )
    }
    return recorded.kept ? recorded.changed : nil
  }

  private func recordHalves(_ codes: [IssuedCode]) async throws(StoreError) -> Int? {
    guard codes.count > 1 else {
      context.logger.warning(
        "the database does not take how a code is listed now; it stays as it was",
        metadata: ["reward": "\(follow.reward)", "code_id": "\(codes[0].id)"]
      )
      return 0
    }
    let middle = codes.count / 2
    guard let first = try await record(Array(codes[..<middle])),
      let second = try await record(Array(codes[middle...]))
    else { return nil }
    return first + second
  }

  private func finish(_ ending: LookReport.Ending, _ changed: Int) async throws(StoreError) {
    let answer = try await context.store.finish(
      LookReport(reward: follow.reward, ending: ending),
      of: follow,
      worker: context.configuration.id,
      rules: rules
    )
    note(ending, answer, changed)
    guard case .following(let systems) = answer else { return }
    for system in systems { try await resync(system) }
  }

  /// The attempt has been counted before it is made, so that no crash can lead to more of them.
  private func resync(_ system: SyncSystem) async throws(StoreError) {
    let metadata: Logger.Metadata = ["reward": "\(follow.reward)", "system": "\(system.rawValue)"]
    guard let delay = try await context.store.reserveSlot() else {
      return try await context.store.noteResync(
        follow.reward,
        system: system,
        failure: "not asked: the account may not send now",
        wasSent: false
      )
    }
    await context.drain.wait(until: context.clock.now + delay, on: context.clock)
    guard !context.isDraining else {
      return try await context.store.noteResync(
        follow.reward,
        system: system,
        failure: "not asked: the worker is stopping",
        wasSent: false
      )
    }
    switch await context.issuer.resync(follow.reward, system: system) {
    case .accepted:
      context.logger.info("asked to copy the reward once more", metadata: metadata)
    case .failed(let message):
      context.logger.warning(
        "could not ask to copy the reward once more",
        metadata: metadata.merging(["error": "\(message)"]) { $1 }
      )
      try await context.store.noteResync(
        follow.reward,
        system: system,
        failure: message,
        wasSent: true
      )
    }
  }

  private func note(_ ending: LookReport.Ending, _ answer: LookAnswer, _ changed: Int) {
    var metadata: Logger.Metadata = ["reward": "\(follow.reward)", "changed": "\(changed)"]
    if case .failed(let message, _) = ending {
      metadata["error"] = "\(message)"
      context.logger.info("the codes cannot be listed for now", metadata: metadata)
    }
    switch answer {
    case .following: context.logger.debug("codes are being followed", metadata: metadata)
    case .settled: context.logger.info("every code is settled", metadata: metadata)
    case .givenUp:
      context.logger.warning(
        "codes are not settled and no longer followed: see codemint.sync_problems",
        metadata: metadata
      )
    case .lost: context.logger.debug("another worker follows", metadata: metadata)
    }
  }
}
