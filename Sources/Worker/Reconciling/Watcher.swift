import Logging
import Provisioning

/// Lists a watched reward once more: what the ledger still does not know counts for calls that lack it, or
/// is recorded as surplus.
struct Watcher: Sendable {
  private let context: WorkerContext
  private let lister: Lister

  init(_ context: WorkerContext, _ lister: Lister) {
    self.context = context
    self.lister = lister
  }

  /// Lists the reward once.
  ///
  /// - Parameter takenAt: When the case was asked for, on this worker's clock. Taken before the
  ///   question, so that the end of the listing is never thought earlier than it was.
  func list(_ watch: WatchCase, takenAt: Instant) async throws(StoreError) {
    if let delay = watch.delay(listingGap: context.configuration.listingGap) {
      return try await context.leave(watch.reward, for: delay)
    }
    let listing = ListingID(context.dice.uniqueID())
    switch await lister.list(ListingPlan(watch), as: listing, takenAt: takenAt) {
    case .failure(let failed):
      try await listingFailed(failed.failure, watch)
    case .success(let unknown) where unknown.nulls > 0 && watch.mayAskAgain:
      // A null may be a code that a lost call made, and most of them pass.
      try await context.store.putOff(
        watch.reward,
        worker: context.configuration.id,
        pause: watch.pause(after: .unstable),
        error: "the list has items that are null or cannot be read"
      )
    case .success(let unknown):
      let elapsed = context.clock.now - takenAt
      let end = Timestamp(microseconds: watch.now.microseconds + elapsed.microseconds)
      try await conclude(watch.finding(in: unknown, listedUntil: end), watch)
    }
  }

  /// A list that is gone, forbidden or failing is asked for again ever less often, and in the end
  /// given up. Operators see it in `codemint.watches`.
  private func listingFailed(_ failure: ListingFailure, _ watch: WatchCase)
    async throws(StoreError)
  {
    guard failure.isOfTheList else {
      return try await context.leave(watch.reward, for: watch.retry)
    }
    let pause = watch.pause(after: failure)
    if pause == nil {
      context.logger.warning(
        watch.isAwaited
          ? "calls wait no longer for a listing, their jobs are held: see codemint.watches"
          : "watch given up: see codemint.watches",
        metadata: ["reward": "\(watch.reward)", "error": "\(failure.message)"]
      )
    }
    try await context.store.putOff(
      watch.reward,
      worker: context.configuration.id,
      pause: pause,
      error: failure.message
    )
  }

  /// Calls that were in flight while the listing ran may have made what it showed, so the finding
  /// waits for their outcomes (protocol, rule 14).
  private func conclude(_ finding: WatchFinding, _ watch: WatchCase) async throws(StoreError) {
    var waits = 0
    while waits < Self.mostWaits, !context.isStopping {
      switch try await context.store.conclude(finding, worker: context.configuration.id) {
      case .done(let issued, let surplus, let ended):
        return note(finding, issued: issued, surplus: surplus, ended)
      case .more(let issued, let surplus, let ended):
        note(finding, issued: issued, surplus: surplus, ended)
      case .lost:
        return
      case .wait:
        waits += 1
        await context.pause(for: context.configuration.reconcilerLease / 3)
      }
      guard try await context.keep(finding.reward) else { return }
    }
    try await context.leave(finding.reward, for: watch.retry)
  }

  private func note(_ finding: WatchFinding, issued: Int, surplus: Int, _ ended: [EndedJob]) {
    context.meters.found(issued: issued, surplus: surplus)
    if issued > 0 {
      context.logger.notice(
        "codes found late, for calls that lacked them",
        metadata: ["reward": "\(finding.reward)", "issued": "\(issued)"]
      )
    }
    if surplus > 0 {
      context.logger.warning(
        "codes found late, recorded as surplus",
        metadata: ["reward": "\(finding.reward)", "surplus": "\(surplus)"]
      )
    }
    context.note(ended)
    context.signals.announceWork()
  }

  /// After this many waits the reward is given back, and listed again later.
  private static let mostWaits = 12
}

extension WatchCase {
  /// Whether a listing that calls wait for, and that does not show everything, is read once more.
  fileprivate var mayAskAgain: Bool { isAwaited && failures < 5 }

  /// How long a listing is put off that came to nothing through no fault of the list.
  fileprivate var retry: Duration { isAwaited ? Bounds.awaitedRetry : Bounds.watchRetry }
}
