import Logging
import Provisioning
import Synchronization

/// Finds out what doubtful calls did, by listing upstream, for a few rewards at a time: one whose list is
/// long or fails does not keep the others waiting.
///
/// It runs when something fell in doubt here, and when a heartbeat says that a reward is due. All
/// judgement is in `Attribution` and `ListingReader`; this only carries it out.
struct Reconciler: Sendable {
  private let context: WorkerContext
  private let lister: Lister
  private let sightings = DoubtSightings()
  private let underWay = RewardCount()

  init(_ context: WorkerContext) {
    self.context = context
    self.lister = Lister(context)
  }

  /// The most rewards at a time.
  private static let most = 4

  /// Reconciles until drained or cancelled.
  func run() async {
    let patience = max(context.configuration.heartbeatInterval, .seconds(60))
    await withDiscardingTaskGroup { group in
      while !context.isStopping {
        context.signals.doubt.take()
        while !context.isStopping, underWay.value < Self.most, let work = await take() {
          underWay.add(1)
          group.addTask {
            await carryOut(work)
            underWay.add(-1)
            // There is room again, and there may be more to do.
            context.signals.doubt.notify()
          }
        }
        await context.signals.doubt.wait(until: context.clock.now + patience, on: context.clock)
      }
    }
  }

  /// For so long nothing may have been due of a reward that the database refused.
  private static let quiet: Duration = .seconds(900)

  /// A reward that this worker has taken, and when, on its own clock.
  private enum Work: Sendable {
    case doubt(DoubtCase, takenAt: Instant)
    case watch(WatchCase, takenAt: Instant)

    var reward: RewardID {
      switch self {
      case .doubt(let doubt, _): doubt.reward
      case .watch(let watch, _): watch.reward
      }
    }

    var kind: RefusedWork.Kind {
      switch self {
      case .doubt: .doubt
      case .watch: .watch
      }
    }
  }

  /// Takes a reward; calls in doubt go before watches.
  private func take() async -> Work? {
    let (id, lease) = (context.configuration.id, context.configuration.reconcilerLease)
    do throws(StoreError) {
      if let doubt = try await context.store.takeDoubt(id, lease: lease) {
        context.outage.succeeded(.reconciling)
        return .doubt(doubt, takenAt: context.clock.now)
      }
      // Taken before the question, so that the end of the listing is never thought earlier than it was.
      let askedAt = context.clock.now
      if let watch = try await context.store.takeWatch(id, lease: lease) {
        context.outage.succeeded(.reconciling)
        return .watch(watch, takenAt: askedAt)
      }
      context.outage.succeeded(.reconciling)
      context.outage.forget(after: Self.quiet)
    } catch {
      if await context.pause(after: error, during: .reconciling) { context.signals.doubt.notify() }
    }
    return nil
  }

  private func carryOut(_ work: Work) async {
    do throws(StoreError) {
      switch work {
      case .doubt(let doubt, let takenAt):
        try await resolve(doubt, takenAt: takenAt)
      case .watch(let watch, let takenAt):
        try await Watcher(context, lister).list(watch, takenAt: takenAt)
      }
      context.outage.succeeded(.listing(work.reward))
    } catch {
      await context.note(RefusedWork(work.kind, of: work.reward, error))
      _ = await context.pause(after: error, during: .listing(work.reward))
    }
  }

  private func resolve(_ doubt: DoubtCase, takenAt: Instant) async throws(StoreError) {
    let attempt = Attempt(
      doubt: doubt,
      listing: ListingID(context.dice.uniqueID()),
      takenAt: takenAt,
      remaining: sightings.remaining(doubt, at: takenAt)
    )
    switch await list(attempt) {
    case .failure(let failed):
      try await listingFailed(failed, attempt)
    case .success(let first):
      let pools = Attribution.judge(doubt, first, past: attempt.past)
      if try await decide(pools, first, attempt) { return }
      guard attempt.arePast else {
        let elapsed = context.clock.now - takenAt
        return try await context.leave(doubt.reward, for: attempt.recheck(after: elapsed))
      }
      try await listAgain(attempt, earlier: Set(pools.map(\.sighting)))
    }
  }

  /// Anything less than finding everything is decided by two equal listings only, the second begun so
  /// much after the first ended as a list can be out of date (protocol, rule 12).
  private func listAgain(_ attempt: Attempt, earlier: Set<Sighting>) async throws(StoreError) {
    let doubt = attempt.doubt
    guard try await pause(doubt.listingGap, holding: doubt.reward) else {
      return try await context.leave(doubt.reward, for: .zero)
    }
    switch await list(attempt) {
    case .failure(let failed):
      try await listingFailed(failed, attempt)
    case .success(let second):
      let pools = Attribution.judge(doubt, second, past: attempt.past, earlier: earlier)
      if try await !decide(pools, second, attempt) {
        try await undecided(attempt, as: .disagreeing, counts: .zero, pause: doubt.pause)
      }
    }
  }

  private func list(_ attempt: Attempt) async -> Result<Listing, FailedListing> {
    await lister.list(
      ListingPlan(attempt.doubt),
      as: attempt.listing,
      takenAt: attempt.takenAt
    )
  }

