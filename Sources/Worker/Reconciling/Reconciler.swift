import Logging
import Provisioning

/// Finds out what doubtful calls did, by listing upstream; one reward at a time.
///
/// It runs when something fell in doubt here, and when a heartbeat says that a reward is due. All
/// judgement is in `Attribution` and `ListingReader`; this only carries it out.
struct Reconciler: Sendable {
  private let context: WorkerContext
  private let lister: Lister

  init(_ context: WorkerContext) {
    self.context = context
    self.lister = Lister(context)
  }

  /// Reconciles until drained or cancelled.
  func run() async {
    let patience = max(context.configuration.heartbeatInterval, .seconds(60))
    while !context.isStopping {
      context.signals.doubt.take()
      while !context.isStopping, await reconcileOne() {}
      await context.signals.doubt.wait(until: context.clock.now + patience, on: context.clock)
    }
  }

  /// - Returns: Whether there was something to do, so that there may be more.
  private func reconcileOne() async -> Bool {
    let configuration = context.configuration
    do throws(StoreError) {
      if let doubt = try await context.store.takeDoubt(
        configuration.id,
        lease: configuration.reconcilerLease,
        effectiveFor: configuration.effectiveFor
      ) {
        try await resolve(doubt)
        return true
      }
      let askedAt = context.clock.now
      if let watch = try await context.store.takeWatch(
        configuration.id,
        lease: configuration.reconcilerLease
      ) {
        try await Watcher(context, lister).list(watch, takenAt: askedAt)
        return true
      }
      context.outage.succeeded()
      return false
    } catch {
      return await context.pause(after: error)
    }
  }

  private func resolve(_ doubt: DoubtCase) async throws(StoreError) {
    let takenAt = context.clock.now
    let isPastEffect = doubt.now >= doubt.effectiveUntil
    switch await list(doubt) {
    case .failure(let failure):
      try await listingFailed(failure, doubt)
    case .success(let first):
      if try await decide(doubt, first, isFinal: false) { return }
      guard isPastEffect else {
        let elapsed = context.clock.now - takenAt
        let left =
          Duration.microseconds(
            doubt.effectiveUntil.microseconds - doubt.now.microseconds
          ) - elapsed
        return try await context.leave(
          doubt.reward,
          for: min(max(left, .milliseconds(50)), Self.recheck)
        )
      }
      try await listAgain(doubt, first)
    }
  }

  /// Anything less than finding everything is decided by two equal listings only, the second begun
  /// `reconcile.listing_gap_seconds` after the first ended (protocol, rule 12).
  private func listAgain(_ doubt: DoubtCase, _ first: Listing) async throws(StoreError) {
    guard try await pause(context.configuration.listingGap, holding: doubt.reward) else {
      return try await context.leave(doubt.reward, for: .zero)
    }
    switch await list(doubt) {
    case .failure(let failure):
      try await listingFailed(failure, doubt)
    case .success(let second):
      guard doubt.parted(second).inTime.agrees(with: doubt.parted(first).inTime) else {
        return try await context.leave(doubt.reward, for: Self.recheck)
      }
      if try await !decide(doubt, second, isFinal: true) {
        try await context.leave(doubt.reward, for: Self.recheck)
      }
    }
  }

  private func list(_ doubt: DoubtCase) async -> Result<Listing, ListingFailure> {
    let since = doubt.window?.lowerBound
    return await lister.list(doubt.reward, mustShow: doubt.newestKnown, since: since)
  }

  /// Decides what can be decided.
  /// - Returns: False if nothing can be decided. Else the case is void, and is taken anew if calls are
  ///   left in doubt.
  private func decide(_ doubt: DoubtCase, _ unknown: Listing, isFinal: Bool)
    async throws(StoreError) -> Bool
  {
    let decision = DoubtDecision(
      doubt,
      Attribution.judge(doubt, unknown: unknown, isFinal: isFinal)
    )
    guard !decision.isEmpty else { return false }
    try await record(decision, of: doubt)
    return true
  }

  private func record(_ decision: DoubtDecision, of doubt: DoubtCase) async throws(StoreError) {
    let answer = try await context.store.decide(decision, worker: context.configuration.id)
    guard case .done(let ended) = answer else {
      return try await context.leave(decision.reward, for: .milliseconds(200))
    }
    note(decision, of: doubt)
    context.note(ended)
    context.signals.announceWork()
  }

  private func listingFailed(_ failure: ListingFailure, _ doubt: DoubtCase)
    async throws(StoreError)
  {
    context.logger.info(
      "listing proves nothing",
      metadata: ["reward": "\(doubt.reward)", "error": "\(failure.message)"]
    )
    if doubt.isUnlistable(failure) {
      var decision = DoubtDecision(reward: doubt.reward, judged: doubt.calls.map(\.call.id))
      decision.held = decision.judged
      decision.holdReason = .unlistable
      return try await record(decision, of: doubt)
    }
    try await context.leave(
      doubt.reward,
      for: doubt.pause(after: failure),
      listingFailed: failure.isOfTheList
    )
  }

  /// Waits without losing the lease on the reward.
  /// - Returns: False if it was lost, or the worker is stopping.
  private func pause(_ length: Duration, holding reward: RewardID) async throws(StoreError) -> Bool
  {
    let end = context.clock.now + length
    while context.clock.now < end {
      guard try await context.keep(reward) else { return false }
      let next = context.clock.now + context.configuration.reconcilerLease / 3
      await context.signals.drain.wait(until: min(end, next), on: context.clock)
      if context.isStopping { return false }
    }
    return true
  }

  private func note(_ decision: DoubtDecision, of doubt: DoubtCase) {
    context.meters.decided(decision)
    context.logger.notice(
      "doubt decided",
      metadata: [
        "reward": "\(decision.reward)", "adopted": "\(decision.adopted.count)",
        "absent": "\(decision.absent.count)", "held": "\(decision.held.count)",
      ]
    )
    let held = doubt.calls.map(\.call).filter { decision.held.contains($0.id) }
    for job in Set(held.map(\.job)).sorted() {
      context.logger.warning(
        "job held, a doubtful call needs a person: see codemint.doubts",
        metadata: [
          "job": "\(job)", "reward": "\(decision.reward)",
          "error_code": "\(decision.holdReason?.rawValue ?? "")",
        ]
      )
    }
  }

  /// The longest time until an undecided reward is listed again.
  private static let recheck: Duration = .seconds(5)
}

extension DoubtCase {
  /// Whether a failed listing means that only a person can decide: the list is gone or forbidden,
  /// or has failed for 15 minutes (protocol, rule 15).
  fileprivate func isUnlistable(_ failure: ListingFailure) -> Bool {
    if case .refused = failure { return now >= effectiveUntil }
    guard failure.isOfTheList, let failingSince else { return false }
    return now.microseconds - failingSince.microseconds >= Bounds.listingPatience.microseconds
  }

  /// How long a failed listing is left alone: longer the longer it has failed, up to a minute.
  fileprivate func pause(after failure: ListingFailure) -> Duration {
    guard failure.isOfTheList, let failingSince else { return Self.firstPause }
    let failing = Duration.microseconds(now.microseconds - failingSince.microseconds)
    return min(max(failing / 2, Self.firstPause), .seconds(60))
  }

  private static let firstPause: Duration = .seconds(2)
}
