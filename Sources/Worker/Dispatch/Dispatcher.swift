import Logging
import Provisioning

/// Decides when to look for work, and runs what it finds in lanes, one call each at a time.
///
/// It looks when it is woken, when a slot or a due job was announced to it, and every `poll`
/// besides. A lane that settles a call claims the next in the same round trip, so under load the
/// dispatcher has nothing to do.
struct Dispatcher: Sendable {
  private let context: WorkerContext
  private let caller: Caller
  private let settler: Settler
  private let lanes = Lanes()

  init(_ context: WorkerContext) {
    self.context = context
    self.caller = Caller(context)
    self.settler = Settler(context)
  }

  /// Dispatches until drained, and returns when the last lane has ended.
  func run() async {
    await withDiscardingTaskGroup { group in
      var schedule = DispatchSchedule(
        now: context.clock.now,
        maxInFlight: context.limits.value.maxInFlight
      )
      while !context.isDraining, !Task.isCancelled {
        context.onProgress()
        context.wake.silence()
        schedule.take(
          hints: lanes.takeHints(),
          woken: context.work.silence(),
          now: context.clock.now
        )
        if context.account.silence() { schedule.accountChanged(now: context.clock.now) }
        if schedule.isTendDue(at: context.clock.now) { await tend(&schedule, &group) }
        if schedule.isClaimDue(at: context.clock.now) { await fillLanes(&schedule, &group) }
        let latest = context.clock.now + context.configuration.progressInterval
        await context.wake.wait(until: min(schedule.next, latest), on: context.clock)
      }
      group.addTask { await announceDrain() }
      await finish(&schedule)
    }
  }

  private func tend(_ schedule: inout DispatchSchedule, _ group: inout DiscardingTaskGroup) async {
    do {
      let tending = try await context.store.tend(context.presence(draining: false))
      context.outage.succeeded()
      schedule.tended(tending, every: context.configuration.tendInterval, now: context.clock.now)
      for expired in tending.expired {
        context.logger.warning(
          "lease ran out, call in doubt",
          metadata: [
            "call": "\(expired.call)", "job": "\(expired.job)", "reward": "\(expired.reward)",
          ]
        )
      }
      context.note(tending.steered)
      if tending.isReconcilingDue { context.doubt.ring() }
      note(outage: tending, &schedule)
      react(to: tending.block, &schedule, &group)
    } catch {
      schedule.databaseFailed(pause: pause(after: error), now: context.clock.now)
    }
  }

  /// Claims until there is nothing to claim or every lane is taken.
  private func fillLanes(
    _ schedule: inout DispatchSchedule,
    _ group: inout DiscardingTaskGroup
  ) async {
    while lanes.count < schedule.maxInFlight, !context.isDraining {
      context.onProgress()
      let asked = schedule.pending ?? context.newClaim()
      schedule.pending = asked
      do {
        let claim = try await context.store.claim(asked.request)
        context.outage.succeeded()
        schedule.pending = nil
        let next = NextCall(claim: claim, asked: asked, answeredAt: context.clock.now)
        guard case .call(let claimed) = claim else {
          schedule.found(claim, poll: context.configuration.poll, now: context.clock.now)
          return
        }
        context.departure.silence()
        open(claimed, next, &group)
        await letLeave(claimed)
      } catch {
        return schedule.databaseFailed(pause: pause(after: error), now: context.clock.now)
      }
    }
    schedule.lanesFull(poll: context.configuration.poll, now: context.clock.now)
  }

  /// Lets a request whose slot is at once leave before the next call is asked for: on a small machine
  /// the two would be in each other's way, and a job of one call has to wait for nothing.
  private func letLeave(_ claimed: ClaimedCall) async {
    guard claimed.slotDelay < Self.courtesy else { return }
    await context.departure.wait(until: context.clock.now + Self.courtesy, on: context.clock)
  }

  /// How long the next claim waits for a request to leave.
  private static let courtesy: Duration = .milliseconds(5)

  private func open(
    _ claimed: ClaimedCall,
    _ next: NextCall,
    _ group: inout DiscardingTaskGroup
  ) {
    lanes.opened()
    context.board.add(claimed.call.id, until: next.asked.leaseEnd)
    group.addTask {
      let last = await runLane(claimed, next)
      lanes.closed(last)
      context.wake.ring()
    }
  }

  /// One call after another, until the ledger has no next one for this lane.
  /// - Returns: What the last claim said.
  private func runLane(_ first: ClaimedCall, _ asked: NextCall) async -> Claim? {
    var claimed = first
    var asked = asked
    while true {
      if claimed.startsJob { context.note(claimed.call.job, became: .running) }
      let slot = context.slots.slot(
        of: claimed,
        askedAt: asked.asked.askedAt,
        answeredAt: asked.answeredAt
      )
      let (settlement, answer) = await caller.perform(claimed, slot: slot)
      let next = await settler.settle(
        settlement,
        answer: answer,
        claimsNext: !context.isDraining
      )
      guard let next, case .call(let call) = next.claim else { return next?.claim }
      context.board.add(call.call.id, until: next.asked.leaseEnd)
      claimed = call
      asked = next
    }
  }

  /// Lets operators see that this worker is stopping; nothing depends on it.
  private func announceDrain() async {
    do {
      _ = try await context.store.tend(context.presence(draining: true))
    } catch {
      context.logger.debug("could not announce the drain", metadata: ["error": "\(error)"])
    }
  }

  /// Waits for the lanes to end, and resolves a claim whose answer was lost: it may be committed.
  private func finish(_ schedule: inout DispatchSchedule) async {
    if let pending = schedule.pending, let next = await settler.claimAgain(pending),
      case .call(let claimed) = next.claim
    {
      context.board.add(claimed.call.id, until: next.asked.leaseEnd)
      _ = await runLane(claimed, next)
    }
    while lanes.count > 0, !Task.isCancelled {
      context.onProgress()
      context.wake.silence()
      guard lanes.count > 0 else { return }
      let latest = context.clock.now + context.configuration.progressInterval
      await context.wake.wait(until: latest, on: context.clock)
    }
  }

  private func pause(after error: StoreError) -> Duration {
    context.dice.wait(.database, failures: context.outage.failed(error))
  }

  /// One line when an outage of the API begins and one when it is over.
  private func note(outage tending: Tending, _ schedule: inout DispatchSchedule) {
    defer { schedule.isAPIFailing = tending.isAPIFailing }
    guard tending.isAPIFailing != schedule.isAPIFailing else { return }
    if tending.isAPIFailing {
      context.logger.warning(
        "the API fails; no call is sent until it answers a harmless request",
        metadata: ["error": "\(tending.block?.message ?? "one call at a time until one is clean")"]
      )
    } else {
      context.logger.notice("the API answers again")
    }
  }

  /// Nothing may be sent: says so once, and probes a refused account if it is this worker's turn.
  private func react(
    to block: AccountBlock?,
    _ schedule: inout DispatchSchedule,
    _ group: inout DiscardingTaskGroup
  ) {
    defer { schedule.blockCode = block?.code }
    guard let block else { return }
    if block.code != schedule.blockCode, !schedule.isAPIFailing {
      context.logger.warning(
        "nothing may be sent for now",
        metadata: ["error_code": "\(block.code)", "error": "\(block.message)"]
      )
    }
    if block.probeNow {
      let isOutage = schedule.isAPIFailing
      group.addTask { await Prober(context, isOutage: isOutage).probe() }
    }
  }
}
