import Logging
import Provisioning

/// Records how calls ended, as often as it takes, and brings back what was claimed with it.
struct Settler: Sendable {
  private let context: WorkerContext

  init(_ context: WorkerContext) {
    self.context = context
  }

  /// Settles a call and claims the next one in the same round trip; returns when the database has
  /// the settlement. Only a cancelled task gives up, and then the call's lease runs out.
  /// - Returns: What the next claim gave; nil if none was wanted, or the task was cancelled.
  func settle(_ settlement: Settlement, answer: Answer?, claimsNext: Bool) async -> AnsweredClaim? {
    var settlement = settlement
    var pending = claimsNext ? PendingClaim(context) : nil
    var next: AnsweredClaim?
    var refusals = Refusals(context, settlement.call, answer)
    while true {
      let reply = await context.store.settle(settlement, thenClaim: pending?.request)
      if let claim = reply.claim, let asked = pending, case .success(let claim) = claim {
        next = AnsweredClaim(claim: claim, asked: asked, answeredAt: context.clock.now)
        pending = nil
      }
      pending?.wasLost()
      switch reply.settled {
      case .success(let receipt):
        context.outage.succeeded(.call(settlement.call.id))
        await refusals.end()
        note(receipt, of: settlement)
        context.leases.remove(settlement.call.id)
        guard let pending else { return next }
        return await claimAgain(pending)
      case .failure(let error):
        if error.code == .contentRefused, let storable = storable(settlement, answer) {
          settlement = storable
          continue
        }
        await refusals.note(error)
        if await !context.pause(after: error, during: .call(settlement.call.id)) { return next }
      }
    }
  }

  /// Asks again for a claim whose answer was lost, until there is one: it may have been committed. A
  /// version that the ledger gives no more work need not ask: a call that it claimed falls in doubt
  /// with its lease.
  func claimAgain(_ pending: PendingClaim) async -> AnsweredClaim? {
    var pending = pending
    while true {
      do {
        let claim = try await context.store.claim(pending.request)
        context.outage.succeeded(.claiming)
        return AnsweredClaim(claim: claim, asked: pending, answeredAt: context.clock.now)
      } catch {
        pending.failed(error)
        let mayRepeat = await context.pause(after: error, during: .claiming)
        // Who stops needs no claim that was surely not made.
        let isResolved = !pending.mayBeMade && context.isDraining
        if !mayRepeat || isResolved || error.code == .superseded { return nil }
      }
    }
  }

  /// What can be stored of a settlement whose content the database refused; nil if nothing is left to
  /// change.
  private func storable(_ settlement: Settlement, _ answer: Answer?) -> Settlement? {
    if let answer, settlement.result == .issued {
      context.logger.error(
        "answer kept as bytes: the database refused its content",
        metadata: ["call": "\(settlement.call.id)", "job": "\(settlement.call.job)"]
      )
      return SettlementRule.unstorable(
        settlement,
        answer: answer,
        cause: "it holds a character or value that has no place there"
      )
    }
    let plain = SettlementRule.plain(settlement)
    return plain == settlement ? nil : plain
  }

  private func note(_ receipt: SettleReceipt, of settlement: Settlement) {
    context.meters.settled(receipt)
    let call = settlement.call
    if receipt.call == .inDoubt { context.signals.doubt.notify() }
    if receipt.call == .inDoubt, settlement.result == .issued {
      context.logger.warning(
        "the answer does not prove all that was asked for: the call is in doubt for the rest",
        metadata: [
          "job": "\(call.job)", "call": "\(call.id)", "reward": "\(call.reward)",
          "issued": "\(receipt.issued)",
        ]
      )
    }
    if receipt.surplus > 0 {
      context.logger.warning(
        "codes beyond what the job has room for",
        metadata: [
          "job": "\(call.job)", "call": "\(call.id)", "surplus": "\(receipt.surplus)",
        ]
      )
    }
    guard let state = receipt.job, state != receipt.jobBefore else { return }
    var reason: Logger.Metadata = [:]
    if state == .failed || state == .ending {
      if let code = settlement.errorCode { reason["error_code"] = "\(code)" }
      if let message = settlement.errorMessage { reason["error"] = "\(message)" }
    }
    context.note(call.job, became: state, reason)
  }
}

/// The refusals of one settlement: as soon as one is repeated, the ledger is told, so that operators see
/// why the call stands still, and the answer is kept where no trigger of somebody's own is.
private struct Refusals {
  private let context: WorkerContext
  private let call: Call
  private let answer: Answer?
  private var number = 0
  private var isKept = false
  private var isTold = false
  private var hasFailed = false

  init(_ context: WorkerContext, _ call: Call, _ answer: Answer?) {
    self.context = context
    self.call = call
    self.answer = answer
  }

  mutating func note(_ error: StoreError) async {
    guard error.sqlState != nil, error.code != .superseded else { return }
    number += 1
    guard number > 1 else { return }
    let evidence = isKept ? nil : answer.map { Array($0.body.prefix(Bounds.unreadableAnswerBytes)) }
    do throws(StoreError) {
      try await context.store.note(RefusedSettlement(call: call, error: error, evidence: evidence))
      isTold = true
      isKept = isKept || evidence != nil
    } catch {
      context.logger.log(
        level: hasFailed ? .debug : .error,
        "could not record who refuses a settlement",
        metadata: ["call": "\(call.id)", "error": "\(error)"]
      )
      hasFailed = true
    }
  }

  func end() async {
    guard isTold else { return }
    do throws(StoreError) {
      try await context.store.forgetRefusal(of: call.id)
    } catch {
      // The call has its outcome, so nobody is shown what is left.
      context.logger.debug("could not take a refusal back", metadata: ["error": "\(error)"])
    }
  }
}
