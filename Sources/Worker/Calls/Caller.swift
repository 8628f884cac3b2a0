import Logging
import Provisioning

/// Sends one claimed call: waits for its slot, asks the API once, and says what is to be recorded.
struct Caller: Sendable {
  private let context: WorkerContext

  init(_ context: WorkerContext) {
    self.context = context
  }

  /// - Parameters:
  ///   - claimed: The call, on the lease board already.
  ///   - slot: When its slot is, on this worker's clock.
  /// - Returns: The settlement, and the answer whose codes it records, if there was one.
  func perform(_ claimed: ClaimedCall, slot: Instant) async -> (Settlement, Answer?) {
    let report =
      if let reason = await waitForSlot(claimed, slot) {
        CallReport(outcome: .unsent(reason), httpStatus: nil, duration: .zero)
      } else {
        await send(claimed.call)
      }
    let team = report.outcome.needsTeam ? await checkTeam() : nil
    await context.passOnFeedback(than: claimed.spacing, age: report.duration)
    let settlement = context.dice.settlement(
      claimed,
      by: context.configuration.id,
      report: report,
      team: team
    )
    context.meters.ended(settlement)
    note(settlement)
    guard case .issued(let answer) = report.outcome else { return (settlement, nil) }
    return (settlement, answer)
  }

  /// Waits for the call's slot, and for another one if it comes too late for it.
  /// - Returns: Why the call is to be given back; nil if its slot has come.
  private func waitForSlot(_ claimed: ClaimedCall, _ slot: Instant) async -> UnsentReason? {
    let call = claimed.call.id
    var tolerance = Self.tolerance(claimed, ahead: claimed.slotDelay)
    var slot = slot
    var moves = 0
    while true {
      await context.drain.wait(until: slot, on: context.clock)
      if context.isDraining { return .draining }
      guard context.board.mayStillSend(call, at: context.clock.now) else { return .leaseLost }
      guard context.clock.now - slot > tolerance, moves < Self.mostMoves else { return nil }
      do throws(StoreError) {
        let moved = try await context.store.moveSlot(call, worker: context.configuration.id)
        context.outage.succeeded()
        guard let moved else { return .slotMissed }
        slot = context.clock.now + moved
        moves += 1
        tolerance = Self.tolerance(claimed, ahead: .zero)
      } catch {
        if await !context.waitForDatabase(failures: context.outage.failed(error)) {
          return .draining
        }
      }
    }
  }

  private static func tolerance(_ claimed: ClaimedCall, ahead: Duration) -> Duration {
    SlotLimiter.tolerableLateness(
      spacing: claimed.spacing,
      leeway: claimed.leeway,
      ahead: ahead
    )
  }

  /// A machine that is late every time is late by about the same, so that its calls do not bunch up:
  /// after so many new slots a call goes.
  private static let mostMoves = 3

  private func checkTeam() async -> TeamAnswer {
    await context.waitForSlot()
    return await context.issuer.checkTeam()
  }

  private func send(_ call: Call) async -> CallReport {
    let (board, clock, departure) = (context.board, context.clock, context.departure)
    return await context.issuer.generate(call) {
      departure.ring()
      return board.mayStillSend(call.id, at: clock.now)
    }
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
