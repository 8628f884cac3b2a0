import Logging
import Provisioning

/// Asks the API whether it accepts the account again, with the harmless `GET /v1/team` and never
/// with a generate call.
struct Prober: Sendable {
  private let context: WorkerContext
  /// Whether the probe is because of an outage. The dispatcher then logs the end of the outage.
  private let isOutage: Bool

  init(_ context: WorkerContext, isOutage: Bool) {
    self.context = context
    self.isOutage = isOutage
  }

  /// Asks once and records the answer.
  func probe() async {
    let answer = await context.untilDrain {
      await context.ask { await context.issuer.checkTeam() }
    }
    guard !context.isDraining else { return }
    do throws(StoreError) {
      try await context.store.recordProbe(answer)
    } catch {
      _ = context.outage.failed(error, during: .pacing)
      return
    }
    context.outage.succeeded(.pacing)
    switch answer {
    case .accepted:
      if isOutage {
        context.logger.debug("the API answers; one call at a time until one is clean")
      } else {
        context.logger.notice("the API accepts the account again")
      }
      context.signals.announceWork()
    case .refused(let code, let message):
      context.logger.debug(
        "the API still refuses the account",
        metadata: ["error_code": "\(code)", "error": "\(message)"]
      )
    case .unreachable(let cause):
      context.logger.debug("the API cannot be asked", metadata: ["error": "\(cause)"])
    }
  }
}