  /// Decides what can be decided.
  /// - Returns: False if nothing can be decided. Else the case is void, and is taken anew if calls are
  ///   left in doubt.
  private func decide(_ pools: [JudgedPool], _ listing: Listing, _ attempt: Attempt)
    async throws(StoreError) -> Bool
  {
    let decision = DoubtDecision(attempt.doubt, listing, pools)
    guard !decision.isEmpty else { return false }
    try await record(decision, of: attempt.doubt)
    return true
  }

  private func record(_ decision: DoubtDecision, of doubt: DoubtCase) async throws(StoreError) {
    guard try await setAside(decision) else { return }
    let answer = try await context.store.decide(decision, worker: context.configuration.id)
    guard case .done(let ended) = answer else {
      return try await context.leave(decision.reward, for: .milliseconds(200))
    }
    note(decision, of: doubt)
    context.note(ended)
    context.signals.announceWork()
  }

  /// Sets codes aside in pieces, before the decision that holds their call: however many there are, each
  /// transaction is short (protocol, rule 13).
  /// - Returns: False if the reward has been lost.
  private func setAside(_ decision: DoubtDecision) async throws(StoreError) -> Bool {
    guard let call = decision.held.first else { return true }
    let raw = Set(decision.raw.map(\.id))
    var rest = decision.unattributed[...]
    while !rest.isEmpty {
      let piece = rest.prefix(Bounds.decisionPiece).filter { !raw.contains($0) }
      rest = rest.dropFirst(Bounds.decisionPiece)
      let isKept = try await context.store.setAside(
        piece,
        in: decision.listing,
        of: decision.reward,
        for: call,
        worker: context.configuration.id
      )
      guard isKept, try await context.keep(decision.reward) else { return false }
    }
    return true
  }

  private func listingFailed(_ failed: FailedListing, _ attempt: Attempt)
    async throws(StoreError)
  {
    let doubt = attempt.doubt
    context.logger.info(
      "listing proves nothing",
      metadata: ["reward": "\(doubt.reward)", "error": "\(failed.failure.message)"]
    )
    if case .refused = failed.failure, attempt.arePast {
      return try await hold(attempt, as: .unlistable)
    }
    guard let counts = failed.counts else {
      return try await context.leave(doubt.reward, for: DoubtCase.firstPause)
    }
    let pause = max(doubt.pause, failed.failure.retryAfter ?? .zero)
    try await undecided(attempt, as: .unlistable, counts: counts, pause: pause)
  }

  /// Nothing is undecided for ever: after 15 minutes a person decides (protocol, rule 12).
  private func undecided(
    _ attempt: Attempt,
    as reason: HoldReason,
    counts: Duration,
    pause: Duration
  ) async throws(StoreError) {
    if attempt.doubt.undecidedFor >= Bounds.listingPatience {
      return try await hold(attempt, as: reason)
    }
    try await context.leave(attempt.doubt.reward, for: pause, counts: counts)
  }

  private func hold(_ attempt: Attempt, as reason: HoldReason) async throws(StoreError) {
    var decision = DoubtDecision(
      reward: attempt.doubt.reward,
      listing: attempt.listing,
      judged: attempt.doubt.calls.map(\.call.id)
    )
    decision.held = decision.judged
    decision.holdReason = reason
    try await record(decision, of: attempt.doubt)
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
    guard let reason = decision.holdReason else { return }
    let held = doubt.calls.map(\.call).filter { decision.held.contains($0.id) }
    for job in Set(held.map(\.job)).sorted() {
      context.logger.warning(
        reason.hasSeenAll
          ? "job held, a doubtful call needs a person: see codemint.doubts"
          : "a doubtful call is held until a listing proves more: see codemint.doubts",
        metadata: [
          "job": "\(job)", "reward": "\(decision.reward)", "error_code": "\(reason.rawValue)",
        ]
      )
    }
  }
}

/// How many rewards this worker has taken.
private final class RewardCount: Sendable {
  private let number = Atomic(0)

  var value: Int { number.load(ordering: .relaxed) }

  func add(_ change: Int) {
    number.add(change, ordering: .relaxed)
  }
}

/// One attempt to decide a case.
private struct Attempt: Sendable {
  let doubt: DoubtCase
  /// What the ledger stages under, for both listings.
  let listing: ListingID
  let takenAt: Instant
  /// How much longer each call could take effect when the case was taken.
  let remaining: [CallID: Duration]

  /// Calls that can no longer take effect.
  var past: Set<CallID> { Set(remaining.filter { $0.value <= .zero }.keys) }

  /// Whether none of the calls can.
  var arePast: Bool { past.count == doubt.calls.count }

  /// How long an undecided reward is left alone: the longer its calls are in doubt the longer, up to a
  /// minute, and not longer than they can take effect.
  func recheck(after elapsed: Duration) -> Duration {
    let youngest = doubt.calls.map(\.earliest.microseconds).max() ?? 0
    let age = Duration.microseconds(doubt.now.microseconds - youngest)
    let left = (remaining.values.max() ?? .zero) - elapsed
    return min(max(left, .milliseconds(50)), max(.seconds(5), min(age / 4, .seconds(60))))
  }
}

extension DoubtCase {
  /// How long listings are left alone that failed or disagreed: the longer that has gone on the longer, up
  /// to a minute.
  fileprivate var pause: Duration {
    min(max(undecidedFor / 2, Self.firstPause), .seconds(60))
  }

  fileprivate static let firstPause: Duration = .seconds(2)

  /// How long a list may be out of date, by all senders of its calls.
  fileprivate var listingGap: Duration { calls.map(\.listingGap).max() ?? .zero }
}
