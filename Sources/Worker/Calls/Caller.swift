import Logging
import Provisioning

/// Sends one claimed call: waits for its slot, asks the API once, and says what is to be recorded.
struct Caller: Sendable {
  private let context: WorkerContext

  init(_ context: WorkerContext) {
    self.context = context
  }

  /// - Parameters:
  ///   - claimed: The call, among the leases already.
  ///   - slot: When its slot is, on this worker's clock.
  /// - Returns: The settlement, and the answer whose codes it records, if there was one.
  func perform(_ claimed: ClaimedCall, slot: Instant) async -> (Settlement, Answer?) {
    let report =
      if let reason = await waitForSlot(claimed, slot) {
        CallReport(outcome: .unsent(reason), httpStatus: nil, duration: .zero)
      } else {
        await send(claimed.call)
      }
    let settlement = SettlementRule.settle(
      claimed.call,
      by: context.configuration.id,
      lengths: context.configuration.lengths,
      report: report,
      team: report.outcome.needsTeam ? await checkTeam(after: claimed.call.id) : nil,
      jitter: context.dice.jitter()
    )
    context.meters.ended(settlement)
    note(settlement)
    guard case .issued(let answer) = report.outcome else { return (settlement, nil) }
    return (settlement, answer)
  }

  /// Waits for the call's slot, and for another slot if it comes too late for it.
  /// - Returns: Why the call is to be given back; nil if its slot has come.
  private func waitForSlot(_ claimed: ClaimedCall, _ slot: Instant) async -> UnsentReason? {
    let call = claimed.call.id
    var tolerance = claimed.tolerableLateness(ahead: claimed.slotDelay)
    var slot = slot
    var moves = 0
    while true {
      await context.signals.drain.wait(until: slot, on: context.clock)
      if context.isDraining { return .draining }
      guard context.leases.mayStillSend(call, at: context.clock.now) else { return .leaseLost }
      guard context.clock.now - slot > tolerance, moves < Self.mostMoves else { return nil }
      do throws(StoreError) {
        let moved = try await context.store.moveSlot(call, worker: context.configuration.id)
        context.outage.answered(.call(call))
        guard let moved else { return .slotMissed }
        slot = context.clock.now + moved
        moves += 1
        tolerance = claimed.tolerableLateness(ahead: .zero)
      } catch {
        await context.pause(for: context.retryDelay(after: error, during: .call(call)))
      }
    }
  }

  /// After this many new slots a call is sent even if it is late. A machine that is late every time is
  /// late by about the same time, so its calls do not bunch up.
  private static let mostMoves = 3

  private func send(_ call: Call) async -> CallReport {
    let (leases, clock, signals) = (context.leases, context.clock, context.signals)
    return await context.issuer.generate(call) {
      signals.announceDeparture()
      return leases.mayStillSend(call.id, at: clock.now)
    }
  }

  /// Asks in a slot of its own. If no slot can be had, it asks without: the call before it had one.
  /// A stop does not wait for the answer: the refusal is then the reward's own.
  private func checkTeam(after call: CallID) async -> TeamAnswer {
    do throws(StoreError) {
      if let delay = try await context.store.reserveSlot() { await context.pause(for: delay) }
    } catch {
      _ = context.outage.failed(error, during: .call(call))
    }
    return await context.untilDrain { await context.ask { await context.issuer.checkTeam() } }
  }

  /// One line for a call that did not simply succeed; none for one that did.
  private func note(_ settlement: Settlement) {
    var metadata: Logger.Metadata = [
      "call": "\(settlement.call.id)", "job": "\(settlement.call.job)",
      "reward": "\(settlement.call.reward)",
      "duration_ms": "\(settlement.duration.milliseconds)",
    ]
    if let code = settlement.errorCode { metadata["error_code"] = "\(code)" }
    if let message = settlement.errorMessage { metadata["error"] = "\(message)" }
    if let status = settlement.httpStatus { metadata["http_status"] = "\(status)" }
    switch settlement.result {
    case .inDoubt: context.logger.warning("call in doubt", metadata: metadata)
    case .rejected: context.logger.notice("call rejected", metadata: metadata)
    case .unsent: context.logger.info("call not sent", metadata: metadata)
    case .issued, .sending, .adopted, .absent: break
    }
  }
}

extension CallOutcome {
  /// Whether only `GET /v1/team` can tell whom the refusal concerns.
  fileprivate var needsTeam: Bool {
    if case .rejected(let rejection) = self { rejection.scope == .forbidden } else { false }
  }
}
