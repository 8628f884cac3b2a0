import Logging
import Provisioning
import Synchronization

/// Decides when to claim, and runs what it gets in lanes, one call each at a time.
///
/// It claims when work is announced, when a slot or a waiting job is due, and at least every `poll`. A
/// lane that settles a call claims the next in the same round trip, so under load the dispatcher has
/// nothing to do.
struct Dispatcher: Sendable {
  private let context: WorkerContext
  private let caller: Caller
  private let settler: Settler
  private let slots = SlotClock()
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
      while !context.isStopping {
        context.onProgress()
        let announced = context.signals.takeDispatch()
        schedule.take(lanes.takeLastClaims(), hasWork: announced.hasWork, now: context.clock.now)
        if announced.needsHeartbeat { schedule.requestHeartbeat(now: context.clock.now) }
        if schedule.isHeartbeatDue(at: context.clock.now) { await heartbeat(&schedule, &group) }
        if schedule.isClaimDue(at: context.clock.now) { await fillLanes(&schedule, &group) }
        await wait(until: schedule.next)
      }
      group.addTask { await announceDrain() }
      await finish(&schedule)
    }
  }

  /// Waits until something is announced, but shows progress before long.
  private func wait(until next: Instant) async {
    let latest = context.clock.now + context.configuration.progressInterval
    await context.signals.waitForDispatch(until: min(next, latest), on: context.clock)
  }

  private func heartbeat(
    _ schedule: inout DispatchSchedule,
    _ group: inout DiscardingTaskGroup
  ) async {
    do {
      let found = try await context.store.heartbeat(context.presence(draining: false))
      context.outage.succeeded(.heartbeat)
      schedule.note(
        found,
        every: context.configuration.heartbeatInterval,
        now: context.clock.now
      )
      for expired in found.expired {
        context.logger.warning(
          "lease ran out, call in doubt",
          metadata: [
            "call": "\(expired.call)", "job": "\(expired.job)", "reward": "\(expired.reward)",
          ]
        )
      }
      for mended in found.mended {
        context.logger.warning("the ledger was mended", metadata: ["what": "\(mended)"])
      }
      context.note(found.steered)
      if found.isReconcilingDue { context.signals.doubt.notify() }
      note(outage: found, &schedule)
      note(stall: found.stall, &schedule)
      react(to: found.block, &schedule, &group)
    } catch {
      let pause = context.retryDelay(after: error, during: .heartbeat)
      schedule.databaseFailed(pause: pause, now: context.clock.now)
    }
  }

  /// Claims until there is nothing to claim or every lane is taken.
  private func fillLanes(
    _ schedule: inout DispatchSchedule,
    _ group: inout DiscardingTaskGroup
  ) async {
    while lanes.count < schedule.maxInFlight, !context.isDraining {
      context.onProgress()
      var asked = schedule.pending ?? PendingClaim(context)
      schedule.pending = asked
      do {
        let claim = try await context.store.claim(asked.request)
        context.outage.succeeded(.claiming)
        schedule.pending = nil
        guard case .call(let claimed) = claim else {
          schedule.found(claim, poll: context.configuration.poll, now: context.clock.now)
          return
        }
        context.signals.forgetDepartures()
        let answered = AnsweredClaim(claim: claim, asked: asked, answeredAt: context.clock.now)
        open(claimed.call, answered, &group)
        await letLeave(claimed)
      } catch {
        asked.failed(error)
        // If it was surely not made, nothing of it has to be resolved.
        schedule.pending = asked.mayBeMade ? asked : nil
        let pause = context.retryDelay(after: error, during: .claiming)
        return schedule.databaseFailed(pause: pause, now: context.clock.now)
      }
    }
    schedule.lanesFull(poll: context.configuration.poll, now: context.clock.now)
  }

  /// Lets a request whose slot is at once leave before the next call is asked for: on a small machine
  /// the two would be in each other's way, and a job of one call has to wait for nothing.
  private func letLeave(_ claimed: ClaimedCall) async {
    guard claimed.slotDelay < Self.courtesy else { return }
    let latest = context.clock.now + Self.courtesy
    await context.signals.waitForDeparture(until: latest, on: context.clock)
  }

  /// How long the next claim waits for a request to leave.
  private static let courtesy: Duration = .milliseconds(5)

  private func open(
    _ call: Call,
    _ claim: AnsweredClaim,
    _ group: inout DiscardingTaskGroup
  ) {
    lanes.opened()
    context.leases.add(call.id, until: claim.asked.leaseEnd)
    group.addTask {
      lanes.closed(await runLane(claim))
      context.signals.announceLaneEnd()
    }
  }

  /// One call after another, until the ledger has no next one for this lane.
  /// - Returns: What the last claim said; nil if there was none.
  private func runLane(_ first: AnsweredClaim) async -> Claim? {
    var current = first
    while case .call(let claimed) = current.claim {
      context.leases.add(claimed.call.id, until: current.asked.leaseEnd)
      if claimed.startsJob { context.note(claimed.call.job, became: .running) }
      let slot = slots.slot(of: claimed, current)
      let (settlement, answer) = await caller.perform(claimed, slot: slot)
      let next = await settler.settle(
        settlement,
        answer: answer,
        claimsNext: !context.isDraining
      )
      guard let next else { return nil }
      current = next
    }
    return current.claim
  }

  /// Lets operators see that this worker is stopping; nothing depends on it.
  private func announceDrain() async {
    do {
      _ = try await context.store.heartbeat(context.presence(draining: true))
    } catch {
      context.logger.debug("could not announce the drain", metadata: ["error": "\(error)"])
    }
  }

  /// Waits for the lanes to end, and resolves a claim whose answer was lost: it may be committed.
  private func finish(_ schedule: inout DispatchSchedule) async {
    if let pending = schedule.pending, let claim = await settler.claimAgain(pending) {
      _ = await runLane(claim)
    }
    while lanes.count > 0, !Task.isCancelled {
      context.onProgress()
      _ = context.signals.takeDispatch()
      guard lanes.count > 0 else { return }
      await wait(until: Instant(nanoseconds: .max))
    }
  }

  /// One line when an outage of the API begins and one when it is over.
  private func note(outage found: Heartbeat, _ schedule: inout DispatchSchedule) {
    defer { schedule.isAPIFailing = found.isAPIFailing }
    guard found.isAPIFailing != schedule.isAPIFailing else { return }
    if found.isAPIFailing {
      context.logger.warning(
        "the API fails; no call is sent until it answers a harmless request",
        metadata: ["error": "\(found.block?.message ?? "one call at a time until one is clean")"]
      )
    } else {
      context.logger.notice("the API answers again")
    }
  }

  /// One line when the fleet stands still for no reason that is known, and one when it does no more.
  private func note(stall: String?, _ schedule: inout DispatchSchedule) {
    guard (stall != nil) != schedule.isStalled else { return }
    schedule.isStalled = stall != nil
    if let stall {
      context.logger.error(
        "nothing is claimed although jobs are due",
        metadata: ["error": "\(stall)"]
      )
    } else {
      context.logger.notice("claims are made again, or nothing is due")
    }
  }

  /// Says once why nothing may be sent, and once that this is over; probes a refused account if this
  /// worker shall. An outage of the API has words of its own; a refused key is said during and after it.
  private func react(
    to block: AccountBlock?,
    _ schedule: inout DispatchSchedule,
    _ group: inout DiscardingTaskGroup
  ) {
    let code = block.flatMap { $0.isOutage ? nil : $0.code }
    let before = schedule.blockCode
    schedule.blockCode = code
    if let before, code != before {
      context.logger.notice("this is resolved", metadata: ["error_code": "\(before)"])
    }
    if let block, let code, code != before {
      context.logger.warning(
        "nothing is sent until this is resolved",
        metadata: ["error_code": "\(code)", "error": "\(block.message)"]
      )
    }
    if let block, block.probeNow {
      let isOutage = block.isOutage
      group.addTask { await Prober(context, isOutage: isOutage).probe() }
    }
  }
}

extension AccountBlock {
  /// Whether the breaker is open and nothing else blocks the account.
  fileprivate var isOutage: Bool { code == "api_failing" }
}

/// How many lanes run, and what the last claim said of each that ended.
private final class Lanes: Sendable {
  private struct State {
    var count = 0
    var lastClaims: [Claim] = []
  }

  private let state = Mutex(State())

  /// Lanes that run.
  var count: Int { state.withLock { $0.count } }

  /// Notes that one more runs.
  func opened() {
    state.withLock { $0.count += 1 }
  }

  /// Notes that one has ended, and what its last claim said.
  func closed(_ last: Claim?) {
    state.withLock { state in
      state.count -= 1
      if let last { state.lastClaims.append(last) }
    }
  }

  /// The last claims of lanes that have ended since this was last asked.
  func takeLastClaims() -> [Claim] {
    state.withLock { state in
      defer { state.lastClaims = [] }
      return state.lastClaims
    }
  }
}
