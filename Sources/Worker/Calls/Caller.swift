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
    await context.drain.wait(until: slot, on: context.clock)
    let report = context.isDraining ? Self.givenBack : await send(claimed.call)
    let team = report.outcome.needsTeam ? await context.issuer.checkTeam() : nil
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

  private static let givenBack = CallReport(
    outcome: .unsent(.draining),
    httpStatus: nil,
    duration: .zero
  )

  private func send(_ call: Call) async -> CallReport {
    let (board, clock) = (context.board, context.clock)
    return await context.issuer.generate(call) { board.mayStillSend(call.id, at: clock.now) }
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
